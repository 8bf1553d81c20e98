import Edge
import Foundation
import Hummingbird
import NIOCore
import Testing

/// What is answered before a request is made of it.
@Suite struct HTTP2HotTests {
    typealias Wire = HTTP2ContractTests.Wire

    /// Knows `/hot` and its entity tag, and tells how it was asked.
    private struct Hot: HotPath {
        func answer(_ request: HotRequest, own: inout FieldBlock) -> FinishedResponse? {
            guard request.target.hasPrefix("/hot"), !request.isUnusual else { return nil }
            if let correlation = request.correlationID { own.append("x-correlation-id", correlation) }
            var fields = FieldBlock()
            fields.append("etag", "\"1\"")
            if request.ifNoneMatch == "\"1\"" {
                return FinishedResponse(status: 304, fields: fields, body: ByteBuffer())
            }
            let body = "\(request.target) \(request.key ?? "-") \(request.authorization ?? "-")"
            fields.append("content-length", "\(body.utf8.count)")
            return FinishedResponse(status: 200, fields: fields, body: ByteBuffer(string: body))
        }
    }

    private let fixture: EdgeFixture

    init() throws { fixture = try EdgeFixture() }

    private func serve(_ body: @Sendable (Int) async throws -> Void) async throws {
        let environment = fixture.environment
        try await fixture.serve(
            { onRunning in
                let router = Edge.makeRouter()
                router.get("/hot") { _, _ in Response.json(Array("\"cold\"".utf8)) }
                router.post("/hot") { _, _ in Response.json(Array("\"posted\"".utf8)) }
                return Edge.application(
                    router, environment: environment, authenticator: nil, hotPath: Hot(), onRunning: onRunning)
            }, body)
    }

    @Test(arguments: Wire.allCases) func `what it needs is there`(_ wire: Wire) async throws {
        try await serve { port in
            let answer = try await wire.ask(
                port, "GET", "/hot?a=b",
                [("closter-key", "k"), ("Authorization".lowercased(), "Bearer t"), ("x-correlation-id", "c")])
            #expect(answer.status == "200")
            #expect(answer.body == "/hot?a=b k Bearer t")
            #expect(answer.lasting == ["etag": "\"1\"", "content-length": "\(answer.body.utf8.count)"])
            #expect(answer.fields["x-correlation-id"] == "c")
            #expect(answer.fields["date"]?.hasSuffix(" GMT") == true)
        }
    }

    @Test(arguments: Wire.allCases) func `HEAD and 304 have no body`(_ wire: Wire) async throws {
        try await serve { port in
            let head = try await wire.ask(port, "HEAD", "/hot")
            #expect(head.status == "200")
            #expect(head.fields["content-length"] == "8")
            #expect(head.body.isEmpty)
            let same = try await wire.ask(port, "GET", "/hot", [("if-none-match", "\"1\"")])
            #expect(same.status == "304")
            #expect(same.lasting == ["etag": "\"1\""])
            #expect(same.body.isEmpty)
        }
    }

    @Test(arguments: Wire.allCases) func `what it does not know is the router's`(_ wire: Wire) async throws {
        try await serve { port in
            let unusual = [("if-none-match", "\"1\""), ("if-none-match", "\"2\"")]
            let answers = [
                try await wire.ask(port, "GET", "/hot", unusual), try await wire.ask(port, "POST", "/hot"),
                try await wire.ask(port, "GET", "/livez"),
            ]
            #expect(answers.map(\.body) == ["\"cold\"", "\"posted\"", #"{"status":"alive"}"#])
        }
    }

    @Test func `ten thousand over several connections are each their own`() async throws {
        try await serve { port in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for connection in 0..<8 {
                    group.addTask {
                        try await HTTP2Client.with(port: port) { client in
                            var right = 0
                            for round in 0..<13 {
                                // Cold ones among them.
                                let paths = (0..<100).map { number in
                                    number % 10 == 0 ? "/livez" : "/hot/\(connection)/\(round)/\(number)"
                                }
                                let streams = try await client.ask(paths)
                                for (path, stream) in zip(paths, streams) {
                                    let text = try await client.answer(stream).text
                                    if text == (path == "/livez" ? #"{"status":"alive"}"# : "\(path) - -") {
                                        right += 1
                                    }
                                }
                            }
                            return right
                        }
                    }
                }
                var right = 0
                for try await some in group { right += some }
                #expect(right == 8 * 13 * 100)
            }
        }
    }
}
