import EventSourcing
import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Logging
import NIOCore
import Runtime
import Synchronization
import TestSupport
import Testing

@testable import Edge

@Suite struct HotTests {
    // MARK: What is looked at

    @Test func `a request is known by its fields, whatever their case`() {
        var fields = [
            (name: "AUTHORIZATION", value: "a"), ("closter-Tenant", "t"), ("Closter-After", "p"),
            ("If-None-Match", "\"x\""), ("accept-encoding", "gzip"), ("Origin", "ó"), ("X-Correlation-Id", "c"),
            ("traceparent", "d"), ("Cache-Control", "max-age=0"), ("Prefer", "wait=1"), ("User-Agent", "u"),
            ("Closter-Kez", "-"), ("Accept", "*/*"),
        ]
        // What is left of another one is not seen.
        var room = Array("GET /other?with=more".utf8)
        var request: HotRequest { HotRequest(isHead: false, target: "/a?b", fields, room: &room) }
        #expect(request.target == "/a?b" && request.authorization == "a" && request.after == "p")
        #expect(request.credentials.tenant.map(Array.init) == Array("t".utf8))
        #expect(request.ifNoneMatch == "\"x\"" && request.takesGzip && request.origin == "ó")
        #expect(request.correlationID == "c" && request.traceparent == "d" && request.prefer == "wait=1")
        #expect(request.key == nil && !request.isUnusual && !request.refusesKept)
        fields.append(("closter-key", "k"))
        #expect(!request.isUnusual && request.key == "k")
        fields.append(("Closter-Key", "k"))
        #expect(request.isUnusual)
    }

    @Test(arguments: [
        ("text/csv", true), ("application/json, TEXT/CSV;q=0.5", true), ("csv", true), ("text/cs", false),
        ("cs", false),
        ("", false), ("*/*", false),
    ])
    func `another form than what is kept is the router's`(accept: String, isUnusual: Bool) {
        var room: [UInt8] = []
        let request = HotRequest(isHead: false, target: "/", [(name: "accept", value: accept)], room: &room)
        #expect(request.isUnusual == isUnusual)
    }

    @Test(arguments: [
        ("gzip", true), ("GZIP", true), ("br, gzip;q=0.5", true), ("x-gzip", true), ("*", true), ("*;q=0.1", true),
        ("gzip;q=0", false), ("gzip; q=0.000, *", false), ("identity", false), ("", false), ("br", false),
        ("*;q=0", false), ("gzip;q=x", false),
    ])
    func `gzip is sent to who takes it`(field: String, isTaken: Bool) {
        #expect(Gzip.isTaken(field) == isTaken)
    }

    @Test func `without the field nothing is compressed`() { #expect(!Gzip.isTaken(nil)) }

    // MARK: Who asks

    private static func access(_ tenant: TenantID, for time: Duration) -> Access {
        Access(
            principal: .publishable(keyID: "pub"),
            tenant: Tenant(
                id: tenant, shard: "main", version: 1,
                record: TenantRecord(
                    slug: "demo", name: "Demo", currency: Currency(code: "PLN")!, timeZone: "Europe/Warsaw",
                    members: [:], keys: [:])),
            validUntil: .now + time)
    }

    @Test func `a caller is known by all that was sent, for as long as it holds`() {
        let callers = KnownCallers()
        let tenant = TenantID(UUID())
        let now = ContinuousClock.now
        func known(_ authorization: String?, _ key: String?, _ slug: String?, at time: ContinuousClock.Instant) -> Bool
        {
            callers.caller(.init(authorization: authorization, key: key, tenant: slug), at: time) != nil
        }
        callers.remember(Self.access(tenant, for: .seconds(10)), of: .init(authorization: "Bearer a", tenant: "demo"))
        callers.remember(Self.access(tenant, for: .seconds(10)), of: .init(authorization: "Bearer a", key: "k"))
        #expect(known("Bearer a", nil, "demo", at: now))
        #expect(!known("Bearer b", nil, "demo", at: now))
        #expect(!known("Bearer a", nil, "other", at: now))
        #expect(!known("Bearer a", nil, nil, at: now))
        #expect(!known("Bearer a", "k", nil, at: now))
        #expect(!known(nil, "Bearer a", "demo", at: now))
        #expect(!known(nil, nil, nil, at: now))
        #expect(!known("Bearer a", nil, "demo", at: now + .seconds(11)))
        // Past the half one of them finds out anew, and the others need not.
        #expect(!known("Bearer a", nil, "demo", at: now + .seconds(6)))
        #expect(known("Bearer a", nil, "demo", at: now + .seconds(6)))
    }

    @Test func `a tenant has so many requests a second, and may save up one second's`() {
        let limiter = TenantLimiter(rate: 10)
        let (busy, other) = (TenantID(UUID()), TenantID(UUID()))
        let now = ContinuousClock.now
        #expect((0..<30).count { _ in limiter.takes(busy, at: now) } == 11)
        #expect(limiter.takes(other, at: now))
        #expect((0..<30).count { _ in limiter.takes(busy, at: now + .milliseconds(500)) } == 5)
        #expect((0..<30).count { _ in limiter.takes(busy, at: now + .seconds(60)) } == 11)
        let none = TenantLimiter(rate: 0)
        #expect((0..<1000).allSatisfy { _ in none.takes(busy, at: now) })
    }

    // MARK: Over a socket

    /// One answer, for one path.
    private final class Shelf: HotReads {
        let routes = ["/v1/items/:id"]
        let given = Mutex(0)
        let response = FinishedResponse(
            status: 200, [.contentType: "application/json", .eTag: "\"1-a\""],
            body: ByteBuffer(string: "{\"kept\":true}"))

        func answer(
            _ request: HotRequest, for reader: HotReader, at now: ContinuousClock.Instant, own: inout FieldBlock
        ) -> (response: FinishedResponse, route: Int)? {
            guard request.target == "/v1/items/kept" else { return nil }
            given.withLock { $0 += 1 }
            own.append("closter-position", reader.seesEverything ? "inside" : "outside")
            return (response, 0)
        }
    }

    @Test func `what is kept is answered in its turn, and like everything else`() async throws {
        let fixture = try EdgeFixture(logLevel: .info, freshFor: .seconds(600))
        let shelf = Shelf()
        let key = fixture.publishable.text
        try await fixture.serve(hot: shelf) { port in
            try await RawConnection.with(port: port) { connection in
                func get(_ path: String, _ more: String = "", _ method: String = "GET") -> String {
                    "\(method) \(path) HTTP/1.1\r\nHost: a\r\nCloster-Key: \(key)\r\n\(more)\r\n"
                }
                // Nobody is known yet: the router finds out who it is, and has no such item.
                try await connection.send(get("/v1/items/kept"))
                _ = try await connection.read(to: "\r\n\r\n")
                #expect(shelf.given.withLock { $0 } == 0)
                try await connection.send(
                    get("/v1/items") + get("/v1/items/kept") + get("/nowhere") + get("/v1/items/kept", "", "HEAD")
                        + get("/v1/items/kept", "Connection: close\r\n"))
                let all = try await connection.readToEnd()
                #expect(shelf.given.withLock { $0 } == 3)
                let places = ["\"tenant\":\"demo\"", "{\"kept\":true}", "404 Not Found"]
                    .compactMap { all.range(of: $0)?.lowerBound }
                #expect(places.count == 3 && places == places.sorted())
                #expect(all.components(separatedBy: "{\"kept\":true}").count == 3, "a HEAD has no body")
                #expect(all.components(separatedBy: "content-length: 13").count == 4)
                #expect(all.components(separatedBy: "closter-position: outside").count == 4)
                #expect(all.contains("connection: close"))
                #expect(all.contains("x-content-type-options: nosniff"))
            }
            let metrics = fixture.environment.metrics.exposition()
            #expect(
                metrics.contains(#"closter_http_requests_total{method="GET",route="/v1/items/:id",status="200"} 2"#))
            #expect(
                metrics.contains(#"closter_http_requests_total{method="HEAD",route="/v1/items/:id",status="200"} 1"#))
        }
    }
}
