import EventSourcing
import Events
import Foundation
import JSON
import Testing

@testable import Command

@Suite struct `What tables must hold, by the events` {
    /// Events of one stream: each array is one intent's.
    private static func fold<Payload: StorableEvent>(_ id: UUID, _ intents: [[Payload]]) throws -> StoredFold {
        var fold = try #require(StoredFold(category: Payload.category))
        var version: Int64 = 0
        for (number, events) in intents.enumerated() {
            for event in events {
                version += 1
                try fold.apply(
                    StoredEvent(
                        tenant: TenantID(UUID(bits: 1)), stream: StreamID(category: Payload.category, id: id),
                        version: version, position: version, type: event.type, schema: event.schema, data: event.bytes,
                        metadata: Metadata(
                            actor: "test", commandID: UUID(bits: UInt128(number)), correlationID: UUID(bits: 2),
                            requestedAt: days(Int64(number))),
                        recordedAt: noon))
            }
        }
        return fold
    }

    @Test func `the state is what the aggregate encodes`() throws {
        let fold = try Self.fold(
            itemID, [[ItemEvent.received(coat)], [.updated(ProductUpdated(changes: ["size": "M"]))]])
        let state = Item.fold([
            fact(.received(coat)), fact(.updated(ProductUpdated(changes: ["size": "M"])), at: days(1)),
        ])
        #expect(fold.state == Item.encode(state))
    }

    @Test func `claims are taken and given back with the state`() throws {
        func held(_ intents: [[ItemEvent]]) throws -> Set<StoredFold.Held> { try Self.fold(itemID, intents).held }
        func sku(_ value: String) -> StoredFold.Held { .init(kind: ClaimKind.sku, value: value) }
        let change = ItemEvent.updated(ProductUpdated(changes: ["sku": "C-2"]))
        #expect(try held([[.received(coat)]]) == [sku("C-1")])
        #expect(try held([[.received(coat)], [change]]) == [sku("C-2")])
        #expect(try held([[.received(coat), change]]) == [sku("C-2")])
        #expect(try held([[.received(coat)], [.deleted(ProductDeleted(reason: "lost"))]]) == [])
    }

    @Test func `a listing holds its channel while it is open, and its item for ever once it is sold`() throws {
        let created = ListingEvent.created(ListingCreated(itemID: itemID, price: pln(100), channel: "storefront"))
        let published = ListingEvent.published(ProductPublished(itemID: itemID, price: pln(100)))
        let sold = ListingEvent.ended(ListingEnded(itemID: itemID, reason: .sold, price: pln(90)))
        let open = StoredFold.Held(kind: ClaimKind.openListing, value: "\(itemID.claimed)/storefront")
        let item = StoredFold.Held(kind: ClaimKind.soldItem, value: itemID.claimed)
        #expect(try Self.fold(listingID, [[created, published]]).held == [open])
        #expect(try Self.fold(listingID, [[created], [published], [sold]]).held == [item])
    }

    @Test func `an event that cannot be read is an error, and a category of others has no fold`() throws {
        var fold = try #require(StoredFold(category: "item"))
        #expect(throws: EventDecodingError.self) {
            try fold.apply(
                StoredEvent(
                    tenant: TenantID(UUID(bits: 1)), stream: StreamID(category: "item", id: itemID), version: 1,
                    position: 1, type: "ItemReceived", schema: 1, data: Array("{}".utf8),
                    metadata: Metadata(
                        actor: "test", commandID: UUID(bits: 1), correlationID: UUID(bits: 2), requestedAt: noon),
                    recordedAt: noon))
        }
        let others = StoredFold(category: "moon")
        #expect(others == nil)
        #expect(
            Set(StoredFold.categories)
                == [
                    "item", "listing", "tenant", "import", "location", "intake", "stocktake", "consignor",
                    "contract", "offer", "valuation", "decision",
                ])
    }
}
