import Foundation
import Runtime
import Testing

@Suite struct HealthTests {
    @Test func `a service is ready when every check passes`() async throws {
        let health = HealthRegistry()
        health.register("database") { .passed() }
        health.register("switches") { .passed(detail: "keeping the last good file") }

        let report = await health.report()

        #expect(report.isReady)
        #expect(report.reason == nil)
        let json = try #require(try JSONSerialization.jsonObject(with: Data(report.json)) as? [String: Any])
        #expect(json["status"] as? String == "ready")
        let checks = try #require(json["checks"] as? [String: [String: Any]])
        #expect(checks["switches"]?["detail"] as? String == "keeping the last good file")
        #expect(checks["database"]?["ok"] as? Bool == true)
    }

    @Test func `one failing check makes it unavailable and says why`() async throws {
        let health = HealthRegistry()
        health.register("database") { .failed(reason: "connection \"refused\"") }
        health.register("lag") { .passed() }

        let report = await health.report()

        #expect(!report.isReady)
        #expect(report.reason == "database: connection \"refused\"")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(report.json)) as? [String: Any])
        #expect(json["status"] as? String == "unavailable")
        #expect(json["reason"] as? String == "database: connection \"refused\"")
    }

    @Test func `a check that never answers fails without holding up the report`() async {
        let health = HealthRegistry(limit: .milliseconds(20))
        let (forever, continuation) = AsyncStream.makeStream(of: Void.self)
        defer { continuation.finish() }
        health.register("stuck") {
            // Does not even listen to its cancellation.
            await Task.detached { for await _ in forever {} }.value
            return .passed()
        }

        #expect(await health.report().checks.map(\.outcome) == [.failed(reason: "no answer within 0.02 seconds")])
    }

    @Test func `a check that is registered again replaces the first`() async {
        let health = HealthRegistry()
        health.register("database") { .failed(reason: "starting") }
        health.register("database") { .passed() }

        #expect(await health.report().isReady)
    }

    @Test func `during shutdown it is not ready whatever the checks say`() async {
        let health = HealthRegistry()
        health.register("database") { .passed() }
        health.beginShutdown()

        let report = await health.report()

        #expect(!report.isReady)
        #expect(report.reason == "shutting down")
    }
}
