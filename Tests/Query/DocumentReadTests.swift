import Documents
import EventSourcing
import Foundation
import JSON
import NIOHTTP1
import Postgres
import Testing

@testable import Query

@Suite struct DocumentReadTests {
    @Test func `an item is answered with the bytes of its row, each reader's own`() async throws {
        try await QueryApp.with(comparing: true) { app in
            let shop = try await app.shop()
            let item = try await shop.catalogue.item(
                ["title": "Żakiet", "sku": "S-1", "attributes": ["internal": ["cost": 5], "fit": "slim"]],
                listings: [UUID(): .init(.published)])
            let path = "/v1/items/\(item.id.id("item"))"

            let inside = try await app.get(path, of: shop)
            #expect(inside.status == 200)
            #expect(inside.body == ItemDocument.bytes(item, ItemListings([UUID(): .init(.published)]), for: .operators))
            #expect(inside.json["sku"] == "S-1")
            #expect(inside["content-type"]?.hasPrefix("application/json") == true)
            #expect(inside["cache-control"] == "private, no-cache")
            #expect(inside["closter-source"] == "projections")
            #expect(inside["closter-position"].flatMap(PositionToken.init)?.tenant == shop.id)
            #expect(inside["vary"]?.contains("Closter-Key") == true)

            for reader in [QueryApp.Reader.storefront, .backEnd] {
                let outside = try await app.get(path, as: reader, of: shop, ["Origin": "https://shop.example"])
                #expect(outside.status == 200)
                #expect(outside.json["title"] == "Żakiet")
                #expect(outside.json["sku"] == nil)
                #expect(outside.json["attributes"] == ["fit": "slim"])
                #expect(outside["cache-control"] == "public, max-age=0, must-revalidate")
            }
        }
    }

    @Test func `what a reader may not see is not there`() async throws {
        try await QueryApp.with(comparing: true) { app in
            let shop = try await app.shop()
            let other = try await app.shop("other")
            let hidden = try await shop.catalogue.item([:])
            let deleted = try await shop.catalogue.item([:], deleted: true)
            let draft = try await shop.catalogue.listing(hidden, status: .draft)
            let paths = (
                item: "/v1/items/\(hidden.id.id("item"))", draft: "/v1/listings/\(draft.id.id("listing"))",
                deleted: "/v1/items/\(deleted.id.id("item"))"
            )
            #expect(try await app.get(paths.item, of: shop).status == 200)
            #expect(try await app.get(paths.draft, of: shop).status == 200)
            #expect(try await app.get(paths.item, as: .storefront, of: shop).status == 404)
            #expect(try await app.get(paths.draft, as: .backEnd, of: shop).status == 404)
            #expect(try await app.get(paths.deleted, of: shop).status == 404)
            #expect(try await app.get(paths.item, of: other).status == 404)
            #expect(try await app.get("/v1/items/\(UUID().id("item"))", of: shop).status == 404)
            #expect(try await app.get("/v1/items/\(hidden.id.id("listing"))", of: shop).status == 404)
            let malformed = try await app.get("/v1/items/nonsense", of: shop)
            #expect(malformed.status == 404)
            #expect(malformed["content-type"] == "application/problem+json")
            #expect(try await app.get(paths.item, as: .nobody, of: shop).status == 401)
            #expect(try await app.get(paths.item + "?x=1", of: shop).pointers == ["/x"])
        }
    }

    @Test func `a tag is good as long as the bytes are the same`() async throws {
        try await QueryApp.with(comparing: true) { app in
            let shop = try await app.shop()
            var item = try await shop.catalogue.item(["brand": "Alba"])
            let listing = try await shop.catalogue.listing(item)
            let path = "/v1/listings/\(listing.id.id("listing"))"
            let first = try await app.get(path, as: .storefront, of: shop)
            let tag = try #require(first["etag"])
            #expect(tag.hasPrefix("\"1-"))

            let same = try await app.get(path, as: .storefront, of: shop, ["If-None-Match": "\"x\", W/\(tag)"])
            #expect(same.status == 304)
            #expect(same.body.isEmpty)
            #expect(same["etag"] == tag)
            #expect(same["closter-position"] != nil)
            #expect(try await app.get(path, as: .storefront, of: shop, ["If-None-Match": "*"]).status == 304)
            #expect(try await app.get(path, of: shop, ["If-None-Match": tag]).status == 200)

            // The item changes, the listing's version does not.
            item.apply(["brand": "Bora"])
            try await shop.catalogue.put(listing, item)
            let changed = try await app.get(path, as: .storefront, of: shop, ["If-None-Match": tag])
            #expect(changed.status == 200)
            #expect(changed.json["brand"] == "Bora")
            #expect(changed["etag"]?.hasPrefix("\"1-") == true)
            #expect(changed["etag"] != tag)
        }
    }

    @Test func `HEAD says what GET would, and every other method is told what there is`() async throws {
        try await QueryApp.with(comparing: true) { app in
            let shop = try await app.shop()
            let item = try await shop.catalogue.item([:])
            let one = "/v1/items/\(item.id.id("item"))"
            for path in [one, "/v1/items", "/v1/listings?status=draft"] {
                let get = try await app.get(path, of: shop)
                let head = try await app.get(path, of: shop, method: .HEAD)
                #expect(head.status == 200)
                #expect(head.body.isEmpty)
                #expect(head["content-length"] == "\(get.body.count)")
                #expect(head["etag"] == get["etag"])
            }
            for method in [HTTPMethod.POST, .PUT, .PATCH, .DELETE] {
                let refused = try await app.get(one, of: shop, method: method)
                #expect(refused.status == 405)
                #expect(refused["allow"]?.contains("GET") == true)
            }
            #expect(try await app.get("/v1/nothing", of: shop).status == 404)
            #expect(try await app.get("/v1/items/\(item.id.id("item"))", of: shop, method: .OPTIONS).status == 204)
        }
    }

    @Test func `a generation whose table is gone is followed to the next one at once`() async throws {
        try await QueryApp.with(poll: 60_000) { app in
            let shop = try await app.shop()
            let item = try await shop.catalogue.item(["title": "Old"])
            let path = "/v1/items/\(item.id.id("item"))"
            #expect(try await app.get(path, of: shop).json["title"] == "Old")
            try await app.administrator.simple("SELECT main.create_generation('items', 2)")
            var next = shop.catalogue
            next.itemsTable = "items_g2"
            var renamed = item
            renamed.apply(["title": "New"])
            try await next.put(renamed)
            try await app.administrator.simple(
                """
                UPDATE main.generations SET status = 'retired' WHERE projection = 'items' AND generation = 1;
                UPDATE main.generations SET status = 'live' WHERE projection = 'items' AND generation = 2;
                DROP TABLE main.items_g1;
                """)
            #expect(try await app.get(path, of: shop).json["title"] == "New")
            #expect(try await app.get("/v1/items?brand=x", of: shop).status == 200)
        }
    }
}
