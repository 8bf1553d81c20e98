import Documents
import EventSourcing
import Events
import Foundation
import JSON
import TestSupport
import Testing

@testable import Command

@Suite struct ListingTests {
    let item = Item.fold([fact(.received(coat))])
    let stamp = Stamp(id: listingID, at: noon)
    let created = fact(.created(ListingCreated(itemID: itemID, price: pln(12_000), channel: "storefront")))
    let published = fact(.published(ProductPublished(itemID: itemID, price: pln(12_000))))
    let paused = fact(.paused(ListingPaused(itemID: itemID)))
    let ended = fact(.ended(ListingEnded(itemID: itemID, reason: .withdrawn)))

    // MARK: - Creation

    @Test func `an item is listed as a draft`() {
        Given(Listing.self)
            .when(create(pln(12_000)))
            .then(created)
            .thenState { $0?.status == .draft && $0?.version == 1 && $0?.priceHistory.isEmpty == true }
    }

    @Test func `a price is above zero and in the tenant's currency`() {
        Given(Listing.self).when(create(pln(0))).refuses(.priceNotPositive)
        Given(Listing.self).when(create(pln(-1))).refuses(.priceNotPositive)
        Given(Listing.self).when(create(Money(amount: 1, currency: euro)!)).refuses(.currency(euro, not: zloty))
    }

    @Test func `there is an item to list`() {
        Given(Listing.self).when(create(pln(1), of: nil)).refuses(.itemUnknown)
        let deleted = Item.fold([fact(.deleted(.init(reason: "torn")))], from: item)
        Given(Listing.self).when(create(pln(1), of: deleted)).refuses(.itemDeleted)
        #expect(Listing.Refused.itemDeleted.pointer == "/item_id")
    }

    // MARK: - From draft to end

    @Test func `a draft is published, once`() {
        Given(Listing.self, [created]).when(publish()).then(published)
            .thenState { $0?.status == .published && $0?.publishedAt == noon && $0?.version == 2 }
        Given(Listing.self, [created, published]).when(publish()).thenNothing()
    }

    @Test func `a paused listing is resumed, not published`() {
        Given(Listing.self, [created, published, paused]).when(publish()).refuses(.paused)
        Given(Listing.self, [created, published, paused]).when(resume())
            .then(fact(.resumed(ListingResumed(itemID: itemID))))
            .thenState { $0?.status == .published && $0?.publishedAt == noon }
    }

    @Test func `a published listing is paused; a draft has nothing to pause or resume`() {
        Given(Listing.self, [created, published]).when(pause()).then(paused)
        Given(Listing.self, [created, published, paused]).when(pause()).thenNothing()
        Given(Listing.self, [created, published]).when(resume()).thenNothing()
        Given(Listing.self, [created]).when(pause()).refuses(.neverPublished)
        Given(Listing.self, [created]).when(resume()).refuses(.neverPublished)
    }

    @Test func `a listing ends from anywhere, and only once`() {
        for history in [[created], [created, published], [created, published, paused]] {
            Given(Listing.self, history).when(end(.withdrawn)).then(ended).thenState { $0?.status == .ended }
        }
        Given(Listing.self, [created, ended]).when(end(.expired)).thenNothing()
        Given(Listing.self, [created, ended]).when(end(.sold)).thenNothing()
    }

    @Test func `after the end nothing else is possible`() {
        let over = [created, published, ended]
        Given(Listing.self, over).when(publish()).refuses(.ended)
        Given(Listing.self, over).when(pause()).refuses(.ended)
        Given(Listing.self, over).when(resume()).refuses(.ended)
        Given(Listing.self, over).when(setPrice(pln(12_000))).refuses(.ended)
    }

    @Test func `a sale has a price, and nothing but a sale`() {
        Given(Listing.self, [created, published]).when(end(.sold, pln(11_000)))
            .then(fact(.ended(ListingEnded(itemID: itemID, reason: .sold, price: pln(11_000)))))
            .thenState { $0?.soldPrice == pln(11_000) && $0?.endReason == .sold }
        Given(Listing.self, [created, published]).when(end(.sold)).refuses(.soldWithoutPrice)
        Given(Listing.self, [created, published]).when(end(.sold, pln(0))).refuses(.priceNotPositive)
        Given(Listing.self, [created, published]).when(end(.sold, Money(amount: 1, currency: euro)!))
            .refuses(.currency(euro, not: zloty))
        for reason in [ListingEnded.Reason.withdrawn, .expired, .error] {
            Given(Listing.self, [created]).when(end(reason, pln(1))).refuses(.priceWithoutSale)
        }
    }

    @Test func `what was never created is unknown`() {
        Given(Listing.self).when(publish()).refuses(.unknown)
        Given(Listing.self).when(end(.withdrawn)).refuses(.unknown)
    }

    // MARK: - Prices

    @Test func `the price changes in draft, published and paused`() {
        for history in [[created], [created, published], [created, published, paused]] {
            Given(Listing.self, history).when(setPrice(pln(13_000)))
                .then(changed(to: 13_000, from: 12_000))
                .thenState { $0?.price == pln(13_000) }
            Given(Listing.self, history).when(setPrice(pln(12_000))).thenNothing()
            Given(Listing.self, history).when(setPrice(pln(0))).refuses(.priceNotPositive)
            Given(Listing.self, history).when(setPrice(Money(amount: 1, currency: euro)!))
                .refuses(.currency(euro, not: zloty))
        }
    }

    @Test func `a reduction before publication is nobody's business`() {
        Given(Listing.self, [created]).when(setPrice(pln(9_000))).then(changed(to: 9_000, from: 12_000))
    }

    @Test func `a reduction names the lowest price of the thirty days before it`() {
        Given(Listing.self, [created, published])
            .when(setPrice(pln(9_000), at: days(1)))
            .then(changed(to: 9_000, from: 12_000, lowest: 12_000, at: days(1)))
            .thenState { $0?.lowestPrice30d == pln(12_000) }
        // 120.00, then 90.00, then 110.00: what counts is the 90.00.
        let history = [
            created, published, changed(to: 9_000, from: 12_000, lowest: 12_000, at: days(1)),
            changed(to: 11_000, from: 9_000, at: days(3)),
        ]
        Given(Listing.self, history)
            .when(setPrice(pln(10_000), at: days(10)))
            .then(changed(to: 10_000, from: 11_000, lowest: 9_000, at: days(10)))
        // Forty days on, the 90.00 has long been gone; the 110.00 was in force all the time.
        Given(Listing.self, history)
            .when(setPrice(pln(10_000), at: days(43)))
            .then(changed(to: 10_000, from: 11_000, lowest: 11_000, at: days(43)))
    }

    @Test func `an increase keeps what the last reduction named`() {
        Given(Listing.self, [created, published, changed(to: 9_000, from: 12_000, lowest: 12_000, at: days(1))])
            .when(setPrice(pln(15_000), at: days(2)))
            .then(changed(to: 15_000, from: 9_000, at: days(2)))
            .thenState { $0?.lowestPrice30d == pln(12_000) }
    }

    @Test func `the thirty days are calendar days of the tenant's time zone`() {
        // 90.00 until 2026-03-02T23:30Z, which in Warsaw is 00:30 on the 3rd; then 110.00.
        let rise = Timestamp(rfc3339: "2026-03-02T23:30:00Z")!
        let start = Timestamp(rfc3339: "2026-03-01T10:00:00Z")!
        let history = [
            created, fact(.priceChanged(.init(itemID: itemID, price: pln(9_000), previous: pln(12_000))), at: start),
            fact(.published(ProductPublished(itemID: itemID, price: pln(9_000))), at: start),
            changed(to: 11_000, from: 9_000, at: rise),
        ]
        // On 2 April thirty days back is 3 March 00:00 in Warsaw: the 90.00 was still in force for half an hour.
        let second = Timestamp(rfc3339: "2026-04-02T12:00:00Z")!
        Given(Listing.self, history).when(setPrice(pln(10_000), at: second))
            .then(changed(to: 10_000, from: 11_000, lowest: 9_000, at: second))
        // On the 3rd it was not.
        let third = Timestamp(rfc3339: "2026-04-02T22:00:00Z")!
        Given(Listing.self, history).when(setPrice(pln(10_000), at: third))
            .then(changed(to: 10_000, from: 11_000, lowest: 11_000, at: third))
    }

    // MARK: - Claims

    @Test func `one open listing per item and channel, none of what was sold`() {
        let draft = Listing.fold([created])
        let item = "01890a5d-ac96-774b-bcce-b302099a8057"
        #expect(
            Listing.claims(before: nil, after: draft) == [
                .take(kind: "open_listing", value: "\(item)/storefront"), .absent(kind: "sold_item", prefix: item),
            ])
        let live = Listing.fold([published], from: draft)
        #expect(Listing.claims(before: draft, after: live) == [.absent(kind: "sold_item", prefix: item)])
        #expect(Listing.claims(before: live, after: Listing.fold([paused], from: live)) == [])
        #expect(
            Listing.claims(before: live, after: Listing.fold([ended], from: live))
                == [.release(kind: "open_listing", value: "\(item)/storefront")])
        let sold = fact(.ended(ListingEnded(itemID: itemID, reason: .sold, price: pln(1))))
        #expect(
            Listing.claims(before: live, after: Listing.fold([sold], from: live)) == [
                .release(kind: "open_listing", value: "\(item)/storefront"), .take(kind: "sold_item", value: item),
            ])
    }

    @Test func `the stored state is read back`() throws {
        let state = Listing.fold([created, published, changed(to: 9_000, from: 12_000, lowest: 12_000, at: days(1))])
        #expect(try Listing.decode(Listing.encode(state)) == state)
    }

    // MARK: - Words

    private typealias Decide = (Listing.State) throws(Listing.Refused) -> [Listing.Event]

    private func create(_ price: Money) -> Decide { create(price, of: item) }

    private func create(_ price: Money, of item: Item.State) -> Decide {
        let intent = Listing.Create(itemID: itemID, price: price, channel: "storefront")
        return { state throws(Listing.Refused) in try Listing.create(intent, of: item, warsaw, stamp, state) }
    }

    private func publish() -> Decide { { state throws(Listing.Refused) in try Listing.publish(stamp, state) } }
    private func pause() -> Decide { { state throws(Listing.Refused) in try Listing.pause(stamp, state) } }
    private func resume() -> Decide { { state throws(Listing.Refused) in try Listing.resume(stamp, state) } }

    private func end(_ reason: ListingEnded.Reason, _ price: Money? = nil) -> Decide {
        { state throws(Listing.Refused) in
            try Listing.end(Listing.End(reason: reason, price: price), warsaw, stamp, state)
        }
    }

    private func setPrice(_ price: Money, at time: Timestamp = noon) -> Decide {
        { state throws(Listing.Refused) in
            try Listing.setPrice(
                Listing.SetPrice(price: price), warsaw, Stamp(id: listingID, at: time), state)
        }
    }

    private func changed(
        to price: Int64, from previous: Int64, lowest: Int64? = nil, at time: Timestamp = noon
    ) -> Listing.Event {
        fact(
            .priceChanged(
                ListingPriceChanged(
                    itemID: itemID, price: pln(price), previous: pln(previous), lowestPrice30d: lowest.map(pln))),
            at: time)
    }
}

@Suite struct ListingFieldsTests {
    let id = TypeID(prefix: "item", uuid: itemID).description

    @Test func `a listing's fields`() throws {
        let text = #"{"item_id": "\#(id)", "price": {"amount": 12000, "currency": "PLN"}}"#
        #expect(
            try Listing.Create(fields: body(text))
                == Listing.Create(itemID: itemID, price: pln(12_000), channel: "storefront"))
        #expect(try Listing.SetPrice(fields: body(#"{"price": {"amount": 1, "currency": "PLN"}}"#)).price == pln(1))
        #expect(try Listing.End(fields: body(#"{"reason": "withdrawn"}"#)) == Listing.End(reason: .withdrawn))
    }

    @Test(arguments: [
        (#""12000""#, ["/price wrong_type"]), ("12000", ["/price wrong_type"]), ("null", ["/price required"]),
        (#"{"amount": 12.5, "currency": "PLN"}"#, ["/price/amount out_of_range"]),
        (#"{"amount": "1", "currency": "PLN"}"#, ["/price/amount wrong_type"]),
        (#"{"amount": 9007199254740993, "currency": "PLN"}"#, ["/price/amount out_of_range"]),
        (#"{"amount": 9223372036854775808, "currency": "PLN"}"#, ["/price/amount out_of_range"]),
        (#"{"amount": 1, "currency": "pln"}"#, ["/price/currency invalid"]),
        (#"{"amount": 1}"#, ["/price/currency required"]),
        (#"{"amount": 1, "currency": "PLN", "cents": 5}"#, ["/price/cents unknown_field"]),
    ])
    func `money is an integer of minor units and a currency`(json: String, expected: [String]) throws {
        #expect(try codes { try Listing.SetPrice(fields: body(#"{"price": \#(json)}"#)) } == expected)
    }

    @Test func `bad fields`() throws {
        #expect(
            try codes { try Listing.Create(fields: body(#"{"item_id": "listing_1", "channel": "a/b", "note": 1}"#)) }
                == ["/note unknown_field", "/item_id invalid", "/price required", "/channel invalid"])
        #expect(try codes { try Listing.End(fields: body(#"{"reason": "lost"}"#)) } == ["/reason invalid"])
    }
}
