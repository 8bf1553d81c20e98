import Documents
import EventSourcing
import Events
import Foundation
import JSON
import TestSupport
import Testing

@testable import Command

private let stocktakeID = UUID(bits: 100)
private let shelf = UUID(bits: 201)
private let cellar = UUID(bits: 202)
private let (bag, belt, hat) = (UUID(bits: 1), UUID(bits: 2), UUID(bits: 3))
private let stocktakeStamp = Stamp(id: stocktakeID, at: noon)

private func fact(_ event: StocktakeEvent) -> Stocktake.Event { Fact(id: stocktakeID, at: noon, event: event) }

private let opened = fact(.opened(StocktakeOpened(locationID: shelf, note: "January")))

private func scanned(_ items: UUID..., unknown: [String] = []) -> Stocktake.Event {
    fact(.scanned(StocktakeScanned(items: items, unknown: unknown)))
}

private func item(_ id: UUID, at place: UUID? = shelf, _ custody: ItemCustody = .inHouse) -> Item.State {
    var received = ItemReceived(title: "x", condition: "good")
    received.locationID = custody == .inHouse ? place : nil
    var events: [Item.Event] = [Fact(id: id, at: noon, event: .received(received))]
    if custody != .inHouse {
        events.append(
            Fact(
                id: id, at: noon,
                event: .custodyChanged(
                    ItemCustodyChanged(custody: custody, locationID: custody == .damaged ? place : nil))))
    }
    return Item.fold(events)
}

@Suite struct StocktakeTests {
    @Test func `what was seen before is no event`() {
        func scan(_ items: [UUID], _ unknown: [String] = []) -> (Stocktake.State) throws(Stocktake.Refused)
            -> [Stocktake.Event]
        {
            { state throws(Stocktake.Refused) in
                try Stocktake.scan(.init(items: items, unknown: unknown), stocktakeStamp, state)
            }
        }
        Given(Stocktake.self, [opened]).when(scan([bag, belt, bag], ["X", "X"]))
            .then(scanned(bag, belt, unknown: ["X"]))
            .thenState { $0?.found == [bag, belt] && $0?.unknown == ["X"] }
        Given(Stocktake.self, [opened, scanned(bag)]).when(scan([bag, belt])).then(scanned(belt))
        Given(Stocktake.self, [opened]).when(scan((0...5000).map { UUID(bits: $0) })).refuses(.full)
        Given(Stocktake.self).when(scan([bag])).refuses(.unknown)
        Given(Stocktake.self, [opened, fact(.cancelled(StocktakeCancelled()))]).when(scan([bag]))
            .refuses(.ended(.cancelled))
    }

    @Test func `what is missing is lost, what was elsewhere is here, and what cannot be is named`() throws {
        let state = Stocktake.fold([opened, scanned(bag, belt, hat)])
        let record = try #require(state)
        let gone = UUID(bits: 4), sold = UUID(bits: 5), damaged = UUID(bits: 6), lost = UUID(bits: 7)
        let seen = Stocktake.fold([scanned(sold, damaged, lost)], from: state)
        let differences = try Stocktake.differences([bag, gone], try #require(seen))
        #expect(differences.missing == [gone])
        #expect(differences.elsewhere == [belt, hat, sold, damaged, lost])
        let closing = try Stocktake.close(
            differences,
            [
                gone: item(gone), belt: item(belt, at: cellar), hat: item(hat, at: nil),
                sold: item(sold, .withBuyer), damaged: item(damaged, at: cellar, .damaged), lost: item(lost, .lost),
            ], stocktakeStamp, seen)
        #expect(
            closing.events == [
                fact(
                    .closed(
                        StocktakeClosed(
                            expected: 2, missing: [gone], elsewhere: [belt, hat, damaged, lost],
                            unexplained: [sold])))
            ])
        #expect(
            closing.missing.map(\.events) == [
                [
                    Fact(
                        id: gone, at: noon,
                        event: .custodyChanged(ItemCustodyChanged(custody: .lost, stocktakeID: stocktakeID)))
                ]
            ])
        func moved(_ id: UUID) -> Item.Event {
            Fact(id: id, at: noon, event: .moved(ItemMoved(locationID: shelf, stocktakeID: stocktakeID)))
        }
        #expect(
            closing.elsewhere.flatMap(\.events) == [
                moved(belt), moved(hat), moved(damaged),
                Fact(
                    id: lost, at: noon,
                    event: .custodyChanged(
                        ItemCustodyChanged(custody: .inHouse, locationID: shelf, stocktakeID: stocktakeID))),
            ])
        let closed = Stocktake.fold(closing.events, from: seen)
        #expect(closed?.status == "closed")
        #expect(throws: Stocktake.Refused.ended(.closed)) {
            try Stocktake.close(differences, [:], stocktakeStamp, closed)
        }
        #expect(try Stocktake.decode(Stocktake.encode(closed)) == closed)
        #expect(try Stocktake.decode(Stocktake.encode(state)) == record)
        let document = try JSONValue(parsing: try #require(closed).document)
        #expect(document["expected"] == 2)
        #expect(document["missing"]?.arrayValue?.count == 1)
    }

    @Test func `where very much differs, the scanning was not finished`() throws {
        let record = try #require(Stocktake.fold([opened]))
        #expect(throws: Stocktake.Refused.tooManyDifferences(501)) {
            try Stocktake.differences((0...500).map { UUID(bits: $0) }, record)
        }
    }

    @Test func `it is cancelled while it is open`() {
        func cancel(_ state: Stocktake.State) throws(Stocktake.Refused) -> [Stocktake.Event] {
            try Stocktake.cancel(reason: "x", stocktakeStamp, state)
        }
        Given(Stocktake.self, [opened]).when(cancel).then(fact(.cancelled(StocktakeCancelled(reason: "x"))))
        Given(Stocktake.self, [opened, fact(.closed(StocktakeClosed(expected: 0)))]).when(cancel)
            .refuses(.ended(.closed))
        Given(Stocktake.self).when(cancel).refuses(.unknown)
    }
}
