import Documents
import EventSourcing
import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@testable import Query

/// What only the operational tables have to prove; that they answer as the projections do is proved by every test of
/// lists, searches and documents.
@Suite struct TableReadTests {
    private let noon = Catalogue.noon

    @Test func `an answer says how far the log went before it was read, and waits for nothing`() async throws {
        try await QueryApp.with(switches: "default: tables\n") { app in
            let shop = try await app.shop()
            let item = try await shop.catalogue.item([:])
            _ = try await shop.catalogue.listing(item)
            _ = try await shop.catalogue.listing(item, status: .ended)
            for path in ["/v1/items", "/v1/items/\(item.id.id("item"))"] {
                // No checkpoint has moved.
                let answer = try await app.get(
                    path, of: shop, ["Closter-After": try await app.token(2, of: shop), "Prefer": "wait=5"])
                #expect(answer.status == 200)
                #expect(answer["closter-source"] == "tables")
                #expect(answer["closter-position"].flatMap(PositionToken.init)?.position == 2)
                #expect(answer["preference-applied"] == "wait=5")
                let beyond = ["Closter-After": try await app.token(3, of: shop)]
                #expect(try await app.get(path, of: shop, beyond).code == "invalid_position")
            }
        }
    }

    @Test func `what has been acknowledged is there at once`() async throws {
        try await QueryApp.with(switches: "default: tables\n") { app in
            let shop = try await app.shop()
            var item = try await shop.catalogue.item(["brand": "Alba"])
            var listing = try await shop.catalogue.listing(item)
            // The projections hear of none of this.
            item.apply(["brand": "Bora"])
            item.advance(to: 2, at: noon + .seconds(1))
            listing.end(.sold, soldFor: listing.price, at: noon + .seconds(1))
            listing.advance(to: 2, at: noon + .seconds(1))
            try await shop.catalogue.tabulate(item)
            try await shop.catalogue.tabulate(listing)
            #expect(try await app.get("/v1/items/\(item.id.id("item"))", of: shop).json["status"] == "sold")
            #expect(try await app.get("/v1/items?status=sold&brand=Bora&q=bora", of: shop).ids.count == 1)
            #expect(try await app.get("/v1/items?brand=Alba", of: shop).ids.isEmpty)
            let shown = try await app.get("/v1/listings/\(listing.id.id("listing"))", of: shop)
            #expect(shown.json["brand"] == "Bora")
            #expect(shown["etag"]?.hasPrefix("\"2-") == true)
            #expect(try await app.get("/v1/listings", as: .storefront, of: shop).ids.isEmpty)
        }
    }

    @Test func `times compare to the microsecond`() async throws {
        try await QueryApp.with(comparing: true) { app in
            let shop = try await app.shop()
            var expected: [String] = []
            for step in [0, 1, 2, 999_999, 1_000_000, 1_000_001] {
                let item = try await shop.catalogue.item([:], at: noon + .microseconds(step))
                _ = try await shop.catalogue.listing(item, at: noon + .microseconds(step))
                expected.insert(item.id.id("item"), at: 0)
            }
            #expect(try await app.pages("/v1/items?limit=1", of: shop).flatMap { $0 } == expected)
            #expect(try await app.pages("/v1/listings?limit=1&sort=-published_at", of: shop).count == expected.count)
        }
    }

    @Test func `a search goes through all that the filters keep, and stops when the page is full`() async throws {
        try await QueryApp.with(comparing: true) { app in
            let shop = try await app.shop()
            var rare: [String] = []
            for number in 0..<270 {
                let isRare = number % 90 == 0
                let item = try await shop.catalogue.item(
                    ["title": isRare ? "Żakiet rarytas" : "Coat"], at: noon - .seconds(number))
                if isRare { rare.append(item.id.id("item")) }
            }
            #expect(try await app.get("/v1/items?q=zakiet+rar", of: shop).ids == rare)
            #expect(try await app.pages("/v1/items?q=zak&limit=1", of: shop).flatMap { $0 } == rare)
            #expect(try await app.pages("/v1/items?q=coa&limit=200", of: shop).map(\.count) == [200, 67])
            #expect(try await app.get("/v1/items?q=zakiet+coat", of: shop).ids.isEmpty)
        }
    }

    @Test(arguments: [
        ("/v1/listings?sort=price", "projections", "tables"),
        ("/v1/listings?sort=-published_at", "tables", "projections"),
        ("/v1/items?q=coat", "projections", "tables"),
    ])
    func `a cursor survives flips of the switches in the middle of paging`(
        path: String, first: String, second: String
    ) async throws {
        try await QueryApp.with(switches: "default: \(first)\n") { app in
            let shop = try await app.shop()
            let statuses = ListingStatus.allCases
            for number in 0..<12 {
                let item = try await shop.catalogue.item([:], at: noon + .seconds(number / 3))
                _ = try await shop.catalogue.listing(
                    item, price: Int64(100 + number / 5), status: statuses[number % 4], at: noon + .seconds(number / 3))
            }
            let all = try await app.get("\(path)&limit=200", of: shop).ids
            #expect(all.count == 12)
            var sides = [second, first]
            var seen: [String] = []
            let pages = try await app.pages("\(path)&limit=4", of: shop) {
                guard let side = sides.popLast() ?? nil else { return }
                let next = side == first ? second : first
                try app.flip("default: \(next)\n")
                try await eventually { try await app.get("/v1/items", of: shop)["closter-source"] == next }
                seen.append(next)
            }
            #expect(seen == [second, first])
            #expect(pages.flatMap { $0 } == all)
        }
    }

    @Test func `without a tenant the role sees no thing, and with one only the tenant's`() async throws {
        try await TestDatabase.with { database in
            let administrator = try await database.connect()
            let (mine, other) = (TenantID(.version7()), TenantID(.version7()))
            let item = try await Catalogue(connection: administrator, tenant: mine).item([:])
            let catalogue = Catalogue(connection: administrator, tenant: other)
            let foreign = try await catalogue.item([:])
            let listing = try await catalogue.listing(foreign)
            let query = try await database.connect(as: "closter_query")
            func counts(_ tenant: String) async throws -> [Int] {
                try await query.simple("SELECT set_config('closter.tenant', '\(tenant)', false)")
                let statements: [SQL] = [
                    ItemTable.statement([item.id, foreign.id]), ListingTable.statement([listing.id]),
                    "SELECT t.id FROM (\(ItemTable.relation(withItem: false))) t",
                    "SELECT t.id FROM (\(ListingTable.relation(withItem: true))) t",
                    "SELECT main.listings_of(\(foreign.id.id("item")))",
                ]
                var counts: [Int] = []
                for statement in statements { counts.append(try await query.query(statement).count) }
                return counts
            }
            #expect(try await counts("") == [0, 0, 0, 0, 0])
            #expect(try await counts(mine.description) == [1, 0, 1, 0, 0])
            #expect(try await counts(other.description) == [1, 1, 1, 1, 1])
            await query.close()
            await administrator.close()
        }
    }
}
