import Edge
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JSON
import NIOCore
import Testing

@Suite struct BodyTests {
    private let fixture: EdgeFixture

    init() throws { fixture = try EdgeFixture() }

    private func post(
        _ body: [UInt8], _ headers: HTTPFields = .json, uri: String = "/v1/items"
    ) async throws -> TestResponse {
        let application = fixture.application { router in
            router.post("/optional") { request, _ in
                Response.json(Array("\(try await request.jsonObject(allowEmpty: true).count)".utf8))
            }
            router.post("/csv") { request, _ in
                try request.requireContentType(["text/csv", "application/csv"])
                var count = 0
                for try await part in try request.parts(limit: 1_000) { count += part.readableBytes }
                return Response.json(Array("\(count)".utf8))
            }
        }
        let headers = try fixture.bearer("anna") + headers
        return try await application.test(.router) {
            try await $0.execute(uri: uri, method: .post, headers: headers, body: ByteBuffer(bytes: body))
        }
    }

    private func post(_ body: String, _ headers: HTTPFields = .json, uri: String = "/v1/items") async throws
        -> TestResponse
    {
        try await post(Array(body.utf8), headers, uri: uri)
    }

    @Test(arguments: [
        "", " ", "{", "{}x", "{'a':1}", "{\"a\":1,}", "{\"a\":01}", "{\"a\":NaN}", "\u{FEFF}{}", "{\"a\":1,\"a\":2}",
        "{\"a\":\"\\ud800\"}",
    ])
    func `a body that is not strict JSON is a 400`(body: String) async throws {
        let response = try await post(body)
        #expect(response.status == .badRequest)
        #expect(response.problem == "malformed_json")
    }

    @Test func `a body that is not UTF-8 is a 400`() async throws {
        let response = try await post(Array("{\"a\":\"".utf8) + [0xC3, 0x28] + Array("\"}".utf8))
        #expect(response.problem == "malformed_json")
    }

    @Test func `a body nested too deep is a 400`() async throws {
        let body = "{\"a\":" + String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000) + "}"
        #expect(try await post(body).problem == "malformed_json")
    }

    @Test(arguments: ["[]", "1", "null", "\"x\""])
    func `a body that is no object has the wrong type`(body: String) async throws {
        let response = try await post(body)
        #expect(response.status == .unprocessableContent)
        #expect(response.fieldErrors == [" wrong_type"])
    }

    @Test func `a text with U+0000 is refused with its pointer`() async throws {
        let response = try await post(#"{"a":{"b/c":["x","y\u0000"]}}"#)
        #expect(response.status == .unprocessableContent)
        #expect(response.problem == "invalid_fields")
        #expect(response.fieldErrors == ["/a/b~1c/1 null_character"])
    }

    @Test func `a body may have a mebibyte and not a byte more`() async throws {
        let padding = Edge.bodyLimit - #"{"a":""}"#.utf8.count
        let largest = #"{"a":"\#(String(repeating: "x", count: padding))"}"#
        #expect(try await post(largest).status == .created)

        let response = try await post(largest + " ")
        #expect(response.status == .contentTooLarge)
        #expect(response.problem == "too_large")
    }

    @Test func `a size that is announced is refused before the body is read`() async throws {
        // given a body that never comes
        let (stream, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
        defer { continuation.finish() }
        let head = HTTPRequest(
            method: .post, scheme: "http", authority: "x", path: "/v1/items", headerFields: [.contentLength: "1048577"])
        let request = Request(head: head, body: RequestBody(asyncSequence: stream))

        let problem = await #expect(throws: Problem.self) { try await request.bytes(limit: Edge.bodyLimit) }
        #expect(problem?.code == .tooLarge)
    }

    @Test func `a size that is not announced is counted as it comes`() async throws {
        func request(_ bytes: Int) -> Request {
            let parts = AsyncStream { continuation in
                for _ in 0..<bytes { continuation.yield(ByteBuffer(bytes: [0x20])) }
                continuation.finish()
            }
            let head = HTTPRequest(method: .post, scheme: "http", authority: "x", path: "/v1/items")
            return Request(head: head, body: RequestBody(asyncSequence: parts))
        }
        #expect(try await request(100).bytes(limit: 100).count == 100)
        let whole = await #expect(throws: Problem.self) { try await request(101).bytes(limit: 100) }
        #expect(whole?.code == .tooLarge)
        let streamed = await #expect(throws: Problem.self) {
            for try await _ in try request(101).parts(limit: 100) {}
        }
        #expect(streamed?.code == .tooLarge)
    }

    @Test(arguments: [
        "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "application/jsonx", "",
        "application/problem+json",
    ])
    func `a body of another type is a 415`(type: String) async throws {
        let response = try await post("{}", [.contentType: type])
        #expect(response.status == .unsupportedMediaType)
        #expect(response.problem == "unsupported_media_type")
    }

    @Test(arguments: ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""])
    func `JSON may be announced in any of its spellings`(type: String) async throws {
        #expect(try await post("{}", [.contentType: type]).status == .created)
    }

    @Test func `a body without a type, or compressed, is a 415`() async throws {
        #expect(try await post("{}", [:]).problem == "unsupported_media_type")
        #expect(try await post("{}", .json + [.contentEncoding: "gzip"]).problem == "unsupported_media_type")
    }

    @Test func `where a body is optional an empty one needs no type`() async throws {
        #expect(String(buffer: try await post("", [:], uri: "/optional").body) == "0")
        #expect(String(buffer: try await post(#"{"a":1}"#, uri: "/optional").body) == "1")
        #expect(try await post("{}", [:], uri: "/optional").problem == "unsupported_media_type")
    }

    @Test func `a streamed body ends at its limit`() async throws {
        let csv: HTTPFields = [.contentType: "text/csv; charset=utf-8"]
        let fits = String(repeating: "x", count: 1_000)
        #expect(String(buffer: try await post(fits, csv, uri: "/csv").body) == "1000")
        #expect(try await post(fits + "y", csv, uri: "/csv").problem == "too_large")
        #expect(try await post("a", uri: "/csv").problem == "unsupported_media_type")
    }
}
