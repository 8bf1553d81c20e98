import Documents
import EventSourcing
import Foundation
import JSON
import NIOHTTP1
import Postgres
import Testing

@testable import Query

@Suite struct ImportReadTests {
    private func record(_ id: UUID) -> ImportRecord {
        ImportRecord(
            id: id, format: "shopify", currency: Currency(code: "PLN")!, publish: true, bytes: 123, sha256: "00",
            at: Catalogue.noon)
    }

    private func store(_ record: ImportRecord, of shop: QueryApp.Shop, in app: QueryApp) async throws {
        _ = try await app.administrator.query(
            """
            INSERT INTO main.aggregates (tenant_id, category, stream_id, version, position, state, created_at, updated_at)
            VALUES (\(shop.id.uuid), 'import', \(record.id), 1, 1, \(JSONText(bytes: record.stored)), now(), now())
            """)
    }

    /// Lines 1…count; every tenth is rejected, the rest are created.
    private func report(_ count: Int, _ id: UUID, of shop: QueryApp.Shop, in app: QueryApp) async throws {
        try await app.administrator.simple(
            """
            INSERT INTO main.import_lines (tenant_id, import_id, line, outcome, reason, item_id, correlation_id)
            SELECT '\(shop.id)', '\(id)', n, CASE n % 10 WHEN 0 THEN 'rejected' ELSE 'created' END,
                CASE n % 10 WHEN 0 THEN 'no price' END, gen_random_uuid(), gen_random_uuid()
            FROM generate_series(1, \(count)) n
            """)
    }

    @Test func `a report of many lines comes whole and in order`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            let id = UUID.version7()
            try await store(record(id), of: shop, in: app)
            let count = ImportReader.chunk * 2 + 500
            try await report(count, id, of: shop, in: app)
            let path = "/v1/imports/\(id.id("import"))"

            let answer = try await app.get(path, of: shop)
            #expect(answer.status == 200)
            #expect(answer["closter-source"] == "tables")
            let lines = answer.json["lines"]?.arrayValue ?? []
            #expect(lines.compactMap { $0["line"]?.integerValue } == Array(1...Int64(count)))
            #expect(lines.allSatisfy { $0["correlation_id"]?.stringValue != nil })
            #expect(lines[9]["reason"] == "no price")
            #expect(answer.json["status"] == "queued")
            #expect(answer.json["counts"]?["rejected"] == .integer(Int64(count / 10)))

            let none = try await app.get("\(path)?lines=none", of: shop)
            #expect(none.json["lines"] == [])
            #expect(none.json["counts"] == answer.json["counts"])
            let rejected = try await app.get("\(path)?lines=rejected", of: shop)
            #expect(rejected.json["lines"]?.arrayValue?.count == count / 10)
            #expect(try await app.get("\(path)?lines=some", of: shop).pointers == ["/lines"])
            #expect(try await app.get(path, of: shop, method: .HEAD).status == 200)
            #expect(try await app.get(path, as: .backEnd, of: shop).status == 403)
            #expect(try await app.get(path, of: app.shop("other")).status == 404)
            #expect(try await app.get("/v1/imports/\(UUID().id("import"))", of: shop).status == 404)
        }
    }

    @Test func `an import's trace counts its lines and leads to theirs`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            let id = UUID.version7()
            let correlation = UUID.version7()
            try await app.log.append(
                "ImportRequested", StreamID(category: "import", id: id), version: 1, position: 1, of: shop.id,
                correlation: correlation)
            try await report(TraceReader.mostLines * 2, id, of: shop, in: app)
            let json = try await app.get("/v1/trace/\(correlation.text)", of: shop).json
            let caused = json["caused"]?.arrayValue ?? []
            #expect(caused.count == 1)
            #expect(caused.first?["href"]?.stringValue == "/v1/imports/\(id.id("import"))")
            #expect(caused.first?["counts"]?["rejected"] == .integer(Int64(TraceReader.mostLines / 5)))
            let lines = caused.first?["lines"]?.arrayValue ?? []
            #expect(lines.count == TraceReader.mostLines)
            #expect(lines.first?["href"]?.stringValue?.hasPrefix("/v1/trace/") == true)
            #expect(json["truncated"] == true)
        }
    }
}
