import Documents
import EventSourcing
import Events
import Foundation
import JSON
import Postgres
import Testing

@testable import Projector

/// given the events of a story, then the row
@Suite struct ItemsFoldTests {
    let coat = UUID(bits: 10)
    let offer = UUID(bits: 20)
    let second = UUID(bits: 21)

    private func row(_ tell: (inout Story) -> Void) throws -> ItemRow {
        var story = Story()
        tell(&story)
        var table = MemoryTable<ItemsProjection>(story.events)
        try table.advanceToEnd()
        return try #require(table.rows.first)
    }

    private func document(_ row: ItemRow) throws -> JSONValue { try JSONValue(parsing: row.document.bytes) }

    @Test func `a received item is a row that no storefront sees`() throws {
        let row = try row { $0.item(coat, .received("Wool coat", brand: "ACME", sku: "K-1")) }
        #expect(row.status == .received)
        #expect(row.publicDocument == nil)
        #expect(row.item.version == 1)
        #expect(row.position == 1)
        #expect(row.item.createdAt == Story.time(1))
        #expect(row.words == "acme coat wool")
        #expect(try document(row)["brand"] == "ACME")
        #expect(try document(row)["id"] == .string(TypeID(prefix: "item", uuid: coat).description))
    }

    @Test func `an edit changes what it names, and the version`() throws {
        let row = try row {
            $0.item(coat, .received("Wool coat", brand: "ACME"))
            $0.item(coat, .edited(["title": "Silk coat", "brand": nil]))
        }
        #expect(row.item.title == "Silk coat")
        #expect(row.item.brand == nil)
        #expect(row.item.version == 2)
        #expect(row.item.createdAt == Story.time(1))
        #expect(row.item.updatedAt == Story.time(2))
    }

    @Test func `a draft lists the item, without showing it, and leaves its version and times`() throws {
        let row = try row {
            $0.item(coat, .received("Coat"))
            $0.listing(offer, .created(coat))
        }
        #expect(row.status == .listed)
        #expect(row.publicDocument == nil)
        #expect(row.item.version == 1)
        #expect(row.item.updatedAt == Story.time(1))
        #expect(row.position == 2)
    }

    @Test func `publishing shows the item without its sku, pausing hides it, resuming shows it`() throws {
        var story = Story()
        story.item(coat, .received("Coat", sku: "K-1"))
        story.listing(offer, .created(coat))
        story.listing(offer, .published(coat))
        story.listing(offer, .paused(coat))
        story.listing(offer, .resumed(coat))
        var table = MemoryTable<ItemsProjection>(story.events)
        try table.advance(3)
        let shown = try #require(table.rows.first?.publicDocument)
        #expect(try JSONValue(parsing: shown.bytes)["sku"] == nil)
        try table.advance(1)
        #expect(table.rows.first?.publicDocument == nil)
        #expect(table.rows.first?.status == .listed)
        try table.advance(1)
        #expect(table.rows.first?.publicDocument != nil)
    }

    @Test func `a sale makes it sold, and hides it`() throws {
        let row = try row {
            $0.item(coat, .received("Coat"))
            $0.listing(offer, .created(coat))
            $0.listing(offer, .published(coat))
            $0.listing(offer, .ended(coat, .sold, 9_000))
        }
        #expect(row.status == .sold)
        // The facts follow, though no event of the item said so.
        #expect(row.allocation == .sold && row.title == .sold)
        #expect(row.publicDocument == nil)
    }

    @Test func `a withdrawn item is back, and listed again by the next draft`() throws {
        var story = Story()
        story.item(coat, .received("Coat"))
        story.listing(offer, .created(coat))
        story.listing(offer, .ended(coat, .withdrawn))
        story.listing(second, .created(coat))
        var table = MemoryTable<ItemsProjection>(story.events)
        try table.advance(3)
        #expect(table.rows.first?.status == .received)
        try table.advance(1)
        #expect(table.rows.first?.status == .listed)
    }

    @Test func `a deleted item keeps a row, deleted`() throws {
        let row = try row {
            $0.item(coat, .received("Coat"))
            $0.item(coat, .deleted)
        }
        #expect(row.status == .deleted)
        #expect(row.publicDocument == nil)
        #expect(try document(row)["status"] == "deleted")
    }

    @Test func `a price change does not touch the item's row`() throws {
        let row = try row {
            $0.item(coat, .received("Coat"))
            $0.listing(offer, .created(coat))
            $0.listing(offer, .priced(coat, 9_000))
        }
        #expect(row.position == 2)
        #expect(row.status == .listed)
    }

    @Test func `an event of an item that was never received cannot be folded`() throws {
        var story = Story()
        story.item(coat, .edited(["title": "Coat"]))
        var table = MemoryTable<ItemsProjection>(story.events)
        #expect(throws: FoldFailure.self) { try table.advance() }
        story = Story()
        story.listing(offer, .created(coat))
        table = MemoryTable<ItemsProjection>(story.events)
        #expect(throws: FoldFailure.self) { try table.advance() }
    }
}
