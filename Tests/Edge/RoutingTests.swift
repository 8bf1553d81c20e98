import Edge
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Identity
import NIOCore
import Runtime
import Testing

@Suite struct RoutingTests {
    private let fixture: EdgeFixture

    init() throws { fixture = try EdgeFixture() }

    private func request(
        _ method: HTTPRequest.Method, _ uri: String, _ headers: HTTPFields = [:]
    ) async throws -> TestResponse {
        try await fixture.application().test(.router) {
            try await $0.execute(uri: uri, method: method, headers: headers)
        }
    }

    @Test(arguments: ["/", "/v1", "/v1/", "/v1/nothing", "/v1/items/a/b", "/nothing", "/v2/items", "/v1//x"])
    func `a path that leads nowhere is a 404, known or not`(uri: String) async throws {
        for headers in [[:], try fixture.bearer("anna")] {
            let response = try await request(.get, uri, headers)
            #expect(response.status == .notFound)
            #expect(response.problem == "not_found")
        }
    }

    @Test func `a method that a path does not have is a 405 that names those it has`() async throws {
        for method in [HTTPRequest.Method.post, .put, .delete, .patch] {
            let response = try await request(method, "/openapi.json")
            #expect(response.status == .methodNotAllowed)
            #expect(response.problem == "method_not_allowed")
            #expect(response.headers[.allow] == "GET, HEAD, OPTIONS")
        }
        // before it is asked who asks, and for keys that may not write anyway
        let headers: HTTPFields = [.closterKey: fixture.publishable.text]
        #expect(try await request(.delete, "/v1/items/x", headers).status == .methodNotAllowed)
        #expect(try await request(.get, "/v1/tenants").status == .methodNotAllowed)
    }

    @Test func `HEAD is GET without its body`() async throws {
        let headers: HTTPFields = [.closterKey: fixture.publishable.text]
        let uri = "/v1/items/item_01h455vb4pex5vsknk084sn02q"
        let get = try await request(.get, uri, headers)
        let head = try await request(.head, uri, headers)

        #expect(get.status == .ok)
        #expect(head.status == .ok)
        #expect(head.body.readableBytes == 0)
        for name in [HTTPField.Name.contentLength, .contentType, .eTag] {
            #expect(head.headers[name] == get.headers[name])
        }
    }

    @Test(arguments: [
        "nonsense", "listing_01h455vb4pex5vsknk084sn02q", "item_", "item_01h455vb4pex5vsknk084sn02", "%00",
    ])
    func `an id that cannot be one is not found`(id: String) async throws {
        let headers: HTTPFields = [.closterKey: fixture.publishable.text]
        #expect(try await request(.get, "/v1/items/\(id)", headers).problem == "not_found")
    }

    @Test func `a literal wins over a parameter, also in the metrics`() async throws {
        let fixture = fixture
        let application = fixture.application { router in
            router.get("/things/:id") { _, context in Response.json(Array(try context.parameter("id").utf8)) }
            router.get("/things/special") { _, _ in Response.json(Array("S".utf8)) }
        }
        try await application.test(.router) { client in
            let literal = try await client.execute(uri: "/things/special", method: .get)
            let parameter = try await client.execute(uri: "/things/a%20b", method: .get)
            #expect(String(buffer: literal.body) == "S")
            #expect(String(buffer: parameter.body) == "a b")
        }
        let text = fixture.environment.metrics.exposition()
        #expect(text.contains(#"closter_http_requests_total{method="GET",route="/things/special",status="200"} 1"#))
        #expect(text.contains(#"closter_http_requests_total{method="GET",route="/things/{id}",status="200"} 1"#))
    }

    @Test func `requests are counted by pattern, never by path, tenant or made-up method`() async throws {
        let fixture = fixture
        let headers = try fixture.bearer("anna")
        try await fixture.application().test(.router) { client in
            for _ in 0..<3 { _ = try await client.execute(uri: "/v1/items?brand=x", method: .get, headers: headers) }
            _ = try await client.execute(uri: "/secret-path", method: .get)
            let made = try #require(HTTPRequest.Method("MADEUP"))
            _ = try await client.execute(uri: "/v1/items", method: made)
        }

        let text = fixture.environment.metrics.exposition()
        #expect(text.contains(#"closter_http_requests_total{method="GET",route="/v1/items",status="200"} 3"#))
        #expect(text.contains(#"closter_http_requests_total{method="GET",route="unmatched",status="404"} 1"#))
        #expect(text.contains(#"closter_http_requests_total{method="other",route="/v1/items",status="405"} 1"#))
        #expect(text.contains(#"closter_http_request_duration_seconds_count{method="GET",route="/v1/items"} 3"#))
        #expect(text.contains("closter_http_requests_in_flight 0\n"))
        #expect(!text.contains("secret-path"))
        #expect(!text.contains("demo"))
    }
}
