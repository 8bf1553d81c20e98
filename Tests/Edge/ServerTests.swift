import Edge
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Identity
import JSON
import NIOCore
import Runtime
import Testing

/// Over real sockets.
@Suite struct ServerTests {
    private let fixture: EdgeFixture

    init() throws { fixture = try EdgeFixture() }

    private func live(
        _ application: ((@escaping @Sendable (Int) async -> Void) -> EdgeApplication)? = nil,
        _ body: @escaping @Sendable (TestClient) async throws -> Void
    ) async throws {
        try await fixture.serve(application ?? { fixture.application(onRunning: $0) }) { port in
            try await TestClient.withClient(host: "127.0.0.1", port: port, operation: body)
        }
    }

    @Test func `livez needs nothing, readyz tells what is wrong`() async throws {
        fixture.environment.health.register("database") { .failed(reason: "no connection") }
        let fixture = fixture
        try await live { client in
            #expect(try await client.get("/livez").status == .ok)
            let down = try await client.get("/readyz")
            #expect(down.status == .serviceUnavailable)
            #expect(down.headers[.contentType]?.hasPrefix("application/json") == true)
            #expect(down.json?["status"]?.stringValue == "unavailable")
            #expect(down.json?["reason"]?.stringValue == "database: no connection")

            fixture.environment.health.register("database") { .passed() }
            #expect(try await client.get("/readyz").status == .ok)
            fixture.environment.health.beginShutdown()
            #expect(try await client.get("/readyz").status == .serviceUnavailable)
            #expect(try await client.get("/livez").status == .ok)
        }
    }

    @Test func `metrics are Prometheus text`() async throws {
        try await live { client in
            _ = try await client.get("/openapi.json")
            let response = try await client.get("/metrics")
            #expect(response.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
            #expect(
                response.body.map { String(buffer: $0) }?.contains("# TYPE closter_http_requests_total counter\n")
                    == true)
        }
    }

    @Test func `metrics tell which check of readyz fails, at each scrape`() async throws {
        let fixture = fixture
        fixture.environment.health.register("schema") { .passed() }
        try await live { client in
            for (outcome, value) in [(HealthOutcome.failed(reason: "away"), 0), (.passed(detail: "back"), 1)] {
                fixture.environment.health.register("database") { outcome }
                let text = String(buffer: try await client.get("/metrics").body ?? ByteBuffer())
                #expect(text.contains("closter_ready{check=\"database\"} \(value)\n"))
                #expect(text.contains("closter_ready{check=\"schema\"} 1\n"))
            }
        }
    }

    @Test func `a service without requests serves its health alone`() async throws {
        let fixture = fixture
        try await live({ Edge.opsApplication(fixture.environment, onRunning: $0) }) { client in
            let expected: [(HTTPRequest.Method, String, HTTPResponse.Status)] = [
                (.get, "/livez", .ok), (.get, "/readyz", .ok), (.head, "/metrics", .ok),
                (.get, "/v1/items", .notFound), (.post, "/metrics", .methodNotAllowed),
            ]
            for (method, uri, status) in expected {
                let response = try await client.execute(.init(uri, method: method))
                #expect(response.status == status)
            }
        }
    }

    @Test func `HEAD, 304 and 204 have no body on the wire`() async throws {
        let headers: HTTPFields = [.closterKey: fixture.publishable.text]
        let fixture = fixture
        let routes: @Sendable (EdgeRouter) -> Void = { router in
            router.get("/same") { _, _ in Response(status: .notModified, headers: [.eTag: "\"1\""]) }
        }
        try await live({ fixture.application(routes, onRunning: $0) }) { client in
            // One connection: a body too many would be read as the next answer's head.
            for _ in 0..<3 {
                let head = try await client.head("/v1/items", headers: headers)
                #expect(head.status == .ok)
                #expect(head.headers[.contentLength] == "29")
                #expect(head.body?.readableBytes ?? 0 == 0)
                let same = try await client.get("/same")
                #expect(same.status == .notModified)
                #expect(same.headers[.contentLength] == nil)
                #expect(try await client.execute(.init("/v1/items", method: .options)).status == .noContent)
                #expect(try await client.get("/v1/items", headers: headers).status == .ok)
            }
        }
    }

    @Test func `a body that is too large is refused while it is still being sent`() async throws {
        let headers = try fixture.bearer("anna") + .json
        let body = ByteBuffer(repeating: 0x20, count: 3 << 20)
        try await live { client in
            let response = try await client.post("/v1/items", headers: headers, body: body)
            #expect(response.status == .contentTooLarge)
            #expect(response.problem == "too_large")
        }
    }

    @Test func `a request in flight is answered although the server was told to stop`() async throws {
        // given a request that is being handled
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let (gate, opener) = AsyncStream.makeStream(of: Void.self)
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let router = Edge.makeRouter()
        router.get("/slow") { _, _ in
            arrived.yield()
            for await _ in gate { break }
            return Response.json(Array("\"done\"".utf8))
        }
        let environment = fixture.environment
        let server = Edge.application(router, environment: environment, authenticator: nil) { port.yield($0) }
        let group = ServiceGroupBox(server, logger: environment.logger)
        let running = Task { try await group.run() }
        var numbers = ports.makeAsyncIterator()
        let number = try #require(await numbers.next())
        let request = Task {
            try await TestClient.withClient(host: "127.0.0.1", port: number) { try await $0.get("/slow") }
        }
        var arrival = arrivals.makeAsyncIterator()
        await arrival.next()
        // when the server is told to stop, and the handler goes on only then
        await group.stop()
        opener.yield()
        // then the answer arrives and the server ends
        let response = try await request.value
        #expect(response.status == .ok)
        #expect(response.body.map { String(buffer: $0) } == "\"done\"")
        try await running.value
    }
}
