import Documents
import EventSourcing
import Events
import Foundation
import JSON
import Testing

@testable import Command

/// Intents by chance, from a seed, on three offers for one item: whatever is asked of them, each stays within its table, at
/// most one is accepted and then holds the item, and a replay of what the log holds gives the same bytes.
@Suite struct `Any story of offers` {
    private static let ids = (1...3).map { UUID(bits: UInt128($0)) }
    private static let buyer = OfferBuyer(platform: "shop", externalID: "42")

    private struct World {
        var item = Item.fold([
            Fact(
                id: itemID, at: noon,
                event: .received(ItemReceived(title: "Bag", condition: "good", consignorID: listingID)))
        ])
        var listing = Listing.fold([
            fact(.created(ListingCreated(itemID: itemID, price: pln(500), channel: "storefront"))),
            fact(.published(ProductPublished(itemID: itemID, price: pln(500)))),
        ])
        var offers: [UUID: Offer.State] = [:]
        var logs: [UUID: [Offer.Event]] = [:]

        /// Takes what was decided on an offer and its item as one intent, as routes do.
        mutating func append(_ events: [Offer.Event], to id: UUID, item changes: [Item.Event]) {
            guard !events.isEmpty else { return }
            logs[id, default: []] += events
            offers[id] = Offer.fold(events, from: offers[id] ?? nil)
            item = Item.fold(changes, from: item)
        }

        var accepted: [UUID] { offers.filter { $0.value?.stage == .accepted }.map(\.key) }
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `stays within the table, holds the item for one at most, and is told again byte for byte`(
        seed: UInt64
    ) throws {
        var chance = SplitMix(seed: seed)
        var world = World()
        for step in 0..<150 {
            let id = Self.ids.randomElement(using: &chance)!
            let at = noon + .seconds(step * 1200)
            let before = world.offers[id] ?? nil
            try Self.act(id, at, &world, &chance)
            if let before, let after = world.offers[id] ?? nil, before.stage != after.stage {
                let isPath = after.version - before.version == 1
                #expect(
                    !isPath || OfferTransitions.offer.allows(before.stage, after.stage),
                    "seed \(seed), step \(step): \(before.stage) → \(after.stage)")
            }
            #expect(world.accepted.count <= 1, "seed \(seed), step \(step)")
            #expect(world.item?.heldFor == world.accepted.first, "seed \(seed), step \(step)")
            #expect((world.item?.allocation == .held) == (world.item?.heldFor != nil), "seed \(seed), step \(step)")
        }
        #expect(!world.logs.isEmpty, "seed \(seed)")
        for (id, log) in world.logs {
            let stored = try log.map { fact in
                Fact(
                    id: fact.id, at: fact.at,
                    event: try OfferEvent(
                        type: fact.type, schema: fact.schema, data: try JSONValue(parsing: fact.bytes).canonical))
            }
            let state = world.offers[id] ?? nil
            #expect(Offer.encode(Offer.fold(stored)) == Offer.encode(state), "seed \(seed)")
            #expect(try Offer.decode(Offer.encode(state)) == state, "seed \(seed)")
        }
        #expect(try Item.decode(Item.encode(world.item)) == world.item, "seed \(seed)")
    }

    /// Tries something; what is refused changes nothing.
    private static func act(_ id: UUID, _ at: Timestamp, _ world: inout World, _ chance: inout SplitMix) throws {
        let stamp = Stamp(id: id, at: at)
        let held = Stamp(id: itemID, at: at)
        let state = world.offers[id] ?? nil
        let price = pln(Int64.random(in: 1...6, using: &chance) * 100)
        let floor = Bool.random(using: &chance) ? pln(200) : nil
        let party = OfferParty.allCases.randomElement(using: &chance)!
        let attempts = Int.random(in: 0...3, using: &chance)
        switch Int.random(in: 0..<100, using: &chance) {
        case ..<15:
            let make = Offer.Make(listingID: listingID, price: price, buyer: buyer)
            let standing = Offer.Standing(attempts: attempts, open: 0, offers: 0)
            let events = try? Offer.make(make, on: world.listing, floor: floor, standing, warsaw, stamp, state)
            world.append(events ?? [], to: id, item: [])
        case ..<40:
            let counter = Offer.Counter(by: party, price: price)
            let events = try? Offer.counter(
                counter, on: world.listing, floor: floor, attempts: attempts, warsaw, stamp, state)
            world.append(events ?? [], to: id, item: [])
        case ..<50:
            let events = try? Offer.askConsignor(world.item, stamp, state)
            world.append(events ?? [], to: id, item: [])
        case ..<60:
            let events = try? Offer.consignorAnswered(
                Bool.random(using: &chance) ? .accept : .decline, stamp, state)
            world.append(events ?? [], to: id, item: [])
        case ..<85:
            guard
                let events = try? Offer.accept(by: party, on: world.listing, floor: floor, warsaw, stamp, state),
                !events.isEmpty,
                let hold = try? Item.hold(for: id, until: at + warsaw.hold, held, world.item)
            else { return }
            world.append(events, to: id, item: hold)
        case ..<89:
            let events = try? Offer.decline(party == .store ? .store : .buyer, by: party, stamp, state)
            world.append(events ?? [], to: id, item: [])
        case ..<93:
            let events = (try? Offer.withdraw(stamp, state)) ?? []
            world.append(events, to: id, item: events.isEmpty ? [] : Item.release(from: id, held, world.item))
        default:
            let expired = Offer.expire(at, stamp, state)
            world.append(expired, to: id, item: [])
            let lapsed = Offer.lapse(at, stamp, world.offers[id] ?? nil)
            world.append(lapsed, to: id, item: lapsed.isEmpty ? [] : Item.release(from: id, held, world.item))
        }
    }
}
