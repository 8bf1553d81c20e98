import Documents
import EventSourcing
import Events
import Foundation
import JSON
import TestSupport
import Testing

@testable import Command

private let shelf = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8061")!
private let cellar = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8062")!
private let anna = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8063")!

private let consigned = fact(
    .received(ItemReceived(title: "Bag", condition: "good", consignorID: anna, locationID: shelf)))
private let own = fact(.received(ItemReceived(title: "Bag", condition: "good")))

private func gone(_ custody: ItemCustody) -> Item.Event {
    fact(.custodyChanged(ItemCustodyChanged(custody: custody)))
}

private func allocated(_ allocation: ItemAllocation) -> Item.Event {
    fact(.allocationChanged(ItemAllocationChanged(allocation: allocation)))
}

private let sold = [allocated(.sold), fact(.titleTransferred(ItemTitleTransferred(title: .sold)))]

private func decide(_ intent: Item.FactIntent) -> (Item.State) throws(Item.Refused) -> [Item.Event] {
    { state throws(Item.Refused) in try Item.decide(intent, warsaw, stamp, state) }
}

private func custody(_ custody: ItemCustody, at location: UUID? = nil, by custodian: String? = nil) -> Item.FactIntent {
    .custody(Item.ChangeCustody(custody: custody, locationID: location, custodian: custodian))
}

@Suite struct ItemFactTests {
    // MARK: - Custody

    @Test func `an item in the house is moved, once`() {
        Given(Item.self, [consigned]).when(decide(.move(.init(locationID: cellar))))
            .then(fact(.moved(ItemMoved(locationID: cellar))))
            .thenState { $0?.locationID == cellar && $0?.custody == .inHouse && $0?.version == 2 }
        Given(Item.self, [consigned]).when(decide(.move(.init(locationID: shelf)))).thenNothing()
        Given(Item.self, [consigned, gone(.atRepair)]).when(decide(.move(.init(locationID: shelf))))
            .refuses(.custody(.atRepair, not: .inHouse))
    }

    @Test func `a third party has it, and gives it back`() {
        Given(Item.self, [own]).when(decide(custody(.atRepair, by: "Janusz")))
            .then(fact(.custodyChanged(ItemCustodyChanged(custody: .atRepair, custodian: "Janusz"))))
            .thenState { $0?.custodian == "Janusz" }
        Given(Item.self, [own, gone(.atRepair)]).when(decide(custody(.inHouse, at: cellar)))
            .then(fact(.custodyChanged(ItemCustodyChanged(custody: .inHouse, locationID: cellar))))
            .thenState { $0?.custodian == nil && $0?.locationID == cellar }
        Given(Item.self, [own, gone(.atRepair)]).when(decide(custody(.atRepair))).thenNothing()
    }

    @Test func `what arrives where it is already has only moved, or not even that`() {
        Given(Item.self, [consigned]).when(decide(custody(.inHouse))).thenNothing()
        Given(Item.self, [consigned]).when(decide(custody(.inHouse, at: cellar)))
            .then(fact(.moved(ItemMoved(locationID: cellar))))
    }

    @Test func `only what was lost is found, and it does not simply arrive`() {
        let found = Item.ChangeCustody(custody: .inHouse, from: [.lost])
        let arrives = Item.ChangeCustody(custody: .inHouse, from: [.atRepair])
        Given(Item.self, [own, gone(.lost)]).when(decide(.custody(found)))
            .then(fact(.custodyChanged(ItemCustodyChanged(custody: .inHouse))))
        Given(Item.self, [own, gone(.lost)]).when(decide(.custody(arrives)))
            .refuses(.custody(.lost, not: .inHouse))
        Given(Item.self, [own]).when(decide(.custody(found))).thenNothing()
    }

    @Test func `a buyer gets what was sold, and nothing else`() {
        Given(Item.self, [own]).when(decide(custody(.withBuyer))).refuses(.notSold)
        Given(Item.self, [own] + sold).when(decide(custody(.withBuyer))).then(gone(.withBuyer))
        Given(Item.self, [own] + sold + [gone(.withBuyer)]).when(decide(custody(.lost)))
            .refuses(.custody(.withBuyer, not: .lost))
    }

    @Test func `a consignor gets back what is his and free`() {
        Given(Item.self, [consigned]).when(decide(custody(.returnedToConsignor))).then(gone(.returnedToConsignor))
        Given(Item.self, [own]).when(decide(custody(.returnedToConsignor))).refuses(.notConsigned)
        Given(Item.self, [consigned, allocated(.held)]).when(decide(custody(.returnedToConsignor))).refuses(.held)
        Given(Item.self, [consigned] + sold).when(decide(custody(.returnedToConsignor))).refuses(.sold)
    }

    @Test func `what is promised is not given away, but it can be lost`() {
        Given(Item.self, [own, allocated(.held)]).when(decide(custody(.disposed))).refuses(.held)
        Given(Item.self, [own] + sold).when(decide(custody(.disposed))).refuses(.sold)
        Given(Item.self, [own] + sold).when(decide(custody(.lost))).then(gone(.lost))
    }

    @Test func `what is damaged in the house stays where it lies`() {
        Given(Item.self, [consigned]).when(decide(custody(.damaged)))
            .then(fact(.custodyChanged(ItemCustodyChanged(custody: .damaged, locationID: shelf))))
    }

    // MARK: - Title

    @Test func `a consignor's item is taken over for a price`() {
        let intent = Item.FactIntent.convert(.init(price: pln(4000)))
        let converted = fact(.titleTransferred(ItemTitleTransferred(title: .store, price: pln(4000))))
        Given(Item.self, [consigned]).when(decide(intent)).then(converted)
            .thenState { $0?.titleHolder == .store && $0?.consignorID == anna }
        Given(Item.self, [consigned, converted]).when(decide(intent)).thenNothing()
        Given(Item.self, [own]).when(decide(intent)).thenNothing()
        Given(Item.self, [consigned] + sold).when(decide(intent)).refuses(.title(.sold))
        Given(Item.self, [consigned]).when(decide(.convert(.init(price: pln(-1))))).refuses(.priceNegative)
        Given(Item.self, [consigned])
            .when(decide(.convert(.init(price: Money(amount: 1, currency: euro)!))))
            .refuses(.currency(euro, not: zloty))
    }

    // MARK: - Allocation

    @Test func `an item is held, released and sold by itself alone`() {
        Given(Item.self, [own]).when(decide(.hold(reason: "Ewa"))).then(
            fact(.allocationChanged(ItemAllocationChanged(allocation: .held, reason: "Ewa"))))
        Given(Item.self, [own, allocated(.held)]).when(decide(.hold(reason: nil))).thenNothing()
        Given(Item.self, [own, allocated(.held)]).when(decide(.release(reason: nil))).then(allocated(.free))
        Given(Item.self, [own] + sold).when(decide(.hold(reason: nil))).refuses(.sold)
        Given(Item.self, [own] + sold).when(decide(.release(reason: nil))).refuses(.sold)
    }

    @Test func `a sale moves allocation and title together, once`() throws {
        let sale = Item.Sell(listingID: listingID, price: pln(9000))
        func sell(_ state: Item.State) throws(Item.Refused) -> [Item.Event] { try Item.sell(sale, stamp, state) }
        let events = try sell(Item.fold([consigned]))
        #expect(
            events == [
                fact(.allocationChanged(ItemAllocationChanged(allocation: .sold, listingID: listingID))),
                fact(.titleTransferred(ItemTitleTransferred(title: .sold, price: pln(9000), listingID: listingID))),
            ])
        Given(Item.self, [consigned] + events)
            .thenState { $0?.titleHolder == .sold && $0?.seller == .consignor && $0?.version == 3 }
        Given(Item.self, [consigned] + sold).when(sell).refuses(.sold)
        Given(Item.self, [consigned, allocated(.held)]).when(sell).refuses(.held)
        Given(Item.self, [consigned, gone(.lost)]).when(sell).refuses(.custody(.lost, not: .withBuyer))
    }

    @Test func `a sale from before items told of theirs is told before what follows it`() {
        let state = Item.fold([own])
        let events = Item.settle(listingID, stamp, state)
        #expect(Item.fold(events, from: state)?.allocation == .sold)
        #expect(Item.settle(nil, stamp, state) == [])
        #expect(Item.settle(listingID, stamp, Item.fold([own] + sold)) == [])
    }

    // MARK: - Offers

    @Test func `what was withdrawn is not offered until it is reinstated`() {
        let withdrawn = fact(.withdrawn(ItemWithdrawn(reason: "back")))
        Given(Item.self, [own]).when(decide(.withdraw(reason: "back"))).then(withdrawn)
        Given(Item.self, [own, withdrawn]).when(decide(.withdraw(reason: nil))).thenNothing()
        Given(Item.self, [own, withdrawn]).when(decide(.reinstate)).then(fact(.reinstated(ItemReinstated())))
        Given(Item.self, [own]).when(decide(.reinstate)).thenNothing()
        Given(Item.self, [own, allocated(.held)]).when(decide(.withdraw(reason: nil))).refuses(.held)
        #expect(throws: Listing.Refused.itemWithdrawn) { try Listing.offerable(Item.fold([own, withdrawn])) }
        #expect(throws: Listing.Refused.itemCustody(.lost)) { try Listing.offerable(Item.fold([own, gone(.lost)])) }
    }

    @Test func `nothing of the kind happens to what is not there`() {
        for intent in [.reinstate, custody(.lost), .hold(reason: nil), .move(.init(locationID: shelf))] {
            Given(Item.self).when(decide(intent)).refuses(.unknown)
            Given(Item.self, [own, fact(.deleted(ProductDeleted(reason: "x")))]).when(decide(intent))
                .refuses(.deleted)
        }
    }

    // MARK: - Claims

    @Test func `a consignor's item is in custody until it is handed over, returned, lost or taken over`() {
        let claim = "\(anna.claimed)/\(itemID.claimed)"
        let taken = Claim.take(kind: "custody", value: claim)
        let released = Claim.release(kind: "custody", value: claim)
        let received = Item.fold([consigned])
        func custody(_ before: Item.State, _ after: Item.State) -> [Claim] {
            Item.claims(before: before, after: after).filter { [taken, released].contains($0) }
        }
        #expect(custody(nil, received) == [taken])
        #expect(Item.claims(before: nil, after: Item.fold([own])) == [])
        func after(_ events: [Item.Event]) -> [Claim] { custody(received, Item.fold(events, from: received)) }
        for custody in [ItemCustody.returnedToConsignor, .lost, .disposed] {
            #expect(after([gone(custody)]) == [released])
        }
        for custody in [ItemCustody.atRepair, .damaged, .inTransit] { #expect(after([gone(custody)]) == []) }
        #expect(after(sold) == [])
        #expect(after(sold + [gone(.withBuyer)]) == [released])
        #expect(after([fact(.titleTransferred(ItemTitleTransferred(title: .store)))]) == [released])
        #expect(
            after([fact(.titleTransferred(ItemTitleTransferred(title: .store)))] + sold) == [released])
        let lost = Item.fold([gone(.lost)], from: received)
        #expect(custody(lost, Item.fold([gone(.inHouse)], from: lost)) == [taken])
    }

    @Test func `an item says where in the house it is, for as long as it is there`() {
        func claim(_ place: UUID) -> String { "\(place.claimed)/\(itemID.claimed)" }
        let received = Item.fold([fact(.received(ItemReceived(title: "Bag", condition: "good", locationID: shelf)))])
        #expect(Item.claims(before: nil, after: received) == [.take(kind: "at_location", value: claim(shelf))])
        let moved = Item.fold([fact(.moved(ItemMoved(locationID: cellar)))], from: received)
        #expect(
            Item.claims(before: received, after: moved) == [
                .release(kind: "at_location", value: claim(shelf)), .take(kind: "at_location", value: claim(cellar)),
            ])
        let lost = Item.fold([gone(.lost)], from: moved)
        #expect(Item.claims(before: moved, after: lost) == [.release(kind: "at_location", value: claim(cellar))])
    }
}
