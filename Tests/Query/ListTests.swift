import Documents
import EventSourcing
import Events
import Foundation
import JSON
import Postgres
import Testing

@testable import Query

@Suite struct ListTests {
    private let noon = Catalogue.noon

    @Test func `each filter of items keeps what has its value, and they combine`() async throws {
        try await QueryApp.with(comparing: true) { app in
            let shop = try await app.shop()
            let coat = try await shop.catalogue.item(
                ["brand": "Alba", "category": "Coats", "condition": "good", "size": "M"], at: noon)
            let hat = try await shop.catalogue.item(
                ["brand": "Alba & Żona", "category": "Hats", "condition": "excellent", "size": "M"],
                at: noon + .seconds(1), listings: [UUID(): .init(.published)])
            let gone = try await shop.catalogue.item(["brand": "Alba"], deleted: true, at: noon + .seconds(2))
            let sold = try await shop.catalogue.item(
                ["size": "L"], at: noon + .seconds(3), listings: [UUID(): .init(.ended, endReason: .sold)])

            func ids(_ query: String) async throws -> [String] { try await app.get("/v1/items?\(query)", of: shop).ids }
            let (c, h, g, s) = (coat.id.id("item"), hat.id.id("item"), gone.id.id("item"), sold.id.id("item"))
            #expect(try await ids("") == [s, h, c])
            #expect(try await ids("status=deleted") == [g])
            #expect(try await ids("status=sold") == [s])
            #expect(try await ids("status=listed") == [h])
            #expect(try await ids("status=received") == [c])
            #expect(try await ids("brand=Alba") == [c])
            #expect(try await ids("brand=Alba+%26+%C5%BBona") == [h])
            #expect(try await ids("category=Hats") == [h])
            #expect(try await ids("condition=excellent") == [h])
            #expect(try await ids("size=M") == [h, c])
            #expect(try await ids("size=M&condition=good&category=Coats") == [c])
            #expect(try await ids("size=M&condition=good&category=Hats").isEmpty)
            #expect(try await ids("sort=-created_at&limit=1") == [s])

            let outside = try await app.get("/v1/items", as: .storefront, of: shop)
            #expect(outside.ids == [h])
            #expect(outside.json["next"] == .null)
            #expect(outside["cache-control"] == "public, max-age=0, must-revalidate")
            #expect(try await app.get("/v1/items?status=deleted", as: .storefront, of: shop).ids.isEmpty)
            #expect(try await app.get("/v1/items", of: app.shop("other")).ids.isEmpty)
        }
    }

    @Test func `each fact of an item filters, for those who see it`() async throws {
        try await QueryApp.with(comparing: true) { app in
            let shop = try await app.shop()
            let (shelf, consignor) = (UUID.version7(), UUID.version7())
            var coat = try await shop.catalogue.item([:], at: noon)
            (coat.locationID, coat.consignorID, coat.titleHolder) = (shelf, consignor, .consignor)
            var hat = try await shop.catalogue.item([:], at: noon + .seconds(1))
            (hat.custody, hat.allocation, hat.consignorID) = (.atRepair, .held, consignor)
            for item in [coat, hat] { try await shop.catalogue.put(item) }
            let sold = try await shop.catalogue.item(
                [:], at: noon + .seconds(2), listings: [UUID(): .init(.ended, endReason: .sold)])
            let plain = try await shop.catalogue.item([:], at: noon + .seconds(3))
            let (c, h) = (coat.id.id("item"), hat.id.id("item"))
            let (s, p) = (sold.id.id("item"), plain.id.id("item"))
            let (place, person) = (shelf.id("location"), consignor.id("consignor"))

            for (query, wanted) in [
                ("custody=at_repair", [h]), ("custody=in_house", [p, s, c]), ("custody=lost", []),
                ("location_id=\(place)", [c]), ("location_id=\(UUID.version7().id("location"))", []),
                ("title_holder=consignor", [c]), ("title_holder=store", [p, h]), ("title_holder=sold", [s]),
                ("allocation=held", [h]), ("allocation=free", [p, c]), ("allocation=sold", [s]),
                ("consignor_id=\(person)", [h, c]), ("consignor_id=\(person)&limit=1", [h]),
                ("consignor_id=\(person)&location_id=\(place)&custody=in_house", [c]),
                ("consignor_id=\(person)&allocation=free&status=received&sort=-created_at", [c]),
                ("consignor_id=\(person)&allocation=sold", []),
            ] {
                #expect(try await app.get("/v1/items?\(query)", of: shop).ids == wanted, "\(query)")
            }
            #expect(try await app.pages("/v1/items?consignor_id=\(person)&limit=1", of: shop) == [[h], [c]])
            let first = try await app.get("/v1/items?consignor_id=\(person)&limit=1", of: shop).next ?? ""
            let other = "/v1/items?consignor_id=\(UUID.version7().id("consignor"))&limit=1&cursor=\(first)"
            #expect(try await app.get(other, of: shop).code == "invalid_cursor")

            let wrong = "custody=here&location_id=\(person)&title_holder=me&allocation=1&consignor_id=K-1"
            #expect(
                try await app.get("/v1/items?\(wrong)", of: shop).pointers
                    == ["/custody", "/location_id", "/title_holder", "/allocation", "/consignor_id"])
            for reader in [QueryApp.Reader.storefront, .backEnd] {
                let hidden = try await app.get("/v1/items?custody=lost", as: reader, of: shop)
                #expect(hidden.code == "invalid_parameter" && hidden.pointers == ["/custody"])
            }
            #expect(try await app.get("/v1/listings?custody=lost", of: shop).pointers == ["/custody"])
        }
    }

    @Test func `each filter and sort of listings does what it says`() async throws {
        try await QueryApp.with(comparing: true) { app in
            let shop = try await app.shop()
            let coat = try await shop.catalogue.item(
                ["brand": "Alba", "category": "Coats", "condition": "good", "size": "M"])
            let hat = try await shop.catalogue.item(
                ["brand": "Bora", "category": "Hats", "condition": "fair", "size": "S"])
            let first = try await shop.catalogue.listing(coat, price: 500, at: noon + .seconds(1))
            let second = try await shop.catalogue.listing(hat, price: 300, at: noon + .seconds(2))
            let third = try await shop.catalogue.listing(coat, price: 300, at: noon + .seconds(3))
            let paused = try await shop.catalogue.listing(hat, price: 100, status: .paused, at: noon + .seconds(4))
            let draft = try await shop.catalogue.listing(hat, price: 900, status: .draft, at: noon + .seconds(5))
            let ended = try await shop.catalogue.listing(coat, price: 50, status: .ended, at: noon + .seconds(6))

            func ids(_ query: String, _ reader: QueryApp.Reader = .storefront) async throws -> [String] {
                try await app.get("/v1/listings?\(query)", as: reader, of: shop).ids
            }
            func names(_ listings: ListingRecord...) -> [String] { listings.map { $0.id.id("listing") } }
            // Equal prices stand in the order of their ids, which are in the order of time.
            #expect(try await ids("") == names(third, second, first))
            #expect(try await ids("sort=price") == names(second, third, first))
            #expect(try await ids("sort=-price") == names(first, third, second))
            #expect(try await ids("price_min=300&price_max=300") == names(third, second))
            #expect(try await ids("price_min=301") == names(first))
            #expect(try await ids("price_max=299").isEmpty)
            #expect(try await ids("brand=Alba") == names(third, first))
            #expect(try await ids("category=Hats&condition=fair&size=S") == names(second))
            #expect(try await ids("status=published&sort=price") == names(second, third, first))
            #expect(try await ids("status=draft").isEmpty)

            #expect(try await ids("", .member) == names(ended, draft, paused, third, second, first))
            #expect(try await ids("sort=-published_at", .member) == names(draft, ended, paused, third, second, first))
            #expect(try await ids("sort=price", .member) == names(ended, paused, second, third, first, draft))
            #expect(try await ids("status=draft", .member) == names(draft))
            #expect(try await ids("status=paused&sort=price", .member) == names(paused))
        }
    }

    @Test func `pages hold every row once, whatever comes in between`() async throws {
        try await QueryApp.with(comparing: true) { app in
            let lists: [(String, String, QueryApp.Reader)] = [
                ("items", "-created_at", .member), ("items", "-created_at", .storefront),
                ("listings", "-created_at", .member), ("listings", "-published_at", .member),
                ("listings", "price", .member), ("listings", "-price", .member),
                ("listings", "-published_at", .storefront), ("listings", "price", .storefront),
            ]
            for (number, (resource, sort, reader)) in lists.enumerated() {
                let shop = try await app.shop("shop-\(number)")
                try await check("/v1/\(resource)?sort=\(sort)", as: reader, of: shop, in: app)
            }
        }
    }

    private func check(
        _ path: String, as reader: QueryApp.Reader, of shop: QueryApp.Shop, in app: QueryApp
    ) async throws {
        let statuses = ListingStatus.allCases
        // Ties in time and in price, and drafts, which were never published.
        for number in 0..<23 {
            let item = try await shop.catalogue.item([:], at: noon + .seconds(number / 3))
            _ = try await shop.catalogue.listing(
                item, price: Int64(100 + number / 5), status: statuses[number % 4], at: noon + .seconds(number / 3))
        }
        let all = try await app.get("\(path)&limit=200", as: reader, of: shop).ids
        #expect(all.count == (reader == .member ? 23 : 6), "\(path)")

        var added: Set<String> = []
        let pages = try await app.pages("\(path)&limit=2", as: reader, of: shop) {
            // Each is before or after the place, among the newest and the oldest.
            for time in [noon + .seconds(1000 + added.count), noon - .seconds(1000 + added.count)] {
                let item = try await shop.catalogue.item([:], at: time)
                let listing = try await shop.catalogue.listing(item, price: 1 + Int64(added.count), at: time)
                added.formUnion([item.id.id("item"), listing.id.id("listing")])
            }
        }
        let seen = pages.flatMap { $0 }
        #expect(seen.filter { !added.contains($0) } == all, "\(path)")
        #expect(Set(seen).count == seen.count, "\(path)")
        #expect(pages.dropLast().allSatisfy { $0.count == 2 }, "\(path)")
    }

    @Test func `everything that is wrong with the parameters is told at once`() async throws {
        try await QueryApp.with(comparing: true) { app in
            let shop = try await app.shop()
            let answer = try await app.get(
                "/v1/listings?status=gone&price_min=12.5&price_max=-1&limit=201&sort=brand&colour=red&brand=a&brand=b"
                    + "&q=%FF", of: shop)
            #expect(answer.status == 400)
            #expect(answer.code == "invalid_parameter")
            #expect(answer["content-type"] == "application/problem+json")
            let expected = ["/status", "/price_min", "/price_max", "/limit", "/sort", "/colour", "/brand", "/q"]
            #expect(Set(answer.pointers) == Set(expected))
            #expect(try await app.get("/v1/items?limit=0&sort=price&price_min=1", of: shop).pointers.count == 3)
            #expect(
                try await app.get("/v1/items?condition=shiny", as: .storefront, of: shop).pointers == ["/condition"])
        }
    }

    @Test func `a cursor is good for its own list only`() async throws {
        try await QueryApp.with(comparing: true) { app in
            let shop = try await app.shop()
            let other = try await app.shop("other")
            for number in 0..<4 {
                let item = try await shop.catalogue.item(["brand": "A"], at: noon + .seconds(number))
                _ = try await shop.catalogue.listing(item, price: 100, at: noon + .seconds(number))
            }
            let cursor = try #require(try await app.get("/v1/listings?sort=price&limit=2", of: shop).next)
            #expect(try await app.get("/v1/listings?limit=3&cursor=\(cursor)&sort=price", of: shop).ids.count == 2)
            let damaged = cursor.dropLast() + (cursor.hasSuffix("A") ? "E" : "A")
            for path in [
                "/v1/listings?cursor=\(cursor)", "/v1/listings?sort=-price&cursor=\(cursor)",
                "/v1/listings?sort=price&brand=A&cursor=\(cursor)", "/v1/items?cursor=\(cursor)",
                "/v1/listings?sort=price&cursor=\(damaged)", "/v1/listings?sort=price&cursor=x",
            ] {
                let answer = try await app.get(path, of: shop)
                #expect(answer.status == 400, "\(path)")
                #expect(answer.code == "invalid_cursor", "\(path)")
            }
            #expect(try await app.get("/v1/listings?sort=price&cursor=\(cursor)", of: other).status == 400)
            #expect(
                try await app.get("/v1/listings?sort=price&cursor=\(cursor)", as: .storefront, of: shop).status == 400)
        }
    }
}
