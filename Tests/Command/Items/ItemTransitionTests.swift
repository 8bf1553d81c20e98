import Documents
import EventSourcing
import Events
import Foundation
import JSON
import Testing

@testable import Command

/// Intents by chance, from a seed: whatever is asked of an item, its log stays within the four tables, deciding again
/// what was just decided decides nothing, and a replay of what the log holds gives the same bytes.
@Suite struct `Any story of an item` {
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `stays within the tables, and is told again byte for byte`(seed: UInt64) throws {
        var chance = SplitMix(seed: seed)
        var log: [Item.Event] = []
        var state = Item.initial
        for step in 0..<120 {
            let at = Stamp(id: itemID, at: noon + .seconds(step))
            let intent = Self.intent(&chance)
            guard let events = try? intent(at, state) else { continue }
            for event in events {
                let next = Item.fold([event], from: state)
                Self.check(state, next, seed: seed, step: step)
                state = next
            }
            log += events
            // A retry does nothing more.
            if !events.isEmpty { #expect((try? intent(at, state)) ?? [] == [], "seed \(seed), step \(step)") }
        }
        #expect(!log.isEmpty, "seed \(seed)")

        let stored = try log.map { fact in
            Fact(
                id: fact.id, at: fact.at,
                event: try ItemEvent(
                    type: fact.type, schema: fact.schema, data: try JSONValue(parsing: fact.bytes).canonical))
        }
        let replayed = Item.fold(stored)
        #expect(Item.encode(replayed) == Item.encode(state), "seed \(seed)")
        #expect(try Item.decode(Item.encode(state)) == state, "seed \(seed)")
    }

    private static func check(_ before: Item.State, _ after: Item.State, seed: UInt64, step: Int) {
        func within<Fact>(_ table: TransitionTable<Fact>, _ from: Fact, _ to: Fact) {
            #expect(from == to || table.allows(from, to), "seed \(seed), step \(step): \(from) → \(to)")
        }
        within(ItemTransitions.description, ItemDescribed(before), ItemDescribed(after))
        guard let before, let after else { return }
        within(ItemTransitions.custody, before.custody, after.custody)
        within(ItemTransitions.title, before.titleHolder, after.titleHolder)
        within(ItemTransitions.allocation, before.allocation, after.allocation)
    }

    @Test func `every value of every fact has its place in its table`() {
        #expect(Set(ItemTransitions.description.next.keys) == Set(ItemDescribed.allCases))
        #expect(Set(ItemTransitions.custody.next.keys) == Set(ItemCustody.allCases))
        #expect(Set(ItemTransitions.title.next.keys) == Set(ItemTitle.allCases))
        #expect(Set(ItemTransitions.allocation.next.keys) == Set(ItemAllocation.allCases))
        #expect(Set(OfferTransitions.offer.next.keys) == Set(OfferStatus.allCases))
        #expect(Set(IntakeTransitions.intake.next.keys) == Set(IntakeStatus.allCases))
        #expect(Set(IntakeTransitions.item.next.keys) == Set(IntakeItemStatus.allCases))
    }

    private typealias Intent = (Stamp, Item.State) throws -> [Item.Event]

    private static let places = (1...3).map { UUID(bits: UInt128($0)) }

    private static func intent(_ chance: inout SplitMix) -> Intent {
        let place = places.randomElement(using: &chance)!
        let price = pln(Int64.random(in: 0...5, using: &chance))
        let isConsigned = Bool.random(using: &chance)
        let isExpected = Bool.random(using: &chance)
        let basis = LegalBasis.allCases.randomElement(using: &chance)!
        let custody = ItemCustody.allCases.randomElement(using: &chance)!
        let brand = ["A", "B"].randomElement(using: &chance)!
        let facts: [Item.FactIntent] = [
            .move(.init(locationID: place)), .convert(.init(price: price)), .hold(reason: nil),
            .release(reason: "x"), .withdraw(reason: nil), .reinstate,
        ]
        switch Int.random(in: 0..<100, using: &chance) {
        case ..<8:
            return { stamp, state in
                try Item.receive(
                    .init(
                        values: ["title": "Bag", "condition": "good"],
                        origin: .init(
                            consignorID: isConsigned ? places[0] : nil, isExpected: isExpected,
                            acquisition: ItemAcquisition(legalBasis: basis))), stamp, state)
            }
        case ..<16:
            return { stamp, state in try Item.update(.init(changes: ["brand": .string(brand)]), stamp, state) }
        case ..<18: return { stamp, state in try Item.sell(.init(listingID: listingID, price: price), stamp, state) }
        case 18: return { stamp, state in try Item.delete(.init(reason: "x"), stamp, state) }
        case ..<60:
            let intent = facts.randomElement(using: &chance)!
            return { stamp, state in try Item.decide(intent, warsaw, stamp, state) }
        default:
            let intent = Item.ChangeCustody(
                custody: custody, locationID: custody == .inHouse && isConsigned ? place : nil,
                custodian: custody == .atRepair ? brand : nil, disposal: custody == .disposed ? .discarded : nil)
            return { stamp, state in try Item.decide(.custody(intent), warsaw, stamp, state) }
        }
    }
}
