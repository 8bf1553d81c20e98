import JSON
import Testing

@testable import Operator

@Suite struct `A trace` {
    static let id = "01900000-0000-7000-8000-000000000000"
    static let answer = """
        {"correlation_id":"\(id)","truncated":false,
         "request":{"requested_at":"2026-01-30T10:00:00.000000Z","actor":"operator-demo","on_behalf_of":null},
         "events":[
          {"position":7,"type":"ItemReceived","category":"item","stream_id":"item_x","version":1,
           "recorded_at":"2026-01-30T10:00:00.002310Z",
           "projections":[
            {"projection":"items","generation":1,"position":9,"tail_ms":1.204,"lag_ms":4.031},
            {"projection":"listings","generation":1,"position":null,"tail_ms":null,"lag_ms":null}]}],
         "tasks":[{"id":"t1","kind":"shopify.publish","position":7,"attempts":1,"run_at":"2026-01-30T10:01:00Z",
                   "completed_at":null}],
         "caused":[{"import_id":"import_x","href":"","counts":{"created":2,"rejected":1},
                    "lines":[{"line":2,"outcome":"created","correlation_id":"c2","href":""}]}]}
        """

    @Test func `shows each hop with its lag`() async throws {
        let transport = FakeTransport { _, _ in .json(200, Self.answer) }
        let run = await closter(["trace", Self.id.uppercased()], transport: transport)
        #expect(run.status == 0)
        #expect(transport.requests.first?.url == "http://query.test/v1/trace/\(Self.id)")
        #expect(
            run.out == """
                trace \(Self.id)
                requested 2026-01-30T10:00:00.000000Z by operator-demo
                #7 ItemReceived item_x version 1, recorded +2.310 ms
                   → items generation 1: read 1.204 ms, visible 4.031 ms after it was recorded
                   → listings generation 1: not there yet
                task shopify.publish t1 of #7, 1 attempts, not completed, next at 2026-01-30T10:01:00Z
                import_x: 2 created, 1 rejected
                   line 2 created, trace c2

                """)
    }

    @Test func `is given to scripts as it is`() async throws {
        let transport = FakeTransport { _, _ in .json(200, Self.answer) }
        let run = await closter(["trace", Self.id, "--json"], transport: transport)
        let (printed, answered) = (try JSONValue(parsing: run.out), try JSONValue(parsing: Self.answer))
        #expect(printed == answered)
    }

    @Test func `of an unknown id ends with 2`() async {
        let transport = FakeTransport { _, _ in
            .json(404, #"{"title":"Not found","status":404,"detail":"nothing has this correlation id"}"#)
        }
        let run = await closter(["trace", Self.id], transport: transport)
        #expect(run.status == 2)
        #expect(run.err == "closter: Not found: nothing has this correlation id\n")
    }
}
