import Documents
import EventSourcing
import EventStore
import Events
import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@testable import Command

/// What time does to a consignor's listing: contract, plan and expiry on a real database, with a clock that the tests move.
@Suite struct `A contract in time` {
    private static let consignorID = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8071")!
    private static let contractID = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8072")!
    private static let terms = ContractTerms(
        tiers: [SplitTier(from: pln(0), percent: 50), SplitTier(from: pln(50_000), percent: 60)],
        minimumPrice: pln(40_000), termDays: 90, graceDays: 14,
        markdowns: [
            MarkdownStep(afterDays: 30, percent: 20, bearer: .store),
            MarkdownStep(afterDays: 60, percent: 50, bearer: .shared),
        ])
    private static let firstStep = Timestamp(rfc3339: "2026-04-08T22:00:00Z")!
    private static let secondStep = Timestamp(rfc3339: "2026-05-08T22:00:00Z")!
    private static let end = Timestamp(rfc3339: "2026-06-07T22:00:00Z")!

    /// A coat of a consignor under an active contract, published at 600.00.
    private static func offer(in shop: DueShop) async throws {
        let stamp = { (id: UUID) in Stamp(id: id, at: noon) }
        try await shop.intent { decision in
            var received = coat
            received.consignorID = consignorID
            decision.append([fact(.received(received))], to: decision.begin(Item.self, itemID))
        }
        try await shop.intent { decision in
            let events: [ContractEvent] = [
                .drafted(ContractDrafted(consignorID: consignorID)), .termsSet(ContractTermsSet(terms: terms)),
                .itemsAdded(ContractItemsAdded(items: [ContractItem(itemID: itemID)])),
                .activated(
                    ContractActivated(at: noon, endsAt: end, graceEndsAt: Timestamp(rfc3339: "2026-06-21T22:00:00Z")!)),
            ]
            decision.append(
                events.map { Fact(id: contractID, at: noon, event: $0) }, to: decision.begin(Contract.self, contractID))
        }
        try await shop.intent { decision in
            let listing = decision.begin(Listing.self, listingID)
            let item = try await decision.load(Item.self, itemID)
            let coverage = try await decision.coverage(of: item.state, at: noon)
            let create = Listing.Create(itemID: itemID, price: pln(60_000), channel: "storefront")
            var events = try Listing.create(
                create, of: item.state, under: coverage, warsaw, stamp(listingID), listing.state)
            events += try Listing.publish(stamp(listingID), Listing.fold(events))
            events += try Listing.plan(coverage, warsaw, stamp(listingID), Listing.fold(events))
            decision.append(events, to: listing)
        }
    }

    private static func listing(in shop: DueShop) async throws -> ListingRecord {
        let stored = try #require(
            try await StateReader(pool: shop.pool).state(shop.tenant, StreamID(Listing.self, listingID)))
        return try #require(try Listing.decode(stored.json))
    }

    private static func runner(_ shop: DueShop) -> DueRunner { shop.runner(CommandService.dueHandlers) }

    @Test func `nothing is listed for a consignor without a contract, or below its minimum price`() {
        var received = coat
        received.consignorID = Self.consignorID
        let item = Item.fold([fact(.received(received))])
        let create = Listing.Create(itemID: itemID, price: pln(39_999), channel: "storefront")
        let stamp = Stamp(id: listingID, at: noon)
        #expect(throws: Listing.Refused.noContract) {
            try Listing.create(create, of: item, warsaw, stamp, nil)
        }
        let coverage = Listing.Coverage(contractID: Self.contractID, floor: pln(40_000), markdowns: [])
        #expect(throws: Listing.Refused.belowFloor(pln(40_000))) {
            try Listing.create(create, of: item, under: coverage, warsaw, stamp, nil)
        }
        // Nor is what was listed before the price went up.
        #expect(throws: Listing.Refused.belowFloor(pln(40_000))) {
            try Listing.offerable(item, under: coverage, for: pln(39_999))
        }
    }

    @Test func `a price falls when its time comes, to the floor and not below, and who bears it is known`() async throws
    {
        try await DueShop.with { shop in
            try await Self.offer(in: shop)
            #expect(try await shop.waiting() == ["listing.markdown", "listing.markdown", "contract.expire"])
            shop.now.move(to: Self.firstStep - .microseconds(1))
            await Self.runner(shop).runDue()
            #expect(try await Self.listing(in: shop).price == pln(60_000))
            shop.now.move(to: Self.firstStep)
            await Self.runner(shop).runDue()
            var listing = try await Self.listing(in: shop)
            #expect(listing.price == pln(48_000))
            #expect(listing.lowestPrice30d == pln(60_000))
            #expect(listing.discounts == [Discount(amount: pln(12_000), bearer: .store)])
            shop.now.move(to: Self.secondStep)
            await Self.runner(shop).runDue()
            listing = try await Self.listing(in: shop)
            #expect(listing.price == pln(40_000))
            #expect(listing.discounts.last == Discount(amount: pln(8_000), bearer: .shared))
            let split = try #require(
                ConsignmentSplit(of: listing.price, discounts: listing.discounts, terms: Self.terms, item: nil))
            #expect(split.basis == pln(40_000 + 12_000 + 4_000))
            #expect(split.consignor == pln(33_600))
            #expect(try await shop.decisions() == ["markdown marked_down", "markdown marked_down"])
        }
    }

    @Test func `a price that somebody lowered is left alone, and what was slept through is one step after another`()
        async throws
    {
        try await DueShop.with { shop in
            try await Self.offer(in: shop)
            shop.now.move(to: Self.secondStep)
            await Self.runner(shop).runDue()
            let listing = try await Self.listing(in: shop)
            #expect(listing.priceHistory.map(\.price) == [pln(60_000), pln(48_000), pln(40_000)])
            #expect(listing.discounts.map(\.bearer) == [.store, .shared])
        }
        try await DueShop.with { shop in
            try await Self.offer(in: shop)
            try await shop.intent { decision in
                let listing = try await decision.load(Listing.self, listingID)
                let intent = Listing.SetPrice(price: pln(45_000))
                decision.append(
                    try Listing.setPrice(intent, warsaw, Stamp(id: listingID, at: days(1)), listing.state), to: listing)
            }
            shop.now.move(to: Self.firstStep)
            await Self.runner(shop).runDue()
            // Off the price that somebody has set: a fifth of 450.00, and not below 400.00.
            #expect(try await Self.listing(in: shop).price == pln(40_000))
        }
    }

    @Test func `other terms plan anew what is listed, when they come into force and not before`() async throws {
        try await DueShop.with { shop in
            try await Self.offer(in: shop)
            var other = Self.terms
            other.markdowns = [MarkdownStep(afterDays: 20, percent: 10, bearer: .consignor)]
            try await shop.intent { decision in
                let contract = try await decision.load(Contract.self, Self.contractID)
                let intent = Contract.Amend(terms: other, effectiveFrom: days(10))
                decision.append(
                    try Contract.amend(intent, warsaw, Stamp(id: Self.contractID, at: noon), contract.state),
                    to: contract)
            }
            let before = try await Self.listing(in: shop).plan
            shop.now.move(to: days(9))
            await Self.runner(shop).runDue()
            #expect(try await Self.listing(in: shop).plan == before)
            shop.now.move(to: days(21))
            await Self.runner(shop).runDue()
            let listing = try await Self.listing(in: shop)
            #expect(listing.price == pln(54_000))
            #expect(listing.discounts.map(\.bearer) == [.consignor])
        }
    }

    @Test func `what is agreed on for an item alone plans it anew at once, and its price falls no lower`() async throws
    {
        try await DueShop.with { shop in
            try await Self.offer(in: shop)
            try await shop.intent { decision in
                let contract = try await decision.load(Contract.self, Self.contractID)
                let stamp = Stamp(id: Self.contractID, at: days(1))
                let item = try await decision.load(Item.self, itemID).state
                let intent = ContractItem(itemID: itemID, minimumPrice: pln(50_000))
                let events = try Contract.changeItem(intent, of: item, warsaw, stamp, contract.state)
                try await decision.append(events, to: contract, replanning: [itemID], warsaw, at: stamp.at)
            }
            #expect(try await Self.listing(in: shop).floor == pln(50_000))
            shop.now.move(to: Self.firstStep)
            await Self.runner(shop).runDue()
            #expect(try await Self.listing(in: shop).price == pln(50_000))
        }
    }

    @Test(arguments: [false, true])
    func `a contract that expires ends what is offered, unless it is held`(isHeld: Bool) async throws {
        try await DueShop.with { shop in
            try await Self.offer(in: shop)
            if isHeld {
                try await shop.intent { decision in
                    let item = try await decision.load(Item.self, itemID)
                    decision.append(
                        try Item.hold(reason: "for Jan", Stamp(id: itemID, at: days(80)), item.state), to: item)
                }
            }
            shop.now.move(to: Self.end)
            await Self.runner(shop).runDue()
            let listing = try await Self.listing(in: shop)
            #expect(listing.status == (isHeld ? .published : .ended))
            #expect(listing.endReason == (isHeld ? nil : .expired))
            // Its grace is looked at when that is over.
            #expect(try await shop.waiting() == ["contract.expire"])
            if isHeld {
                try await shop.intent { decision in
                    try await decision.endIfContractIsOver(itemID, warsaw, at: Self.end)
                }
                #expect(try await Self.listing(in: shop).endReason == .expired)
            }
        }
    }
}
