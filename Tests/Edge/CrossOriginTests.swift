import Edge
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Identity
import Testing

@Suite struct CrossOriginTests {
    private let fixture: EdgeFixture

    init() throws { fixture = try EdgeFixture() }

    private func request(
        _ method: HTTPRequest.Method, _ headers: HTTPFields, _ uri: String = "/v1/items"
    ) async throws -> TestResponse {
        try await fixture.application().test(.router) {
            try await $0.execute(uri: uri, method: method, headers: headers)
        }
    }

    @Test func `an origin on the key's list may read the answer and its headers`() async throws {
        let response = try await request(
            .get, [.closterKey: fixture.publishable.text, .origin: "https://shop.example"])

        #expect(response.headers[.accessControlAllowOrigin] == "https://shop.example")
        let exposed = response.headers[.accessControlExposeHeaders] ?? ""
        for name in ["ETag", "Location", "Closter-Position", "Closter-Source", "X-Correlation-Id", "Retry-After"] {
            #expect(exposed.contains(name))
        }
        #expect(response.headers[values: .vary].contains("Origin"))
        #expect(response.headers[.accessControlAllowCredentials] == nil)
    }

    @Test func `a problem that the key's owner causes can be read as well`() async throws {
        let response = try await request(
            .get, [.closterKey: fixture.publishable.text, .origin: "https://shop.example"], "/v1/items/nonsense")

        #expect(response.status == .notFound)
        #expect(response.headers[.accessControlAllowOrigin] == "https://shop.example")
    }

    @Test(arguments: ["https://evil.example", "http://shop.example", "https://shop.example.evil", "null"])
    func `another origin's scripts do not get to see it`(origin: String) async throws {
        let response = try await request(.get, [.closterKey: fixture.publishable.text, .origin: origin])

        #expect(response.headers[.accessControlAllowOrigin] == nil)
        #expect(response.headers[values: .vary].contains("Origin"))
    }

    @Test func `no script of another origin acts with a secret key or a token`() async throws {
        for headers in [try fixture.bearer("anna"), [.closterKey: fixture.secret.text]] {
            let response = try await request(.get, headers + [.origin: "https://shop.example"])
            #expect(response.status == .ok)
            #expect(response.headers[.accessControlAllowOrigin] == nil)
        }
    }

    @Test func `a preflight passes for any origin and never allows Authorization`() async throws {
        let response = try await request(
            .options,
            [
                .origin: "https://any.example", .accessControlRequestMethod: "GET",
                .accessControlRequestHeaders: "closter-key",
            ])

        #expect(response.status == .noContent)
        #expect(response.headers[.accessControlAllowOrigin] == "https://any.example")
        #expect(response.headers[.accessControlAllowMethods] == "GET, HEAD, POST, OPTIONS")
        let allowed = (response.headers[.accessControlAllowHeaders] ?? "").lowercased()
        #expect(allowed.contains("closter-key"))
        #expect(allowed.contains("if-none-match"))
        #expect(!allowed.contains("authorization"))
        #expect(response.headers[.accessControlMaxAge] != nil)
    }

    @Test func `OPTIONS without an origin tells the methods`() async throws {
        let response = try await request(.options, [:], "/v1/items/item_01h455vb4pex5vsknk084sn02q")

        #expect(response.status == .noContent)
        #expect(response.headers[.allow] == "GET, HEAD, OPTIONS")
        #expect(response.headers[.accessControlAllowOrigin] == nil)
    }
}
