import Documents
import EventSourcing
import Foundation
import JSON
import NIOHTTP1
import Postgres
import Runtime
import TestSupport
import Testing

@testable import Query

/// The service with answers that are kept, and a projector that says what it changes.
@Suite struct HotAnswersTests {
    private static let on = ["CLOSTER_HOT_BYTES": "16777216"]

    private func with(
        _ variables: [String: String] = [:], switches: String? = nil, _ body: (QueryApp) async throws -> Void
    )
        async throws
    {
        try await QueryApp.with(switches: switches, variables: Self.on.merging(variables) { $1 }, body)
    }

    @Test func `what was read once is given again without Postgres, to whoever may have it`() async throws {
        try await with { app in
            let shop = try await app.shop()
            let other = try await app.shop("other")
            let item = try await shop.catalogue.item(["title": "Coat"], listings: [UUID(): .init(.published)])
            let path = "/v1/items/\(item.id.id("item"))"
            let first = try await app.get(path, of: shop)
            let again = try await app.hot(path, of: shop)
            #expect(again.body == first.body)
            for name in ["etag", "content-type", "content-length", "cache-control", "vary", "closter-source"] {
                #expect(again[name] == first[name], "\(name)")
            }
            #expect(again["x-content-type-options"] == "nosniff")
            #expect(again["date"] != nil)
            #expect(again["traceparent"] != first["traceparent"])
            #expect(again["x-correlation-id"].flatMap(UUID.init)?.version == 7)
            #expect(again["closter-position"].flatMap(PositionToken.init)?.tenant == shop.id)

            // Another reader sees other bytes, and another tenant none.
            let outside = try await app.get(path, as: .storefront, of: shop)
            #expect(outside.status == 200 && outside.body != first.body)
            let kept = try await app.hot(path, as: .storefront, of: shop, ["Origin": "https://shop.example"])
            #expect(kept.body == outside.body)
            #expect(kept["access-control-allow-origin"] == "https://shop.example")
            #expect(kept.headers["vary"].joined(separator: ",").contains("Origin"))
            #expect(try await app.hot(path, as: .backEnd, of: shop).body == outside.body)
            #expect(try await app.get(path, of: other).status == 404)
            #expect(try await app.get(path, as: .nobody, of: shop).status == 401)
        }
    }

    @Test func `HEAD, 304, a trace and a correlation are as the router gives them`() async throws {
        try await with { app in
            let shop = try await app.shop()
            let item = try await shop.catalogue.item([:])
            let path = "/v1/items/\(item.id.id("item"))"
            let first = try await app.get(path, of: shop)
            let tag = try #require(first["etag"])
            let head = try await app.hot(path, of: shop, method: .HEAD)
            #expect(head.status == 200 && head.body.isEmpty)
            #expect(head["content-length"] == first["content-length"])
            let same = try await app.hot(path, of: shop, ["If-None-Match": "W/\(tag)"])
            #expect(same.status == 304 && same.body.isEmpty)
            #expect(same["etag"] == tag)
            #expect(same["content-type"] == nil && same["content-length"] == nil)
            #expect(same["cache-control"] == first["cache-control"])
            #expect(try await app.hot(path, of: shop, ["If-None-Match": "\"other\""]).status == 200)
            let correlation = UUID()
            let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            let traced = try await app.hot(
                path, of: shop, ["X-Correlation-Id": correlation.uuidString, "traceparent": trace])
            #expect(traced["x-correlation-id"] == correlation.text)
            #expect(traced["traceparent"] == trace)
            #expect(try await app.get(path, of: shop, ["X-Correlation-Id": "x"]).code == "invalid_header")
            let given = app.given
            for wish in ["no-cache", "max-age=0, No-Store"] {
                #expect(try await app.get(path, of: shop, ["Cache-Control": wish]).body == first.body)
            }
            #expect(app.given == given)
            _ = try await app.hot(path, of: shop, ["Cache-Control": "max-age=0"])
        }
    }

    @Test func `what is kept goes with the session in which changes are told`() async throws {
        try await with { app in
            let shop = try await app.shop()
            let item = try await shop.catalogue.item(["title": "Coat"])
            let path = "/v1/items/\(item.id.id("item"))"
            _ = try await app.get(path, of: shop)
            _ = try await app.hot(path, of: shop)
            // A crash gives numbers of transactions out again: a change under one that was seen before is not told.
            _ = try await shop.catalogue.retitle(item, "Cape")
            #expect(try await app.hot(path, of: shop).json["title"] == "Coat")
            _ = try await shop.catalogue.connection.query(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND query LIKE '%changes_after%' AND pid <> pg_backend_pid()
                """)
            try await eventually("what was kept is gone") { try await app.get(path, of: shop).json["title"] == "Cape" }
        }
    }

    @Test func `large answers are compressed once, and smaller ones as they are`() async throws {
        try await with { app in
            let shop = try await app.shop()
            let long = try await shop.catalogue.item(["description": .string(String(repeating: "wool ", count: 600))])
            let short = try await shop.catalogue.item([:])
            let gzip = ["Accept-Encoding": "br, gzip;q=0.8"]
            let path = "/v1/items/\(long.id.id("item"))"
            let plain = try await app.get(path, of: shop)
            let coded = try await app.get(path, of: shop, gzip)
            let kept = try await app.hot(path, of: shop, gzip)
            #expect(coded["content-encoding"] == "gzip" && kept["content-encoding"] == "gzip")
            #expect(kept.body == coded.body && kept.body.count < plain.body.count / 4)
            #expect(try await gunzip(kept.body) == plain.body)
            #expect(kept["content-length"] == "\(kept.body.count)")
            let tag = try #require(plain["etag"])
            #expect(kept["etag"] == "W/\(tag)")
            #expect(try await app.hot(path, of: shop, gzip.merging(["If-None-Match": "W/\(tag)"]) { $1 }).status == 304)
            #expect(try await app.hot(path, of: shop, ["Accept-Encoding": "gzip;q=0, identity"]).body == plain.body)
            let small = "/v1/items/\(short.id.id("item"))"
            _ = try await app.get(small, of: shop, gzip)
            #expect(try await app.hot(small, of: shop, gzip)["content-encoding"] == nil)
            // What is not kept is compressed too.
            let description = try await app.get("/openapi.json", as: .nobody, of: shop, gzip)
            #expect(description["content-encoding"] == "gzip")
            #expect(description["vary"]?.contains("Accept-Encoding") == true)
        }
    }

    @Test func `a change takes the row and its tenant's lists, at a checkpoint that moves and at one that stands`()
        async throws
    {
        try await with { app in
            let shop = try await app.shop()
            let other = try await app.shop("other")
            var item = try await shop.catalogue.item(["title": "Coat"])
            let hat = try await shop.catalogue.item(["title": "Hat"])
            let foreign = try await other.catalogue.item(["title": "Shoe"])
            let path = "/v1/items/\(item.id.id("item"))"
            let hatPath = "/v1/items/\(hat.id.id("item"))"
            for path in [path, hatPath, "/v1/items"] {
                _ = try await app.get(path, of: shop)
                _ = try await app.hot(path, of: shop)
            }
            _ = try await app.get("/v1/items/\(foreign.id.id("item"))", of: other)

            for round in 1...3 {
                item = try await shop.catalogue.retitle(item, "Coat \(round)")
                // The same checkpoint three times: a repair says no more.
                try await app.changed(.items, item.id, of: shop, at: 0)
                try await eventually("the change is seen") {
                    try await app.get(path, of: shop).json["title"] == .string("Coat \(round)")
                }
                let titles = try await app.get("/v1/items", of: shop).data.compactMap { $0["title"]?.stringValue }
                #expect(titles.contains("Coat \(round)"))
                _ = try await app.hot(hatPath, of: shop)
                _ = try await app.hot("/v1/items/\(foreign.id.id("item"))", of: other)
            }
            item = try await shop.catalogue.retitle(item, "Coat at last")
            try await app.changed(.items, nil, of: shop, at: 7)
            try await eventually("the change is seen") {
                try await app.get(path, of: shop).json["title"] == "Coat at last"
            }
            _ = try await app.hot("/v1/items/\(foreign.id.id("item"))", of: other)
        }
    }

    @Test func `what was written before is in it, or it is not given`() async throws {
        try await with { app in
            let shop = try await app.shop()
            for position in Int64(1)...3 {
                try await app.log.append(
                    "ItemReceived", StreamID(category: "item", id: .version7()), version: 1, position: position,
                    of: shop.id)
            }
            let item = try await shop.catalogue.item([:])
            let path = "/v1/items/\(item.id.id("item"))"
            _ = try await app.get(path, of: shop)
            _ = try await app.hot(path, of: shop)
            let after = ["Closter-After": try await app.token(3, of: shop)]
            #expect(try await app.get(path, of: shop, after).code == "not_yet_visible")
            try await app.log.checkpoint(.items, from: 0, to: 3)
            try await eventually { try await app.get(path, of: shop, after).status == 200 }
            let kept = try await app.hot(path, of: shop, after)
            #expect(kept["closter-position"].flatMap(PositionToken.init)?.position == 3)
            #expect(try await app.get(path, of: shop, ["Closter-After": "nonsense"]).code == "invalid_position")
        }
    }

    @Test func `tables are not kept, and a switch drops what was`() async throws {
        try await with(switches: "default: projections\n") { app in
            let shop = try await app.shop()
            let item = try await shop.catalogue.item([:])
            let path = "/v1/items/\(item.id.id("item"))"
            _ = try await app.get(path, of: shop)
            _ = try await app.hot(path, of: shop)
            try app.flip("resources: { items: tables }\n")
            try await eventually { try await app.get(path, of: shop)["closter-source"] == "tables" }
            let given = app.given
            for _ in 0..<5 { #expect(try await app.get(path, of: shop)["closter-source"] == "tables") }
            try app.flip("resources: { items: shadow }\n")
            for _ in 0..<5 { #expect(try await app.get(path, of: shop)["closter-source"] == "tables") }
            #expect(app.given == given)
            try app.flip("resources: { items: { use: tables, percent: 50 } }\n")
            var sides: [String: String] = [:]
            var rows: [String] = []
            for _ in 0..<20 { rows.append("/v1/items/\(try await shop.catalogue.item([:]).id.id("item"))") }
            try await eventually {
                let before = sides
                for path in rows { sides[path] = try await app.get(path, of: shop)["closter-source"] }
                return Set(sides.values).count == 2 && sides == before
            }
            for path in rows { #expect(try await app.get(path, of: shop)["closter-source"] == sides[path]) }
        }
    }

    @Test func `another generation has answers of its own`() async throws {
        try await with { app in
            let shop = try await app.shop()
            let item = try await shop.catalogue.item(["title": "Coat"])
            let path = "/v1/items/\(item.id.id("item"))"
            _ = try await app.get(path, of: shop)
            _ = try await app.hot(path, of: shop)
            _ = try await app.administrator.query("SELECT main.create_generation('items', 2)")
            var second = shop.catalogue
            second.itemsTable = "items_g2"
            var renamed = item
            renamed.apply(["title": "Coat of the second"])
            try await second.project(renamed, .init([:]))
            _ = try await app.administrator.query(
                """
                UPDATE main.generations SET status = CASE generation WHEN 2 THEN 'live' ELSE 'retired' END
                WHERE projection = 'items'
                """)
            try await eventually { try await app.get(path, of: shop).json["title"] == "Coat of the second" }
            #expect(try await app.hot(path, of: shop).json["title"] == "Coat of the second")
        }
    }

    @Test func `a key that is revoked is refused soon, however hot`() async throws {
        try await with { app in
            let shop = try await app.shop()
            let item = try await shop.catalogue.item([:], listings: [UUID(): .init(.published)])
            let path = "/v1/items/\(item.id.id("item"))"
            _ = try await app.get(path, as: .storefront, of: shop)
            _ = try await app.hot(path, as: .storefront, of: shop)
            _ = try await app.administrator.query(
                """
                UPDATE main.aggregates SET version = 2, state = jsonb_set(state::jsonb, '{keys,pub,revoked}', 'true')::json
                WHERE category = 'tenant' AND tenant_id = \(shop.id.uuid)
                """)
            try await eventually { try await app.get(path, as: .storefront, of: shop).status == 401 }
            #expect(try await app.get(path, as: .backEnd, of: shop).status == 200)
        }
    }

    @Test func `more requests of a tenant than agreed are told when to come again, hot or not`() async throws {
        try await with(["CLOSTER_REQUESTS_PER_TENANT": "20"]) { app in
            let shop = try await app.shop()
            let other = try await app.shop("other")
            let item = try await shop.catalogue.item([:])
            let path = "/v1/items/\(item.id.id("item"))"
            try await eventually { try await app.get(path, of: shop).status == 429 }
            let refused = try await app.get(path, of: shop)
            if refused.status == 429 {
                #expect(refused.code == "too_many_requests")
                #expect(refused["retry-after"] == "1")
            }
            #expect(try await app.get("/v1/items", of: other).status == 200)
            try await eventually { try await app.get(path, of: shop).status == 200 }
        }
    }
}

extension QueryApp {
    /// Answers that were given as they were kept.
    var given: Int { count("closter_hot_reads_total{outcome=\"given\"}") }

    private func count(_ series: String) -> Int {
        metrics.exposition().split(separator: "\n").first { $0.hasPrefix(series) }
            .flatMap { $0.split(separator: " ").last }.flatMap { Double($0) }.map { Int($0) } ?? 0
    }

    /// Asks until the answer is one that was kept.
    func hot(
        _ path: String, as reader: Reader = .member, of shop: Shop, _ headers: [String: String] = [:],
        method: HTTPMethod = .GET
    ) async throws -> Answer {
        var answer: Answer?
        try await eventually("\(path) is kept") {
            let before = given
            answer = try await get(path, as: reader, of: shop, headers, method: method)
            return given == before + 1
        }
        return try #require(answer)
    }

    /// Says that rows have changed, as the projector does in the transaction that changes them.
    func changed(_ projection: Projection, _ id: UUID?, of shop: Shop, at position: Int64) async throws {
        _ = try await administrator.query(
            """
            INSERT INTO main.changes (projection, generation, position, tenants, ids)
            VALUES (\(projection.rawValue), 1, \(position), \([shop.id.uuid]), \([id]))
            """)
        try await administrator.simple("NOTIFY \(ShardFollower.channel)")
    }
}

extension Catalogue {
    fileprivate func retitle(_ item: ItemRecord, _ title: String) async throws -> ItemRecord {
        var item = item
        item.apply(["title": .string(title)])
        item.advance(to: item.version + 1, at: Self.noon)
        try await put(item)
        return item
    }
}

/// By the program of that name.
private func gunzip(_ bytes: [UInt8]) async throws -> [UInt8] {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).gz")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(bytes).write(to: file)
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["gzip", "-dc", file.path]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Array(data)
}
