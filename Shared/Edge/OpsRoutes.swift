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
        router.get("/metrics") { _, _ in
            Response(
                status: .ok, headers: [.contentType: PrometheusMetrics.contentType, .cacheControl: "no-store"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.exposition())))
        }
    }
}
