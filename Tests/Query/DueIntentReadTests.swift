import EventSourcing
import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@testable import Query

/// What waits for its time, as members read it.
@Suite struct DueIntentReadTests {
    /// In the order of their times, each on a listing of its own.
    private static func wait(
        _ count: Int, of shop: QueryApp.Shop, in app: QueryApp, ended outcome: String? = nil
    ) async throws {
        let numbers = (0..<count).map(Int64.init)
        _ = try await app.administrator.query(
            """
            INSERT INTO main.due_intents (intent_id, tenant_id, kind, payload, due_at, correlation_id, created_at,
                                          completed_at, outcome, code)
            SELECT gen_random_uuid(), \(shop.id.uuid), 'listing.markdown', json_build_object('subject', 'listing_' || n),
                   \(Catalogue.noon.postgres) + n * interval '1 second', gen_random_uuid(), \(Catalogue.noon.postgres),
                   CASE WHEN \(outcome) IS NOT NULL THEN \(Catalogue.noon.postgres) END, \(outcome), '=no'
            FROM unnest(\(numbers)) AS n
            """)
    }

    private static func subjects(_ answer: QueryApp.Answer) -> [String] {
        (answer.json["data"]?.arrayValue ?? []).compactMap { $0["subject"]?.stringValue }
    }

    @Test func `a list goes on where its page ended, in the order of the times`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            try await Self.wait(7, of: shop, in: app)
            try await Self.wait(1, of: shop, in: app, ended: "refused")
            try await Self.wait(3, of: app.shop("other"), in: app)
            var (found, cursor): ([String], String?) = ([], nil)
            repeat {
                let place = cursor.map { "&cursor=\($0)" } ?? ""
                let page = try await app.get("/v1/due-intents?status=waiting&limit=3\(place)", of: shop)
                found += Self.subjects(page)
                cursor = page.json["next"]?.stringValue
            } while cursor != nil
            #expect(found == (0..<7).map { "listing_\($0)" })
            let refused = try await app.get("/v1/due-intents?status=refused&subject=listing_0", of: shop)
            #expect(Self.subjects(refused) == ["listing_0"])
            #expect(refused.json["data"]?.arrayValue?.first?["code"] == "=no")
            #expect(try await app.get("/v1/due-intents?status=late", of: shop).pointers == ["/status"])
            #expect(try await app.get("/v1/due-intents", as: .storefront, of: shop).status == 403)
        }
    }

    @Test func `the list comes as a file, whole`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            try await Self.wait(230, of: shop, in: app)
            let file = try await app.get("/v1/due-intents", of: shop, ["Accept": "text/csv"])
            #expect(file["content-type"] == "text/csv; charset=utf-8; header=present")
            #expect(file["content-disposition"] == "attachment; filename=\"due-intents.csv\"")
            let lines = file.text.split(separator: "\r\n")
            #expect(lines.count == 231)
            #expect(
                lines[0]
                    == "id,kind,subject,status,due_at,attempts,error,code,detail,position,completed_at,correlation_id,created_at"
            )
            for (number, line) in lines.dropFirst().enumerated() {
                let wanted = ",listing.markdown,listing_\(number),waiting,2026-"
                #expect(line.contains(wanted), "\(line)")
            }
            #expect(lines[1].contains(",'=no,"))
            let page = try await app.get("/v1/due-intents?limit=3", of: shop, ["Accept": "text/csv"])
            #expect(page.text.split(separator: "\r\n").count == 4)
        }
    }
}
