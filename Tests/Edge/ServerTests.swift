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

    @Test func `livez needs nothing, readyz tells what is wrong`() async throws {
        fixture.environment.health.register("database") { .failed(reason: "no connection") }
        let fixture = fixture
        try await fixture.application().test(.live) { client in
            #expect(try await client.execute(uri: "/livez", method: .get).status == .ok)
            let down = try await client.execute(uri: "/readyz", method: .get)
            #expect(down.status == .serviceUnavailable)
            #expect(down.headers[.contentType]?.hasPrefix("application/json") == true)
            #expect(down.json?["status"]?.stringValue == "unavailable")
            #expect(down.json?["reason"]?.stringValue == "database: no connection")

            fixture.environment.health.register("database") { .passed() }
            #expect(try await client.execute(uri: "/readyz", method: .get).status == .ok)
            fixture.environment.health.beginShutdown()
            #expect(try await client.execute(uri: "/readyz", method: .get).status == .serviceUnavailable)
            #expect(try await client.execute(uri: "/livez", method: .get).status == .ok)
        }
    }

    @Test func `metrics are Prometheus text`() async throws {
        try await fixture.application().test(.live) { client in
            _ = try await client.execute(uri: "/openapi.json", method: .get)
            let response = try await client.execute(uri: "/metrics", method: .get)
            #expect(response.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
            #expect(String(buffer: response.body).contains("# TYPE closter_http_requests_total counter\n"))
        }
    }

    @Test func `metrics tell which check of readyz fails, at each scrape`() async throws {
        let fixture = fixture
        fixture.environment.health.register("schema") { .passed() }
        try await fixture.application().test(.live) { client in
            for (outcome, value) in [(HealthOutcome.failed(reason: "away"), 0), (.passed(detail: "back"), 1)] {
                fixture.environment.health.register("database") { outcome }
                let text = String(buffer: try await client.execute(uri: "/metrics", method: .get).body)
                #expect(text.contains("closter_ready{check=\"database\"} \(value)\n"))
                #expect(text.contains("closter_ready{check=\"schema\"} 1\n"))
            }
        }
    }

    @Test func `a service without requests serves its health alone`() async throws {
        try await Edge.opsApplication(fixture.environment).test(.live) { client in
            let expected: [(HTTPRequest.Method, String, HTTPResponse.Status)] = [
                (.get, "/livez", .ok), (.get, "/readyz", .ok), (.head, "/metrics", .ok),
                (.get, "/v1/items", .notFound), (.post, "/metrics", .methodNotAllowed),
            ]
            for (method, uri, status) in expected {
                let response = try await client.execute(uri: uri, method: method)
                #expect(response.status == status)
            }
        }
    }

    @Test func `HEAD, 304 and 204 have no body on the wire`() async throws {
        let application = fixture.application { router in
            router.get("/same") { _, _ in Response(status: .notModified, headers: [.eTag: "\"1\""]) }
        }
        let headers: HTTPFields = [.closterKey: fixture.publishable.text]
        try await application.test(.live) { client in
            // One connection: a body too many would be read as the next answer's head.
            for _ in 0..<3 {
                let head = try await client.execute(uri: "/v1/items", method: .head, headers: headers)
                #expect(head.status == .ok)
                #expect(head.headers[.contentLength] == "29")
                #expect(head.body.readableBytes == 0)
                let same = try await client.execute(uri: "/same", method: .get)
                #expect(same.status == .notModified)
                #expect(same.headers[.contentLength] == nil)
                #expect(try await client.execute(uri: "/v1/items", method: .options).status == .noContent)
                #expect(try await client.execute(uri: "/v1/items", method: .get, headers: headers).status == .ok)
            }
        }
    }

    @Test func `a body that is too large is refused while it is still being sent`() async throws {
        let headers = try fixture.bearer("anna") + .json
        let body = ByteBuffer(repeating: 0x20, count: 3 << 20)
        try await fixture.application().test(.live) { client in
            let response = try await client.execute(uri: "/v1/items", method: .post, headers: headers, body: body)
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
        let environment = ServiceProcess.Environment(
            configuration: try ServiceConfiguration(service: "query", environment: [:]),
            health: fixture.environment.health, logger: fixture.environment.logger,
            metrics: fixture.environment.metrics)
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
