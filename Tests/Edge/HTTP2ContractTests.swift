import Edge
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Testing

/// What a client gets is the same over both protocols.
@Suite struct HTTP2ContractTests {
    enum Wire: CaseIterable {
        case http1, http2

        struct Answer {
            var status: String
            var fields: [String: String]
            var body: String
            /// Without what is another's each time.
            var lasting: [String: String] {
                fields.filter {
                    !["date", "x-correlation-id", "traceparent", "connection", "transfer-encoding"].contains($0.key)
                }
            }
        }

        func ask(
            _ port: Int, _ method: String, _ path: String, _ fields: [(String, String)] = [], body: String? = nil
        ) async throws -> Answer {
            var fields = fields
            if let body { fields.append(("content-length", "\(body.utf8.count)")) }
            switch self {
            case .http1:
                return try await RawConnection.with(port: port) { connection in
                    let lines = fields.map { "\($0): \($1)\r\n" }.joined()
                    try await connection.send(
                        "\(method) \(path) HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\(lines)\r\n\(body ?? "")")
                    return Self.parse(try await connection.readToEnd())
                }
            case .http2:
                return try await HTTP2Client.with(port: port) { client in
                    let stream = try await client.ask(method, path, fields, isWhole: body == nil)
                    if let body { try await client.send(body: Array(body.utf8), on: stream) }
                    let answer = try await client.answer(stream)
                    return Answer(
                        status: answer.status ?? "-",
                        fields: Dictionary(
                            answer.fields.dropFirst().map { ($0.name, $0.value) }, uniquingKeysWith: { $0 + ", " + $1 }),
                        body: answer.text)
                }
            }
        }

        private static func parse(_ text: String) -> Answer {
            let parts = text.components(separatedBy: "\r\n\r\n")
            let lines = parts[0].components(separatedBy: "\r\n")
            let fields = lines.dropFirst().map { line in
                let colon = line.firstIndex(of: ":") ?? line.endIndex
                return (line[..<colon].lowercased(), String(line[colon...].dropFirst(2)))
            }
            return Answer(
                status: lines[0].components(separatedBy: " ").dropFirst().first ?? "-",
                fields: Dictionary(fields, uniquingKeysWith: { $0 + ", " + $1 }),
                body: parts.dropFirst().joined(separator: "\r\n\r\n"))
        }
    }

    private let fixture: EdgeFixture

    init() throws { fixture = try EdgeFixture() }

    private static func routes(_ router: EdgeRouter) {
        router.post("/echo") { request, _ in
            Response.json(Array("\"\(String(decoding: try await request.bytes(limit: 1 << 20), as: UTF8.self))\"".utf8))
        }
        router.get("/same") { _, _ in Response(status: .notModified, headers: [.eTag: "\"1\""]) }
        router.get("/told") { request, _ in
            Response.json(Array("\"\(request.head.authority ?? "-") \(request.headers[.cookie] ?? "-")\"".utf8))
        }
        router.get("/kept") { _, _ in
            Response(
                status: .ok, headers: [.connection: "x", .init("Keep-Alive") ?? .connection: "y", .contentLength: "2"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: "ok")))
        }
        router.get("/several") { _, _ in
            var response = Response(status: .ok)
            for value in ["one", "two", "three"] {
                response.headers.append(HTTPField(name: .vary, value: value))
            }
            return response
        }
    }

    private static let cases: [(String, String, [(String, String)], String?, String)] = [
        ("GET", "/livez", [], nil, "200"), ("HEAD", "/livez", [], nil, "200"),
        ("GET", "/nowhere", [], nil, "404"), ("DELETE", "/livez", [], nil, "405"),
        ("OPTIONS", "/livez", [], nil, "204"), ("GET", "/same", [], nil, "304"), ("HEAD", "/same", [], nil, "304"),
        ("GET", "/v1/items", [], nil, "401"),
        ("POST", "/echo", [], "", "200"), ("POST", "/echo", [], "hello", "200"),
        ("POST", "/echo", [], String(repeating: "b", count: 200_000), "200"),
        ("POST", "/nowhere", [], "hello", "404"), ("GET", "/told", [("cookie", "a=1; b=2")], nil, "200"),
        ("GET", "/several", [], nil, "200"),
        ("GET", "/livez", [("x-correlation-id", "none")], nil, "400"),
    ]

    @Test(arguments: cases.indices)
    func `a request gets the same answer over both protocols`(_ index: Int) async throws {
        let (method, path, fields, body, status) = Self.cases[index]
        try await fixture.serve(Self.routes) { port in
            let first = try await Wire.http1.ask(port, method, path, fields, body: body)
            let second = try await Wire.http2.ask(port, method, path, fields, body: body)
            #expect(first.status == status)
            #expect(second.status == status)
            #expect(first.lasting == second.lasting)
            #expect(second.fields["date"] != nil)
            if status.hasPrefix("2") { #expect(first.body == second.body) }
            #expect(first.body.isEmpty == second.body.isEmpty)
        }
    }

    @Test(arguments: Wire.allCases) func `what is too large is refused`(_ wire: Wire) async throws {
        try await fixture.serve(Self.routes) { port in
            let value = String(repeating: "a", count: 15_000)
            let large = try await wire.ask(port, "GET", "/livez", [("x-a", value), ("x-b", value)])
            #expect(large.status == "431")
            #expect(large.fields["content-type"] == "application/problem+json")
            let many = try await wire.ask(port, "GET", "/livez", (0..<150).map { ("x-\($0)", "a") })
            #expect(many.status == "431")
        }
    }

    @Test func `fields about a connection are not sent where it has none`() async throws {
        try await fixture.serve(Self.routes) { port in
            let answer = try await Wire.http2.ask(port, "GET", "/kept")
            #expect(answer.body == "ok")
            #expect(answer.fields["connection"] == nil)
            #expect(answer.fields["keep-alive"] == nil)
            #expect(answer.fields["content-length"] == "2")
        }
    }

    @Test func `a cookie in crumbs is put together, and the authority is the host`() async throws {
        try await fixture.serve(Self.routes) { port in
            let answer = try await Wire.http2.ask(
                port, "GET", "/told", [("cookie", "a=1"), ("host", "b"), ("cookie", "b=2")])
            #expect(answer.body == "\"a a=1; b=2\"")
        }
    }
}
