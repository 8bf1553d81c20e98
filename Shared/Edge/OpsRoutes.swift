import HTTPTypes
import Hummingbird
import NIOCore
import Runtime

/// `/livez`, `/readyz` and `/metrics`: what whoever runs the service asks it. They need no key and tell no tenant.
enum OpsRoutes {
    static let patterns: Set<String> = ["/livez", "/readyz", "/metrics"]

    static func add(to router: EdgeRouter, health: HealthRegistry, metrics: PrometheusMetrics) {
        // The process is up: no database, nothing that can be away.
        router.get("/livez") { _, _ in
            Response.json(Array(#"{"status":"alive"}"#.utf8), headers: [.cacheControl: "no-store"])
        }
        router.get("/readyz") { _, _ in
            let report = await health.report()
            return Response.json(
                report.json, status: report.isReady ? .ok : .serviceUnavailable,
                headers: [.cacheControl: "no-store"])
        }
        metrics.describe(
            MetricDefinition("closter_ready", .gauge, help: "1 where a check of /readyz has passed, at this scrape."))
        router.get("/metrics") { _, _ in
            // An alert must not depend on whether anything else asks /readyz.
            for check in await health.report().checks {
                let isPassed = if case .passed = check.outcome { 1.0 } else { 0.0 }
                metrics.observe("closter_ready", dimensions: [("check", check.name)]) { isPassed }
            }
            return Response(
                status: .ok, headers: [.contentType: PrometheusMetrics.contentType, .cacheControl: "no-store"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.exposition())))
        }
    }
}
