import AsyncHTTPClient
import EventSourcing
import Foundation
import Hummingbird
import JSON
import NIOCore
import Testing

@testable import Identity

@Suite struct KeySourceTests {
    private let clock = ManualClock()
    private let first = DevelopmentIssuer()
    private let second = DevelopmentIssuer()
    private let fetches = Tally()

    private struct Down: Error {}

    private func source(
        maxAge: Duration? = .seconds(3_600), _ fetch: @escaping @Sendable () async throws -> [UInt8]
    ) -> KeySource {
        KeySource(logger: silent, now: { [clock] in clock.instant }) { [fetches] in
            fetches.count()
            return KeySource.Fetched(bytes: try await fetch(), maxAge: maxAge)
        }
    }

    @Test func `keys are fetched when first needed and kept as long as the issuer says`() async throws {
        let source = source(maxAge: .seconds(600)) { [first] in first.jwks }
        #expect(fetches.value == 0)

        for _ in 0..<5 { _ = try await source.set(holding: first.keyIdentifier) }
        clock.advance(by: .seconds(599))
        _ = try await source.set(holding: first.keyIdentifier)
        #expect(fetches.value == 1)

        clock.advance(by: .seconds(1))
        _ = try await source.set(holding: first.keyIdentifier)
        #expect(fetches.value == 2)
    }

    @Test func `a hundred requests at once fetch once`() async throws {
        // given a fetch that does not end before all have asked
        let (gate, opener) = AsyncStream.makeStream(of: Void.self)
        let asked = Tally()
        let source = source { [first] in
            for await _ in gate { break }
            return first.jwks
        }
        // when
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<100 {
                group.addTask { [first] in
                    asked.count()
                    _ = try await source.set(holding: first.keyIdentifier)
                }
            }
            while asked.value < 100 { await Task.yield() }
            opener.yield()
            try await group.waitForAll()
        }
        // then
        #expect(fetches.value == 1)
    }

    @Test func `whatever kids arrive, there are two fetches a minute`() async throws {
        let source = source { [first] in first.jwks }
        for number in 0..<50 {
            await #expect(throws: TokenError.unknownKey) { try await source.set(holding: "made-up-\(number)") }
        }
        #expect(fetches.value == 2)
        // the good key works all the while
        _ = try await source.set(holding: first.keyIdentifier)

        clock.advance(by: .seconds(59))
        await #expect(throws: TokenError.unknownKey) { try await source.set(holding: "made-up") }
        #expect(fetches.value == 2)

        clock.advance(by: .seconds(1))
        for number in 0..<50 {
            await #expect(throws: TokenError.unknownKey) { try await source.set(holding: "made-up-\(number)") }
        }
        #expect(fetches.value == 4)
    }

    @Test func `a key that the issuer adds is found at once`() async throws {
        let published = Box(first.jwks)
        let source = source { published.value }
        _ = try await source.set(holding: first.keyIdentifier)

        published.value = second.jwks

        _ = try await source.set(holding: second.keyIdentifier)
        await #expect(throws: TokenError.unknownKey) { try await source.set(holding: first.keyIdentifier) }
    }

    @Test func `keys that cannot be renewed serve for another hour and not longer`() async throws {
        let isUp = Box(true)
        let source = source(maxAge: .seconds(60)) { [first] in
            guard isUp.value else { throw Down() }
            return first.jwks
        }
        _ = try await source.set(holding: first.keyIdentifier)
        isUp.value = false

        clock.advance(by: .seconds(61))
        _ = try await source.set(holding: first.keyIdentifier)
        clock.advance(by: .seconds(3_598))
        _ = try await source.set(holding: first.keyIdentifier)
        clock.advance(by: .seconds(1))
        await #expect(throws: TokenError.unavailable) { try await source.set(holding: first.keyIdentifier) }

        // and when the issuer is back, so are they
        isUp.value = true
        clock.advance(by: .seconds(60))
        _ = try await source.set(holding: first.keyIdentifier)
    }

    @Test func `an issuer that was never reached is unavailable, not a wrong token`() async {
        let source = source { throw Down() }

        for _ in 0..<10 {
            await #expect(throws: TokenError.unavailable) { try await source.set(holding: "any") }
        }
        #expect(fetches.value == 2)
    }

    @Test(arguments: ["", "[]", "{}", #"{"keys":[]}"#, #"{"keys":[{"kty":"oct","kid":"a","k":"AA"}]}"#, "<html>"])
    func `an answer without a usable key does not replace the good ones`(answer: String) async throws {
        let published = Box(first.jwks)
        let source = source(maxAge: .seconds(60)) { published.value }
        _ = try await source.set(holding: first.keyIdentifier)

        published.value = Array(answer.utf8)
        clock.advance(by: .seconds(61))

        _ = try await source.set(holding: first.keyIdentifier)
        #expect(fetches.value == 2)
    }

    @Test func `keys of other kinds, other uses and off the curve are ignored`() async throws {
        let good = try #require(try JSONValue(parsing: first.jwks)["keys"]?[0]?.objectValue)
        func changed(_ kid: String, _ change: (inout JSONObject) -> Void) -> JSONValue {
            var key = good
            key["kid"] = .string(kid)
            change(&key)
            return .object(key)
        }
        let set = try await KeySet(
            jwks: ([
                "keys": [
                    .object(good), changed("enc") { $0["use"] = "enc" }, changed("es384") { $0["alg"] = "ES384" },
                    changed("curve") { $0["crv"] = "P-384" }, changed("off") { $0["x"] = $0["y"] },
                    changed("short") { $0["x"] = "AAAA" }, changed("") { _ in }, changed("bare") { $0["alg"] = nil },
                    7, "text",
                ]
            ] as JSONValue).bytes)

        #expect(set.identifiers == [first.keyIdentifier, "bare"])
    }

    @Test(
        arguments: [
            ("max-age=3600", 3_600), ("public, max-age=60", 60), ("MAX-AGE=5", 5), ("no-store", 0),
            ("no-cache, max-age=60", 0), ("max-age=x", nil), ("private", nil), ("", nil),
        ] as [(String, Int?)])
    func `Cache-Control says how long keys may be kept`(header: String, seconds: Int?) {
        #expect(KeyFetching.maxAge([header]) == seconds.map { .seconds($0) })
    }

    // MARK: Over HTTP

    @Test func `keys come over HTTP with their max-age, and errors and redirects are refused`() async throws {
        let jwks = first.jwks
        let router = Router()
        router.get("/jwks.json") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "application/json", .cacheControl: "public, max-age=1234"],
                body: .init(byteBuffer: ByteBuffer(bytes: jwks)))
        }
        router.get("/moved") { _, _ in Response(status: .found, headers: [.location: "/jwks.json"]) }
        router.get("/broken") { _, _ in Response(status: .internalServerError) }
        router.get("/endless") { _, _ in
            Response(status: .ok, body: .init(byteBuffer: ByteBuffer(repeating: 0x20, count: 300 * 1_024)))
        }

        try await withServer(router) { port in
            func fetch(_ path: String) -> @Sendable () async throws -> KeySource.Fetched {
                KeyFetching.url("http://127.0.0.1:\(port)\(path)", client: KeyFetching.client)
            }
            let fetched = try await fetch("/jwks.json")()
            #expect(fetched.bytes == jwks)
            #expect(fetched.maxAge == .seconds(1_234))
            for path in ["/moved", "/broken", "/endless", "/nothing"] {
                await #expect(throws: (any Error).self) { try await fetch(path)() }
            }
        }
    }

    @Test func `a Stack Auth verifier takes its keys from the URL it is given`() async throws {
        let jwks = first.jwks
        let fetches = fetches
        let router = Router()
        router.get("/keys") { _, _ in
            fetches.count()
            return Response(status: .ok, body: .init(byteBuffer: ByteBuffer(bytes: jwks)))
        }

        try await withServer(router) { port in
            let verifier = try #require(
                TokenVerifier.stack(project: "p1", jwksURL: "http://127.0.0.1:\(port)/keys", logger: silent))
            let token = try first.sign(stackClaims(at: .now))
            #expect(try await verifier.verify(token).subject == "user-1")
            // unknown kids cost the issuer two fetches in all
            for _ in 0..<20 {
                let stranger = DevelopmentIssuer()
                let token = try stranger.sign(stackClaims(at: .now))
                await #expect(throws: TokenError.unknownKey) { try await verifier.verify(token) }
            }
            #expect(fetches.value == 2)
        }
    }

    @Test func `what cannot be a project is none`() {
        #expect(TokenVerifier.stack(project: "../p2", logger: silent) == nil)
        #expect(TokenVerifier.stack(project: "", logger: silent) == nil)
        #expect(
            TokenIssuer.stackKeys(project: "p1")
                == "https://api.stack-auth.com/api/v1/projects/p1/.well-known/jwks.json")
    }

    /// Runs a small server and lends its port.
    private func withServer(
        _ router: Router<BasicRequestContext>, _ body: (Int) async throws -> Void
    ) async throws {
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { port.yield($0.localAddress?.port ?? 0) }, logger: silent)
        let server = Task { try await application.run() }
        defer { server.cancel() }
        for await number in ports {
            try await body(number)
            break
        }
        server.cancel()
        _ = try? await server.value
    }
}
