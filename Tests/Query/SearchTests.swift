import Documents
import EventSourcing
import Foundation
import JSON
import Postgres
import Testing

@testable import Query

@Suite struct SearchTests {
    @Test func `words are found by their beginnings, without case, accents and Polish letters`() async throws {
        try await QueryApp.with(comparing: true) { app in
            let shop = try await app.shop()
            let noon = Catalogue.noon
            let jacket = try await shop.catalogue.item(
                ["title": "Żakiet wełniany ŁÓDŹ", "brand": "Alba", "sku": "SECRET-9"], at: noon)
            let coat = try await shop.catalogue.item(["title": "Crème coat", "brand": "Alba"], at: noon + .seconds(1))
            let first = try await shop.catalogue.listing(jacket, price: 300, at: noon)
            let second = try await shop.catalogue.listing(coat, price: 200, at: noon + .seconds(1))
            let names = [first.id.id("listing"), second.id.id("listing")]

            func ids(_ q: String, _ more: String = "") async throws -> [String] {
                var allowed = CharacterSet.alphanumerics
                allowed.insert("-")
                let q = q.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
                return try await app.get("/v1/listings?q=\(q)\(more)", as: .storefront, of: shop).ids
            }
            #expect(try await ids("zakiet") == [names[0]])
            #expect(try await ids("ŻAKIET") == [names[0]])
            #expect(try await ids("łódź") == [names[0]])
            #expect(try await ids("zak weln") == [names[0]])
            #expect(try await ids("zak creme").isEmpty)
            #expect(try await ids("creme") == [names[1]])
            #expect(try await ids("alb") == [names[1], names[0]])
            #expect(try await ids("alb", "&sort=-price") == names)
            #expect(try await ids("alb", "&price_max=250") == [names[1]])
            #expect(try await ids("'; DROP TABLE x; -- \\ ' & | ! : *").isEmpty)
            #expect(try await ids("!!!").isEmpty)
            #expect(try await ids("SECRET-9").isEmpty)
            #expect(try await app.get("/v1/items?q=ZAK", of: shop).ids == [jacket.id.id("item")])
            #expect(try await app.get("/v1/items?q=zak", of: app.shop("other")).ids.isEmpty)
            #expect(try await app.get("/v1/listings?q=%00", of: shop).status == 400)
        }
    }

    @Test func `pages of a search hold every match once, few or many`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            // More matches of "coat" than are gathered, few of "rare"; a third are drafts.
            let count = ListStatement.mostFound + 10
            try await app.administrator.simple(
                """
                INSERT INTO main.listings_g1 (tenant_id, id, item_id, version, position, status, channel, price, condition,
                    search, published_at, created_at, updated_at, document, public_document, record)
                SELECT '\(shop.id)', id, id, 1, n, CASE n % 3 WHEN 0 THEN 'draft' ELSE 'published' END, 'storefront',
                    n / 2, 'good', array_to_tsvector(CASE WHEN n % 1000 < 9 THEN ARRAY['coat', 'rare'] ELSE ARRAY['coat'] END),
                    CASE n % 3 WHEN 0 THEN NULL ELSE now() - n / 2 * interval '1 s' END, now(), now(),
                    '{"id":"' || n || '"}', CASE n % 3 WHEN 0 THEN NULL ELSE '{"id":"' || n || '"}' END, '{}'
                FROM (SELECT n, gen_random_uuid() id FROM generate_series(1, \(count)) n) n;
                """)
            for (sort, q) in [
                ("-published_at", "coat"), ("price", "rare"), ("-published_at", "rare"), ("-price", "coat"),
            ] {
                let pages = try await app.pages("/v1/listings?sort=\(sort)&q=\(q)&limit=200", of: shop)
                let expected = q == "coat" ? count : (1...count).filter { $0 % 1000 < 9 }.count
                #expect(pages.flatMap { $0 }.count == expected, "\(sort) \(q)")
                #expect(Set(pages.flatMap { $0 }).count == expected, "\(sort) \(q)")
            }
            let small = try await app.pages("/v1/listings?sort=-published_at&q=rare&limit=7", of: shop).flatMap { $0 }
            #expect(small == (try await app.get("/v1/listings?sort=-published_at&q=rare&limit=200", of: shop).ids))
        }
    }
}
