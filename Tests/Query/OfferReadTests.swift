import Documents
import EventSourcing
import Events
import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@testable import Query

/// Offers from both sides: what holds for records that the read switches name.
@Suite struct OfferReadTests {
    private static let listings = (1...2).map { UUID(bits: UInt128($0)) }
    private static let item = UUID(bits: 9)

    /// An offer on both sides, as append and the projector would leave it.
    private func make(
        _ buyer: String, _ events: [OfferEvent] = [], on listing: Int = 0, of shop: QueryApp.Shop, in app: QueryApp,
        at time: Timestamp = Catalogue.noon
    ) async throws -> OfferRecord {
        let made = OfferMade(
            listingID: Self.listings[listing], itemID: Self.item,
            price: try #require(Money(amount: 300, currency: Catalogue.currency)),
            buyer: OfferBuyer(platform: "shop", externalID: buyer), attempt: 1, number: 1,
            expiresAt: time + .seconds(3600))
        var record: OfferRecord?
        for (index, event) in ([.made(made)] + events).enumerated() {
            _ = OfferRecord.fold(&record, event, id: record?.id ?? .version7(), version: Int64(index) + 1, at: time)
        }
        let offer = try #require(record)
        try await shop.catalogue.tabulate(offer)
        let state = try JSONValue(parsing: offer.bytes)
        _ = try await app.administrator.query(
            """
            INSERT INTO main.offers_g1
                (tenant_id, id, version, position, status, listing_id, item_id, buyer, search, created_at, updated_at,
                 document, record)
            VALUES (\(shop.id.uuid), \(offer.id), \(offer.version), 1, \(offer.status),
                    \(state["listing_id"]?.stringValue), \(state["item_id"]?.stringValue),
                    \(state["buyer"]?.stringValue),
                    array_to_tsvector(string_to_array(\(SearchText.words(of: offer.texts).joined(separator: " ")), ' ')),
                    \(time.postgres), \(time.postgres), \(String(decoding: offer.document, as: UTF8.self)),
                    \(JSONText(bytes: offer.bytes)))
            """)
        return offer
    }

    @Test func `tables and projection give the same bytes, in lists and one by one`() async throws {
        try await QueryApp.with(comparing: true) { app in
            let shop = try await app.shop()
            let first = try await make("Żaneta", of: shop, in: app)
            let second = try await make(
                "a:b", [.declined(OfferDeclined(reason: .belowFloor, isAutomatic: true))], on: 1, of: shop, in: app,
                at: Catalogue.noon + .microseconds(1))
            func ids(_ query: String) async throws -> [String] {
                try await app.get("/v1/offers?\(query)", of: shop).ids
            }
            let (one, two) = (first.id.id("offer"), second.id.id("offer"))
            #expect(try await ids("") == [two, one])
            #expect(try await ids("status=declined") == [two])
            #expect(try await ids("listing_id=\(Self.listings[0].id("listing"))") == [one])
            #expect(try await ids("item_id=\(Self.item.id("item"))&sort=-created_at") == [two, one])
            #expect(try await ids("buyer=shop:a:b") == [two])
            #expect(try await ids("buyer=shop:a").isEmpty)
            #expect(try await ids("q=zanet") == [one])
            #expect(try await app.pages("/v1/offers?limit=1", of: shop).flatMap { $0 } == [two, one])
            #expect(try await app.get("/v1/offers?color=red", of: shop).pointers == ["/color"])
            let answer = try await app.get("/v1/offers/\(one)", of: shop)
            #expect(answer.body == first.document)
            #expect(answer["closter-source"] == "projections")
            #expect(try await app.get("/v1/offers/\(two)", of: shop).json["reason"] == "below_floor")
            #expect(try await app.get("/v1/offers/\(UUID.version7().id("offer"))", of: shop).status == 404)
            #expect(try await app.get("/v1/offers/\(one)", of: app.shop("other")).status == 404)
        }
    }

    @Test func `a back end sees an offer that it knows, without what is the store's own`() async throws {
        try await QueryApp.with(comparing: true) { app in
            let shop = try await app.shop()
            let declined = try await make(
                "ewa", [.declined(OfferDeclined(reason: .belowFloor, isAutomatic: true))], of: shop, in: app)
            let byHand = try await make("ewa", [.declined(OfferDeclined(reason: .store))], of: shop, in: app)
            let asked = try await make("ola", [.consignorAsked], of: shop, in: app)
            func see(_ offer: OfferRecord, _ reader: QueryApp.Reader = .backEnd) async throws -> QueryApp.Answer {
                try await app.get("/v1/offers/\(offer.id.id("offer"))", as: reader, of: shop)
            }
            let seen = try await see(declined)
            #expect(seen.status == 200)
            #expect(seen["cache-control"] == "private, no-cache")
            #expect(seen.json["status"] == "declined")
            // Whatever declined it, the answer is the same to the byte.
            let other = try await see(byHand).text.replacing(byHand.id.id("offer"), with: declined.id.id("offer"))
            #expect(seen.text == other)
            #expect(try await see(asked).json["status"] == "pending")
            let names = Set(try #require(seen.json.objectValue).keys)
            #expect(names == Set(Schemas.offerMembers.keys))
            #expect(try await see(declined, .storefront).status == 403)
            #expect(try await app.get("/v1/offers", as: .backEnd, of: shop).status == 403)
            let tag = try #require(seen["etag"])
            #expect(
                try await app.get(
                    "/v1/offers/\(declined.id.id("offer"))", as: .backEnd, of: shop, ["If-None-Match": tag]
                ).status == 304)
        }
    }

    @Test(arguments: [("projections", "tables"), ("tables", "projections")])
    func `a cursor survives a flip of the switch`(first: String, second: String) async throws {
        try await QueryApp.with(switches: "resources: { offers: \(first) }\n") { app in
            let shop = try await app.shop()
            for number in 0..<9 {
                _ = try await make(
                    "buyer-\(number)", of: shop, in: app, at: Catalogue.noon + .seconds(Int64(number / 2)))
            }
            let all = try await app.get("/v1/offers?limit=200", of: shop).ids
            #expect(all.count == 9)
            var isFlipped = false
            let pages = try await app.pages("/v1/offers?limit=4", of: shop) {
                guard !isFlipped else { return }
                isFlipped = true
                try app.flip("resources: { offers: \(second) }\n")
                try await eventually { try await app.get("/v1/offers", of: shop)["closter-source"] == second }
            }
            #expect(pages.flatMap { $0 } == all)
        }
    }

    @Test func `what the switches name has what it is filtered by in its state, as the filter has it`() async throws {
        try await QueryApp.with { app in
            let offer = try await make("ewa", of: app.shop(), in: app)
            let state = try JSONValue(parsing: offer.bytes)
            for filter in OfferRecord.filters {
                #expect(state[filter.name]?.stringValue == filter.value(offer), "\(filter.name)")
            }
        }
    }
}
