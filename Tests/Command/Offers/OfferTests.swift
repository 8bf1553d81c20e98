import Documents
import EventSourcing
import Events
import Foundation
import JSON
import TestSupport
import Testing

@testable import Command

private let offerID = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8071")!
private let ewa = OfferBuyer(platform: "shop", externalID: "ewa")
private let soon = days(2)
private let atNoon = Stamp(id: offerID, at: noon)

private func fact(_ event: OfferEvent, at time: Timestamp = noon) -> Offer.Event {
    Fact(id: offerID, at: time, event: event)
}

private func made(_ amount: Int64 = 300, attempt: Int64 = 1) -> Offer.Event {
    fact(
        .made(
            OfferMade(
                listingID: listingID, itemID: itemID, price: pln(amount), buyer: ewa, attempt: attempt, number: 1,
                expiresAt: soon)))
}

private func countered(_ by: OfferParty, _ amount: Int64, attempt: Int64? = nil) -> Offer.Event {
    fact(.countered(OfferCountered(by: by, price: pln(amount), expiresAt: soon, attempt: attempt)))
}

private func itemFact(_ event: ItemEvent) -> Item.Event { Fact(id: itemID, at: noon, event: event) }

private let accepted = fact(.accepted(OfferAccepted(price: pln(300), heldUntil: days(1))))
private let asked = fact(.consignorAsked)
private let declined = fact(.declined(OfferDeclined(reason: .store)))
private let automatic = fact(.declined(OfferDeclined(reason: .belowFloor, isAutomatic: true)))

private let published = Listing.fold([
    fact(.created(ListingCreated(itemID: itemID, price: pln(500), channel: "storefront"))),
    fact(.published(ProductPublished(itemID: itemID, price: pln(500)))),
])
private let paused = Listing.fold([fact(.paused(ListingPaused(itemID: itemID)))], from: published)

private typealias Decide = (Offer.State) throws(Offer.Refused) -> [Offer.Event]

private func make(
    _ price: Money = pln(300), on listing: Listing.State = published, floor: Money? = nil, attempts: Int = 0,
    open: Int = 0
) -> Decide {
    { state throws(Offer.Refused) in
        try Offer.make(
            Offer.Make(listingID: listingID, price: price, buyer: ewa), on: listing, floor: floor,
            Offer.Standing(attempts: attempts, open: open, offers: 0), warsaw, atNoon, state)
    }
}

private func counter(
    _ by: OfferParty, _ price: Money, on listing: Listing.State = published, floor: Money? = nil, attempts: Int = 1,
    at time: Timestamp = noon
) -> Decide {
    { state throws(Offer.Refused) in
        try Offer.counter(
            Offer.Counter(by: by, price: price), on: listing, floor: floor, attempts: attempts, warsaw,
            Stamp(id: offerID, at: time), state)
    }
}

private func accept(
    by party: OfferParty = .store, on listing: Listing.State = published, floor: Money? = nil,
    _ terms: Listing.Terms = warsaw, at time: Timestamp = noon
) -> Decide {
    { state throws(Offer.Refused) in
        try Offer.accept(by: party, on: listing, floor: floor, terms, Stamp(id: offerID, at: time), state)
    }
}

private func decline(_ reason: OfferDeclined.Reason, by party: OfferParty = .store) -> Decide {
    { state throws(Offer.Refused) in try Offer.decline(reason, by: party, atNoon, state) }
}

private func answer(_ answer: OfferAnswer) -> Decide {
    { state throws(Offer.Refused) in try Offer.consignorAnswered(answer, atNoon, state) }
}

private func withdraw(_ state: Offer.State) throws(Offer.Refused) -> [Offer.Event] {
    try Offer.withdraw(atNoon, state)
}

@Suite struct `An offer` {
    // MARK: - Naming a price

    @Test func `is made for what is published, and waits for an answer`() {
        Given(Offer.self).when(make()).then(made())
            .thenState { $0?.stage == .pending && $0?.by == .buyer && $0?.attempts == [1] }
        Given(Offer.self).when(make(on: nil)).refuses(.listingUnknown)
        Given(Offer.self).when(make(on: paused)).refuses(.notOffered)
        Given(Offer.self).when(make(pln(0))).refuses(.priceNotPositive)
        Given(Offer.self).when(make(Money(amount: 1, currency: euro)!)).refuses(.currency(euro, not: zloty))
        // Whoever would give more than is asked may.
        Given(Offer.self).when(make(pln(900))).then(made(900))
    }

    @Test func `a buyer names three prices on a listing, counters among them`() {
        Given(Offer.self).when(make(attempts: 2)).then(made(attempt: 3))
        Given(Offer.self).when(make(attempts: 3)).refuses(.attempts)
        let asked = [made(), countered(.store, 450)]
        Given(Offer.self, asked).when(counter(.buyer, pln(400), attempts: 2)).then(countered(.buyer, 400, attempt: 3))
            .thenState { $0?.attempts == [1, 3] }
        Given(Offer.self, asked).when(counter(.buyer, pln(400), attempts: 3)).refuses(.attempts)
        // The store may name as many as it likes.
        Given(Offer.self, [made()]).when(counter(.store, pln(450), attempts: 3)).then(countered(.store, 450))
        Given(Offer.self).when(make(open: 200)).refuses(.tooMany)
    }

    @Test func `below the floor it is declined at once, at the floor it is not`() {
        Given(Offer.self).when(make(floor: pln(301))).then(made(), automatic)
            .thenState { $0?.stage == .declined && $0?.declined?.isAutomatic == true }
        Given(Offer.self).when(make(floor: pln(300))).then(made())
        Given(Offer.self, [made(), countered(.store, 450)]).when(counter(.buyer, pln(310), floor: pln(311)))
            .then(countered(.buyer, 310, attempt: 2), automatic)
        Given(Offer.self, [made()]).when(counter(.store, pln(310), floor: pln(311))).refuses(.belowFloor)
    }

    @Test func `prices are named in turn`() {
        Given(Offer.self, [made()]).when(counter(.store, pln(450))).then(countered(.store, 450))
            .thenState { $0?.stage == .countered && $0?.price == pln(450) && $0?.by == .store }
        Given(Offer.self, [made()]).when(counter(.buyer, pln(310))).refuses(.turn(.pending))
        Given(Offer.self, [made(), countered(.store, 450)]).when(counter(.store, pln(440)))
            .refuses(.turn(.countered))
        Given(Offer.self, [made(), asked]).when(counter(.store, pln(440))).refuses(.turn(.asked))
        Given(Offer.self, [made(), accepted]).when(counter(.store, pln(440))).refuses(.accepted)
        Given(Offer.self, [made(), declined]).when(counter(.store, pln(440))).refuses(.ended(.declined))
        Given(Offer.self).when(counter(.store, pln(440))).refuses(.unknown)
        Given(Offer.self, [made()]).when(counter(.store, pln(450), on: paused)).refuses(.notOffered)
    }

    @Test func `its time is over though nobody has noticed`() {
        Given(Offer.self, [made()]).when(accept(at: soon - .microseconds(1)))
            .then(
                fact(
                    .accepted(OfferAccepted(price: pln(300), heldUntil: days(3) - .microseconds(1))),
                    at: days(2) - .microseconds(1)))
        Given(Offer.self, [made()]).when(accept(at: soon)).refuses(.ended(.expired))
        Given(Offer.self, [made()]).when(counter(.store, pln(450), at: soon)).refuses(.ended(.expired))
    }

    // MARK: - Answering

    @Test func `the store accepts an offer, the buyer a counter-offer`() {
        Given(Offer.self, [made()]).when(accept()).then(accepted)
            .thenState { $0?.stage == .accepted && $0?.heldUntil == days(1) }
        Given(Offer.self, [made()]).when(accept(by: .buyer)).refuses(.turn(.pending))
        let bought = fact(.accepted(OfferAccepted(price: pln(450), heldUntil: days(1))))
        for party in OfferParty.allCases {
            Given(Offer.self, [made(), countered(.store, 450)]).when(accept(by: party)).then(bought)
        }
        Given(Offer.self, [made(), asked]).when(accept()).refuses(.turn(.asked))
        Given(Offer.self, [made(), declined]).when(accept()).refuses(.ended(.declined))
        Given(Offer.self, [made()]).when(accept(on: paused)).refuses(.notOffered)
    }

    @Test func `below a floor that has risen the store accepts nothing, and stands by what it has named`() {
        Given(Offer.self, [made()]).when(accept(floor: pln(301))).refuses(.belowFloor)
        Given(Offer.self, [made(), countered(.store, 450)]).when(accept(by: .buyer, floor: pln(451)))
            .then(fact(.accepted(OfferAccepted(price: pln(450), heldUntil: days(1)))))
    }

    @Test func `a hold lasts as many hours as it says, whatever the clocks do meanwhile`() throws {
        // In the night to 29 March 2026 two o'clock becomes three: the local day has 23 hours.
        let late = try #require(Timestamp(rfc3339: "2026-03-28T22:59:59Z"))
        let until = try #require(Timestamp(rfc3339: "2026-03-29T22:59:59Z"))
        #expect(warsaw.days.day(of: late) == "2026-03-28")
        #expect(warsaw.days.day(of: until) == "2026-03-30")
        let offer = fact(
            .made(
                OfferMade(
                    listingID: listingID, itemID: itemID, price: pln(300), buyer: ewa, attempt: 1, number: 1,
                    expiresAt: days(60))))
        Given(Offer.self, [offer]).when(accept(at: late))
            .then(fact(.accepted(OfferAccepted(price: pln(300), heldUntil: until)), at: late))
        var terms = warsaw
        terms.hold = .seconds(36 * 3600)
        Given(Offer.self, [offer]).when(accept(terms, at: late))
            .then(fact(.accepted(OfferAccepted(price: pln(300), heldUntil: until + .seconds(12 * 3600))), at: late))
    }

    @Test func `the consignor is asked, and binds nobody`() {
        let consigned = Item.fold([
            fact(.received(ItemReceived(title: "Bag", condition: "good", consignorID: listingID)))
        ])
        let ask: (Item.State) -> Decide = { item in
            { state throws(Offer.Refused) in try Offer.askConsignor(item, atNoon, state) }
        }
        Given(Offer.self, [made()]).when(ask(consigned)).then(asked).thenState { $0?.stage == .asked }
        Given(Offer.self, [made()]).when(ask(Item.fold([fact(.received(coat))]))).refuses(.notConsigned)
        Given(Offer.self, [made(), countered(.store, 450)]).when(ask(consigned)).refuses(.turn(.countered))
        let yes = fact(.consignorAnswered(.accept))
        Given(Offer.self, [made(), asked]).when(answer(.accept)).then(yes)
            .thenState { $0?.stage == .pending && $0?.consignorAnswer == .accept }
        Given(Offer.self, [made()]).when(answer(.accept)).refuses(.notAsked)
        Given(Offer.self, [made(), declined]).when(answer(.accept)).refuses(.ended(.declined))
        Given(Offer.self, [made(), asked, yes]).when(decline(.store)).then(declined)
        // It was said of another price.
        Given(Offer.self, [made(), asked, yes, countered(.store, 450)]).thenState { $0?.consignorAnswer == nil }
    }

    @Test func `it is declined by whose turn it is, and by the store at any time`() {
        Given(Offer.self, [made()]).when(decline(.store)).then(declined)
        Given(Offer.self, [made(), asked]).when(decline(.consignor))
            .then(fact(.declined(OfferDeclined(reason: .consignor))))
        Given(Offer.self, [made(), countered(.store, 450)]).when(decline(.buyer, by: .buyer))
            .then(fact(.declined(OfferDeclined(reason: .buyer))))
        Given(Offer.self, [made(), countered(.store, 450)]).when(decline(.store)).then(declined)
        Given(Offer.self, [made()]).when(decline(.buyer, by: .buyer)).refuses(.turn(.pending))
        Given(Offer.self, [made(), accepted]).when(decline(.store)).refuses(.accepted)
        Given(Offer.self, [made(), automatic]).when(decline(.store)).thenNothing()
        Given(Offer.self, [made(), fact(.withdrawn)]).when(decline(.store)).refuses(.ended(.withdrawn))
    }

    @Test func `its buyer withdraws it for as long as something can come of it`() {
        for events in [[made()], [made(), countered(.store, 450)], [made(), asked], [made(), accepted]] {
            Given(Offer.self, events).when(withdraw).then(fact(.withdrawn))
        }
        Given(Offer.self, [made(), declined]).when(withdraw).refuses(.ended(.declined))
    }

    // MARK: - What comes of it

    @Test func `it expires at its own time, and not at one that it had before`() {
        func expire(_ events: [Offer.Event], _ due: Timestamp) -> [Offer.Event] {
            Offer.expire(due, Stamp(id: offerID, at: days(9)), Offer.fold(events))
        }
        #expect(expire([made()], soon) == [fact(.expired, at: days(9))])
        #expect(expire([made()], soon - .microseconds(1)) == [])
        let later = fact(.countered(OfferCountered(by: .store, price: pln(1), expiresAt: days(4))), at: days(1))
        #expect(expire([made(), later], soon) == [])
        #expect(expire([made(), later], days(4)) == [fact(.expired, at: days(9))])
        #expect(expire([made(), accepted], soon) == [])
        #expect(expire([], soon) == [])
    }

    @Test func `a hold lapses at its end, where no sale has followed`() {
        func lapse(_ events: [Offer.Event], _ due: Timestamp) -> [Offer.Event] {
            Offer.lapse(due, Stamp(id: offerID, at: days(9)), Offer.fold(events))
        }
        #expect(lapse([made(), accepted], days(1)) == [fact(.holdLapsed, at: days(9))])
        #expect(lapse([made(), accepted], days(1) - .microseconds(1)) == [])
        #expect(lapse([made(), accepted, fact(.fulfilled(OfferFulfilled(price: pln(300))))], days(1)) == [])
        #expect(lapse([made()], days(1)) == [])
    }

    @Test func `a sale is to the offer that was accepted there, at its price`() {
        func fulfil(on listing: UUID = listingID, for price: Money? = pln(300)) -> Decide {
            { state throws(Offer.Refused) in try Offer.fulfil(on: listing, for: price, atNoon, state) }
        }
        let state = Offer.fold([made(), accepted])
        #expect(throws: Never.self) {
            let events = try fulfil()(state)
            #expect(events == [fact(.fulfilled(OfferFulfilled(price: pln(300))))])
        }
        Given(Offer.self, [made(), accepted]).when(fulfil(for: pln(299))).refuses(.price(pln(300)))
        Given(Offer.self, [made(), accepted]).when(fulfil(on: itemID)).refuses(.notAccepted)
        Given(Offer.self, [made()]).when(fulfil()).refuses(.notAccepted)
        Given(Offer.self).when(fulfil()).refuses(.notAccepted)
    }

    @Test func `what is open is superseded, and nothing else`() {
        let sale = OfferSuperseded(by: .sale, listingID: listingID)
        #expect(Offer.supersede(sale, atNoon, Offer.fold([made(), accepted])) == [fact(.superseded(sale))])
        #expect(Offer.supersede(sale, atNoon, Offer.fold([made(), declined])) == [])
        #expect(Offer.supersede(sale, atNoon, nil) == [])
    }

    // MARK: - What goes with it

    @Test func `it leads to intents for when its time is over`() {
        let subject = TypeID(prefix: "offer", uuid: offerID)
        func reactions(_ events: Offer.Event...) -> [Reaction] {
            Offer.reactions(to: events[events.count - 1], Offer.fold(events))
        }
        #expect(reactions(made()) == [.intent(.expireOffer, on: subject, at: soon)])
        #expect(reactions(made(), countered(.store, 450)) == [.intent(.expireOffer, on: subject, at: soon)])
        #expect(reactions(made(), accepted) == [.intent(.lapseHold, on: subject, at: days(1))])
        #expect(reactions(made(), declined) == [])
    }

    @Test func `its numbers are kept for ever, its place for as long as it is open`() {
        let listing = listingID.claimed
        let open = "\(itemID.claimed)/\(listing)/\(offerID.claimed)"
        let buyer = Offer.attempts(of: ewa, on: listingID)
        #expect(buyer.hasPrefix("\(listing)/"))
        #expect(!buyer.contains("ewa"))
        #expect(buyer != Offer.attempts(of: OfferBuyer(platform: "shope", externalID: "wa"), on: listingID))
        let first = Offer.fold([made()])
        #expect(
            Offer.claims(before: nil, after: first) == [
                .take(kind: "offer_of_buyer", value: buyer + "1"), .take(kind: "offer_number", value: "\(listing)/1"),
                .take(kind: "open_offer", value: open),
            ])
        let second = Offer.fold([countered(.store, 9), countered(.buyer, 8, attempt: 2)], from: first)
        #expect(Offer.claims(before: first, after: second) == [.take(kind: "offer_of_buyer", value: buyer + "2")])
        #expect(
            Offer.claims(before: second, after: Offer.fold([fact(.expired)], from: second)) == [
                .release(kind: "open_offer", value: open)
            ])
        // Declined at once it was never open.
        #expect(Offer.claims(before: nil, after: Offer.fold([made(), automatic])).count == 2)
    }

    // MARK: - The item

    @Test func `it holds a free item, and only it lets go or is sold it`() {
        let received = itemFact(.received(coat))
        let hold = itemFact(
            .allocationChanged(ItemAllocationChanged(allocation: .held, offerID: offerID, until: days(1))))
        let byHand = itemFact(.allocationChanged(ItemAllocationChanged(allocation: .held, reason: "Ewa")))
        let item = Stamp(id: itemID, at: noon)
        func holding(_ state: Item.State) throws(Item.Refused) -> [Item.Event] {
            try Item.hold(for: offerID, until: days(1), item, state)
        }
        Given(Item.self, [received]).when(holding).then(hold)
            .thenState { $0?.heldFor == offerID && $0?.heldUntil == days(1) }
        Given(Item.self, [received, byHand]).when(holding).refuses(.held)
        let held = Item.fold([received, hold])
        func decide(_ intent: Item.FactIntent) -> (Item.State) throws(Item.Refused) -> [Item.Event] {
            { state throws(Item.Refused) in try Item.decide(intent, warsaw, item, state) }
        }
        Given(Item.self, [received, hold]).when(decide(.release(reason: nil))).refuses(.heldForOffer)
        Given(Item.self, [received, hold]).when(decide(.hold(reason: nil))).refuses(.heldForOffer)
        func sell(to offer: UUID?) -> (Item.State) throws(Item.Refused) -> [Item.Event] {
            { state throws(Item.Refused) in
                try Item.sell(Item.Sell(listingID: listingID, offerID: offer, price: pln(300)), item, state)
            }
        }
        Given(Item.self, [received, hold]).when(sell(to: nil)).refuses(.held)
        Given(Item.self, [received, hold]).when(sell(to: listingID)).refuses(.held)
        Given(Item.self, [received, byHand]).when(sell(to: nil)).refuses(.held)
        let sold = try? sell(to: offerID)(held)
        #expect(Item.fold(sold ?? [], from: held)?.allocation == .sold)
        #expect(Item.fold(sold ?? [], from: held)?.heldFor == nil)
        let free = itemFact(.allocationChanged(ItemAllocationChanged(allocation: .free, offerID: offerID)))
        #expect(Item.release(from: offerID, item, held) == [free])
        #expect(Item.release(from: listingID, item, held) == [])
        // What is lost is held for nobody.
        Given(Item.self, [received, hold]).when(decide(.custody(.init(custody: .lost))))
            .then(itemFact(.custodyChanged(ItemCustodyChanged(custody: .lost))), free)
        Given(Item.self, [received, byHand]).when(decide(.custody(.init(custody: .lost))))
            .then(itemFact(.custodyChanged(ItemCustodyChanged(custody: .lost))))
    }
}
