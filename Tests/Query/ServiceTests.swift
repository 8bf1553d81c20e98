import EventSourcing
import Foundation
import JSON
import Runtime
import Testing

@testable import Query

@Suite struct ServiceTests {
    @Test func `what is not for tenants needs no key`() async throws {
        try await QueryApp.with { app in
            #expect(try await app.get("/livez", of: nil).status == 200)
            let ready = try await app.get("/readyz", of: nil)
            #expect(ready.status == 200)
            #expect(ready.json["checks"]?["database"]?["ok"] == true)
            #expect(ready.json["checks"]?["projections"]?["ok"] == true)

            let metrics = try await app.get("/metrics", of: nil).text
            #expect(metrics.contains("closter_read_lag_positions{projection=\"items\"} 0"))

            let all = try await app.get("/problems", of: nil)
            #expect(all.data.contains { $0["code"] == "not_yet_visible" })
            let problem = try await app.get("/problems/invalid_cursor", of: nil)
            #expect(problem.json["type"] == "/problems/invalid_cursor")
            #expect(problem.json["status"] == 400)
            #expect(problem.json["explanation"]?.stringValue?.isEmpty == false)
            #expect(try await app.get("/problems/none", of: nil).status == 404)
        }
    }

    @Test func `every kind of problem that a read answers with is explained at its type`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            for path in ["/v1/items?x=1", "/v1/items/none", "/v1/items?cursor=x", "/nothing"] {
                let type = try #require(try await app.get(path, of: shop).json["type"]?.stringValue)
                #expect(try await app.get(type, of: nil).status == 200, "\(path)")
            }
        }
    }

    @Test func `a service that cannot do its work says why`() {
        func reason(_ outcome: HealthOutcome) -> String? {
            if case .failed(let reason) = outcome { reason } else { nil }
        }
        #expect(reason(QueryHealth.schema(nil))?.contains("migrate") == true)
        #expect(reason(QueryHealth.schema(1))?.contains("older") == true)
        #expect(reason(QueryHealth.schema(QueryService.oldestSchema + 1)) == nil)
        let limit = Duration.seconds(5)
        #expect(reason(QueryHealth.projections(nil, staleAfter: limit)) != nil)
        var freshness = Freshness(age: .seconds(1), missing: [], lag: [])
        #expect(reason(QueryHealth.projections(freshness, staleAfter: limit)) == nil)
        freshness.lag = [Lag(projection: .items, positions: 9, duration: QueryService.mostLag + .seconds(1))]
        #expect(reason(QueryHealth.projections(freshness, staleAfter: limit))?.contains("9 events") == true)
        freshness.lag = []
        freshness.missing = [.listings]
        #expect(reason(QueryHealth.projections(freshness, staleAfter: limit))?.contains("listings") == true)
        freshness.missing = []
        freshness.age = .seconds(6)
        #expect(reason(QueryHealth.projections(freshness, staleAfter: limit))?.contains("6 s ago") == true)
    }
}
