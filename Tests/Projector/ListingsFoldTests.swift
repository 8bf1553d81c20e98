import Documents
import EventSourcing
import Events
import Foundation
import JSON
import Postgres
import Testing

@testable import Projector

@Suite struct ListingsFoldTests {
    let coat = UUID(bits: 10)
    let offer = UUID(bits: 20)
    let second = UUID(bits: 21)

    private func table(_ tell: (inout Story) -> Void) throws -> MemoryTable<ListingsProjection> {
        var story = Story()
        tell(&story)
        var table = MemoryTable<ListingsProjection>(story.events)
        try table.advanceToEnd()
        return table
    }

    private func row(_ tell: (inout Story) -> Void) throws -> ListingRow {
        try #require(try table(tell).rows.first { $0.listing.id == offer })
    }

    private func listed(_ story: inout Story) {
        story.item(coat, .received("Wool coat", brand: "ACME", sku: "K-1"))
        story.listing(offer, .created(coat, 12_000))
    }

    @Test func `an item alone has no row`() throws {
        #expect(try table { $0.item(coat, .received("Coat")) }.rows.isEmpty)
    }

    @Test func `a draft is a row with its item's fields, which no storefront sees`() throws {
        let row = try row { listed(&$0) }
        #expect(row.listing.status == .draft)
        #expect(row.listing.price == .pln(12_000))
        #expect(row.publicDocument == nil)
        #expect(row.item.brand == "ACME")
        #expect(row.words == "acme coat wool")
        #expect(row.listing.version == 1)
        #expect(row.listing.createdAt == Story.time(2))
        #expect(try JSONValue(parsing: row.document.bytes)["brand"] == "ACME")
    }

    @Test func `publication shows it without the sku, and begins its price history`() throws {
        let row = try row {
            listed(&$0)
            $0.listing(offer, .published(coat, 12_000))
        }
        #expect(row.listing.status == .published)
        #expect(row.listing.publishedAt == Story.time(3))
        #expect(row.listing.priceHistory == [.init(price: .pln(12_000), at: Story.time(3))])
        let shown = try #require(row.publicDocument)
        #expect(try JSONValue(parsing: shown.bytes)["sku"] == nil)
        #expect(try JSONValue(parsing: row.document.bytes)["sku"] == "K-1")
    }

    @Test func `a reduction keeps the lowest price that came with it`() throws {
        let row = try row {
            listed(&$0)
            $0.listing(offer, .published(coat, 12_000))
            $0.listing(offer, .priced(coat, 9_000, was: 12_000, lowest: 11_000))
        }
        #expect(row.listing.price == .pln(9_000))
        #expect(row.listing.lowestPrice30d == .pln(11_000))
        #expect(row.listing.priceHistory.map(\.price) == [.pln(12_000), .pln(9_000)])
    }

    @Test func `pausing hides it and resuming shows it`() throws {
        var story = Story()
        listed(&story)
        story.listing(offer, .published(coat))
        story.listing(offer, .paused(coat))
        story.listing(offer, .resumed(coat))
        var table = MemoryTable<ListingsProjection>(story.events)
        try table.advance(4)
        #expect(table.rows.first?.listing.status == .paused)
        #expect(table.rows.first?.publicDocument == nil)
        try table.advance(1)
        #expect(table.rows.first?.listing.status == .published)
        #expect(table.rows.first?.publicDocument != nil)
    }

    @Test func `a sale ends it with what it was sold for`() throws {
        let row = try row {
            listed(&$0)
            $0.listing(offer, .published(coat))
            $0.listing(offer, .ended(coat, .sold, 11_500))
        }
        #expect(row.listing.status == .ended)
        #expect(row.listing.endReason == .sold)
        #expect(row.listing.soldPrice == .pln(11_500))
        #expect(row.publicDocument == nil)
    }

    @Test func `editing the item while it is listed changes the listing's row, not its version`() throws {
        let row = try row {
            listed(&$0)
            $0.listing(offer, .published(coat))
            $0.item(coat, .edited(["brand": "Levi's"]))
        }
        #expect(row.item.brand == "Levi's")
        #expect(row.listing.version == 2)
        #expect(row.listing.updatedAt == Story.time(3))
        #expect(row.position == 4)
        #expect(row.words == "coat levis wool")
        let shown = try #require(row.publicDocument)
        #expect(try JSONValue(parsing: shown.bytes)["brand"] == "Levi's")
    }

    @Test func `editing the item changes the rows of all its listings, ended ones too`() throws {
        let rows = try table {
            listed(&$0)
            $0.listing(offer, .ended(coat, .withdrawn))
            $0.listing(second, .created(coat, 5_000))
            $0.item(coat, .edited(["size": "XL"]))
        }.rows
        #expect(rows.count == 2)
        #expect(rows.allSatisfy { $0.item.size == "XL" && $0.position == 5 })
    }

    @Test func `an event of one listing leaves the row of another alone`() throws {
        let rows = try table {
            listed(&$0)
            $0.listing(second, .created(coat, 5_000, channel: "market"))
            $0.listing(second, .published(coat, 5_000))
        }.rows
        #expect(rows.first { $0.listing.id == offer }?.position == 2)
        #expect(rows.first { $0.listing.id == second }?.position == 4)
    }

    @Test func `the item of a first listing is recalled from the log, with its edits`() throws {
        var story = Story()
        story.item(coat, .received("Wool coat", brand: "ACME"))
        story.item(coat, .edited(["brand": "Levi's"]))
        story.item(coat, .edited(["size": "M"]))
        story.listing(offer, .created(coat))
        var table = MemoryTable<ListingsProjection>(story.events)
        try table.advance(2)
        #expect(table.rows.isEmpty)
        let rows = try table.advance(2)
        #expect(table.recalls == [[], [StreamID(category: "item", id: coat)]])
        #expect(rows.first?.item.brand == "Levi's")
        #expect(rows.first?.item.size == "M")
        #expect(rows.first?.item.version == 3)
    }

    @Test func `nothing is recalled for items that are not listed`() throws {
        var story = Story()
        story.item(coat, .received("Wool coat"))
        story.item(coat, .edited(["brand": "ACME"]))
        var table = MemoryTable<ListingsProjection>(story.events)
        try table.advanceToEnd(1)
        #expect(table.recalls == [[], []])
    }

    @Test func `a listing of an unknown item, and an event of an unknown listing, cannot be folded`() throws {
        var story = Story()
        story.listing(offer, .created(coat))
        var table = MemoryTable<ListingsProjection>(story.events)
        #expect(throws: FoldFailure.self) { try table.advance() }
        story = Story()
        story.item(coat, .received("Coat"))
        story.listing(offer, .paused(coat))
        table = MemoryTable<ListingsProjection>(story.events)
        #expect(throws: FoldFailure.self) { try table.advance() }
    }
}
