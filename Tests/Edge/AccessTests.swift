import Edge
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Identity
import JSON
import NIOCore
import Testing

@Suite struct AccessTests {
    private let fixture: EdgeFixture

    init() throws { fixture = try EdgeFixture() }

    private func get(_ headers: HTTPFields, _ uri: String = "/v1/items") async throws -> TestResponse {
        try await fixture.application().test(.router) {
            try await $0.execute(uri: uri, method: .get, headers: headers)
        }
    }

    private func post(_ headers: HTTPFields, _ uri: String = "/v1/items") async throws -> TestResponse {
        try await fixture.application().test(.router) {
            try await $0.execute(
                uri: uri, method: .post, headers: headers + .json, body: ByteBuffer(string: #"{"a":1}"#))
        }
    }

    @Test func `a member reads and writes with what its permissions allow`() async throws {
        let read = try await get(try fixture.bearer("reader"))
        #expect(read.status == .ok)
        #expect(read.json == ["tenant": "demo", "all": true])

        let write = try await post(try fixture.bearer("anna"))
        #expect(write.status == .created)
        #expect(write.json?["actor"]?.stringValue == "operator:anna")
        #expect(write.json?["body"] == ["a": 1])

        for subject in ["reader", "jan"] {
            let refused = try await post(try fixture.bearer(subject))
            #expect(refused.status == .forbidden)
            #expect(refused.problem == "forbidden")
        }
    }

    @Test func `without a token or key nothing under v1 is served and everything else is`() async throws {
        let refused = try await get([:])
        #expect(refused.status == .unauthorized)
        #expect(refused.problem == "unauthenticated")
        #expect(refused.headers[.wwwAuthenticate]?.hasPrefix("Bearer") == true)
        #expect(try await get([:], "/openapi.json").status == .ok)
        #expect(try await get([:], "/livez").status == .ok)
    }

    @Test(arguments: ["Bearer", "Bearer ", "Basic YTpi", "Bearer x", "bearer a.b.c", "token"])
    func `an Authorization that is no good token is refused`(value: String) async throws {
        let refused = try await get([.authorization: value, .closterTenant: "demo"])
        #expect(refused.status == .unauthorized)
        #expect(refused.problem == "unauthenticated")
    }

    @Test func `a token of a stranger's key is refused`() async throws {
        let token = try DevelopmentIssuer().token(subject: "anna")
        #expect(try await get([.authorization: "Bearer \(token)", .closterTenant: "demo"]).status == .unauthorized)
    }

    @Test func `an unknown tenant and one of others are refused alike`() async throws {
        let unknown = try await get(try fixture.bearer("anna", tenant: "nobody"))
        let foreign = try await get(try fixture.bearer("anna", tenant: "other"))
        let malformed = try await get(try fixture.bearer("anna", tenant: "No Tenant"))

        for response in [unknown, foreign, malformed] {
            #expect(response.status == .forbidden)
            #expect(response.problem == "unknown_tenant")
            #expect(response.json?["detail"] == unknown.json?["detail"])
        }
    }

    @Test func `a request about a tenant must name it once`() async throws {
        #expect(try await get(try fixture.bearer("anna", tenant: nil)).problem == "invalid_header")
        let twice = try fixture.bearer("anna") + [.closterTenant: "other"]
        #expect(try await get(twice).problem == "invalid_header")
        let both = try fixture.bearer("anna") + [.closterKey: fixture.secret.text]
        #expect(try await get(both).problem == "invalid_header")
    }

    @Test func `only the platform's operators create tenants, and need no tenant for it`() async throws {
        #expect(try await post(try fixture.bearer("root", tenant: nil), "/v1/tenants").status == .ok)
        // the tool names the tenant that is about to be
        #expect(try await post(try fixture.bearer("root", tenant: "new-one"), "/v1/tenants").status == .ok)
        #expect(try await post(try fixture.bearer("anna", tenant: nil), "/v1/tenants").problem == "forbidden")
        // and are nobody special elsewhere
        #expect(try await get(try fixture.bearer("root")).problem == "unknown_tenant")
    }

    @Test func `a publishable key reads and never writes`() async throws {
        let read = try await get([.closterKey: fixture.publishable.text])
        #expect(read.json == ["tenant": "demo", "all": false])

        let write = try await post([.closterKey: fixture.publishable.text])
        #expect(write.status == .forbidden)
        #expect(write.problem == "forbidden")
        // not even where a route forgets to ask for a permission
        let application = fixture.application { router in
            router.post("/v1/open") { _, _ in Response(status: .ok) }
        }
        let open = try await application.test(.router) {
            try await $0.execute(uri: "/v1/open", method: .post, headers: [.closterKey: fixture.publishable.text])
        }
        #expect(open.problem == "forbidden")
    }

    @Test func `a secret key may what its permissions say`() async throws {
        let write = try await post([.closterKey: fixture.secret.text])
        #expect(write.status == .created)
        #expect(write.json?["actor"]?.stringValue == "key:ks")
        #expect(try await get([.closterKey: fixture.secret.text]).json?["all"] == false)
        #expect(try await post([.closterKey: fixture.secret.text], "/v1/tenants").problem == "forbidden")
    }

    @Test func `keys that are revoked, made up or damaged are refused`() async throws {
        let madeUp = APIKey.generate(.secret, slug: "demo").text
        let nobody = APIKey.generate(.secret, slug: "nobody").text
        let relabelled = "csk" + fixture.publishable.text.dropFirst(3)
        for key in [fixture.revoked.text, madeUp, nobody, relabelled, "", "x"] {
            let response = try await get([.closterKey: key])
            #expect(response.status == .unauthorized)
            #expect(response.problem == "unauthenticated")
        }
    }

    @Test func `a key belongs to its tenant whatever the header says`() async throws {
        #expect(try await get([.closterKey: fixture.foreign.text]).json?["tenant"] == "other")
        let mixed: HTTPFields = [.closterKey: fixture.foreign.text, .closterTenant: "demo"]
        #expect(try await get(mixed).problem == "unknown_tenant")
    }

    @Test func `where the database is away nobody is called a stranger`() async throws {
        fixture.loseDatabase()
        for headers in [try fixture.bearer("anna"), [.closterKey: fixture.secret.text]] {
            let response = try await get(headers)
            #expect(response.status == .serviceUnavailable)
            #expect(response.headers[.retryAfter] == "1")
        }
    }
}
