import Edge
import EventSourcing
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Identity
import JSON
import NIOCore
import Testing

@Suite struct TraceTests {
    private let id = "0198c2f0-1111-7222-8333-944444444444"
    private let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func `a correlation that came is kept, returned, logged and put into metadata`() async throws {
        let fixture = try EdgeFixture()
        let headers = try fixture.bearer("anna") + .json + [.correlationID: id.uppercased(), .traceparent: parent]

        try await fixture.application().test(.router) { client in
            let response = try await client.execute(
                uri: "/v1/items", method: .post, headers: headers, body: ByteBuffer(string: "{}"))
            #expect(response.headers[.correlationID] == id)
            #expect(response.headers[.traceparent] == parent)
            #expect(response.json?["correlation"]?.stringValue == id)
        }
        let handled = try #require(fixture.logs.lines.first { $0["message"]?.stringValue == "handled" })
        #expect(handled["correlation_id"]?.stringValue == id)
        #expect(handled["tenant"]?.stringValue == "demo")
    }

    @Test func `what did not come is made: a time-ordered id and a new trace`() async throws {
        let fixture = try EdgeFixture()
        try await fixture.application().test(.router) { client in
            let first = try await client.execute(uri: "/openapi.json", method: .get)
            let second = try await client.execute(uri: "/openapi.json", method: .get)
            let ids = try [first, second].map {
                try #require($0.headers[.correlationID].flatMap(UUID.init(uuidString:)))
            }
            #expect(ids[0] != ids[1])
            #expect(ids.allSatisfy { $0.version == 7 })
            let trace = try #require(first.headers[.traceparent])
            #expect(trace.wholeMatch(of: /00-[0-9a-f]{32}-[0-9a-f]{16}-01/) != nil)
            #expect(trace != second.headers[.traceparent])
        }
    }

    @Test(arguments: [
        "", "7", "not-a-uuid", "0198c2f0-1111-7222-8333-94444444444", "{0198c2f0-1111-7222-8333-944444444444}",
    ])
    func `a correlation that is no UUID is a bad header`(text: String) async throws {
        try await EdgeFixture().application().test(.router) { client in
            let response = try await client.execute(
                uri: "/openapi.json", method: .get, headers: [.correlationID: text])
            #expect(response.status == .badRequest)
            #expect(response.problem == "invalid_header")
            // the answer still can be found in the logs
            #expect(response.headers[.correlationID] == response.json?["correlation_id"]?.stringValue)
        }
    }

    @Test(arguments: [
        "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
    ])
    func `a trace that is not valid is begun anew`(text: String) async throws {
        try await EdgeFixture().application().test(.router) { client in
            let response = try await client.execute(
                uri: "/openapi.json", method: .get, headers: [.traceparent: text])
            #expect(response.status == .ok)
            #expect(response.headers[.traceparent] != text)
            #expect(response.headers[.traceparent]?.count == 55)
        }
    }

    @Test func `refusals carry the correlation too, in head, body and log`() async throws {
        let fixture = try EdgeFixture()
        try await fixture.application().test(.router) { client in
            let response = try await client.execute(
                uri: "/v1/items", method: .post, headers: [.correlationID: id])
            #expect(response.status == .unauthorized)
            #expect(response.headers[.correlationID] == id)
            #expect(response.json?["correlation_id"]?.stringValue == id)
        }
        let line = try #require(fixture.logs.lines.first { $0["message"]?.stringValue == "request" })
        #expect(line["correlation_id"]?.stringValue == id)
        #expect(line["status"]?.integerValue == 401)
        #expect(line["method"]?.stringValue == "POST")
        #expect(line["path"]?.stringValue == "/v1/items")
        #expect(line["duration_ms"] != nil)
    }

    @Test func `neither tokens nor keys get into the logs`() async throws {
        let fixture = try EdgeFixture()
        let headers = try fixture.bearer("anna")
        try await fixture.application().test(.router) { client in
            _ = try await client.execute(uri: "/v1/items", method: .get, headers: headers)
            _ = try await client.execute(
                uri: "/v1/items", method: .get, headers: [.closterKey: fixture.secret.text])
            _ = try await client.execute(
                uri: "/v1/items", method: .get, headers: [.closterKey: fixture.foreign.text + "x"])
        }
        let token = try #require(headers[.authorization]).dropFirst("Bearer ".count)
        #expect(!fixture.logs.text.contains(token))
        #expect(!fixture.logs.text.contains(fixture.secret.text))
        #expect(!fixture.logs.text.contains(fixture.foreign.text))
    }
}
