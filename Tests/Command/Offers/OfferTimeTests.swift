import Documents
import EventSourcing
import EventStore
import Events
import Foundation
import TestSupport
import Testing

@testable import Command

/// What time does to a hold: on a real database, with a clock that the test moves.
@Suite struct `A hold in time` {
    private static let offerID = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8059")!

    /// A coat that is offered, and somebody's offer for it.
    private static func offer(in shop: DueShop, at time: Timestamp) async throws {
        try await shop.intent { decision in
            decision.append([fact(.received(coat), at: time)], to: decision.begin(Item.self, itemID))
        }
        try await shop.intent { decision in
            let stamp = Stamp(id: listingID, at: time)
            let item = try await decision.load(Item.self, itemID)
            let create = Listing.Create(itemID: itemID, price: pln(500), channel: "storefront")
            let created = try Listing.create(create, of: item.state, warsaw, stamp, nil)
            decision.append(
                created + (try Listing.publish(stamp, Listing.fold(created))),
                to: decision.begin(Listing.self, listingID))
        }
        try await shop.intent { decision in
            let listing = try await decision.load(Listing.self, listingID).state
            let make = Offer.Make(
                listingID: listingID, price: pln(300), buyer: OfferBuyer(platform: "shop", externalID: "ewa"))
            decision.append(
                try Offer.make(
                    make, on: listing, floor: nil, .init(attempts: 0, open: 0, offers: 0), warsaw,
                    Stamp(id: offerID, at: time), nil),
                to: decision.begin(Offer.self, offerID))
        }
    }

    private static func accept(in shop: DueShop, at time: Timestamp) async throws {
        try await shop.intent { decision in
            let offer = try await decision.load(Offer.self, offerID)
            let listing = try await decision.load(Listing.self, listingID).state
            let item = try await decision.load(Item.self, itemID)
            decision.append(
                try Offer.accept(
                    by: .store, on: listing, floor: nil, warsaw, Stamp(id: offerID, at: time), offer.state),
                to: offer)
            decision.append(
                try Item.hold(for: offerID, until: time + warsaw.hold, Stamp(id: itemID, at: time), item.state),
                to: item)
        }
    }

    private static func state(in shop: DueShop) async throws -> [String] {
        let reader = StateReader(pool: shop.pool)
        let offer = try #require(try await reader.state(shop.tenant, StreamID(Offer.self, offerID)))
        let item = try #require(try await reader.state(shop.tenant, StreamID(Item.self, itemID)))
        return [
            try #require(try Offer.decode(offer.json)).status,
            try #require(try Item.decode(item.json)).heldFor == nil ? "free" : "held",
        ]
    }

    /// In spring the local day has 23 hours, in autumn 25.
    @Test(arguments: [
        ("2026-03-28T22:59:59Z", "2026-03-29T22:59:59Z"), ("2026-10-24T21:59:59Z", "2026-10-25T21:59:59Z"),
    ])
    func `accepted a second before midnight, it lasts as many hours as it says, whatever the clocks do`(
        accepted: String, lapses: String
    ) async throws {
        let at = try #require(Timestamp(rfc3339: accepted)), until = try #require(Timestamp(rfc3339: lapses))
        try await DueShop.with { shop in
            shop.now.move(to: at)
            try await Self.offer(in: shop, at: at)
            try await Self.accept(in: shop, at: at)
            let runner = shop.runner(CommandService.dueHandlers)
            shop.now.move(to: until - .microseconds(1))
            await runner.runDue()
            #expect(try await Self.state(in: shop) == ["accepted", "held"])
            shop.now.move(to: until)
            await runner.runDue()
            #expect(try await Self.state(in: shop) == ["lapsed", "free"])
            #expect(try await shop.decisions() == ["hold lapsed"])
        }
    }
}
