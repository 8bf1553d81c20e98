import Documents
import EventSourcing
import Events
import Foundation
import JSON
import Testing

@testable import Projector

@Suite struct BatchFoldTests {
    let coat = UUID(bits: 10)
    let offer = UUID(bits: 20)

    private func batch(_ story: Story, after previous: Int64 = 0) throws -> EventBatch {
        try EventBatch(after: previous, Array(story.events.dropFirst(Int(previous))), tailedAt: Story.noon)
    }

    @Test func `many events of a row are one write`() throws {
        var story = Story()
        story.item(coat, .received("Coat"))
        for size in 1...20 { story.item(coat, .edited(["size": .string("\(size)")])) }
        var table = MemoryTable<ItemsProjection>(story.events)
        let rows = try table.advance()
        #expect(rows.count == 1)
        #expect(rows.first?.item.size == "20")
        #expect(rows.first?.item.version == 21)
    }

    @Test func `rows that cannot be there yet are not loaded`() throws {
        var story = Story()
        story.item(coat, .received("Coat"))
        story.listing(offer, .created(coat))
        story.item(coat, .edited(["size": "M"]))
        var table = MemoryTable<ItemsProjection>(story.events)
        try table.advance(2)
        try table.advance(1)
        #expect(table.loads == [[], [GroupKey(tenant: Story.tenant, id: coat)]])
    }

    @Test func `what is of other categories or unknown types is passed over and advances the checkpoint`() throws {
        var story = Story()
        story.other("tenant", "MemberAdded")
        story.other("item", "ItemPolished")
        story.other("moon", "Rose")
        var fold = try BatchFold<ItemsProjection>(try batch(story))
        #expect(fold.batch.last == 3)
        #expect(fold.touching == 0)
        #expect(try fold.fold().rows.isEmpty)
    }

    @Test func `a batch ends before its first unreadable event, and one that begins with it is refused`() throws {
        var story = Story()
        story.item(coat, .received("Coat"))
        story.broken("item", coat, "ProductUpdated")
        story.item(coat, .edited(["size": "M"]))
        let fold = try BatchFold<ItemsProjection>(try batch(story))
        #expect(fold.batch.last == 1)
        #expect(throws: FoldFailure(story.events[1], "broken")) {
            _ = try BatchFold<ItemsProjection>(try batch(story, after: 1))
        }
    }

    @Test func `the same identifier in two tenants is two groups`() throws {
        let other = TenantID(UUID(bits: 2))
        var story = Story()
        story.item(coat, .received("Coat"))
        story.item(coat, .received("Hat"), tenant: other)
        var fold = try BatchFold<ItemsProjection>(try batch(story))
        let (rows, tenants) = try fold.fold()
        #expect(rows.map(\.item.title) == ["Coat", "Hat"])
        #expect(rows.map(\.tenant) == [Story.tenant, other])
        #expect(tenants == [Story.tenant, other])
    }

    @Test(arguments: [1, 2, 3, 7, 50, 1000])
    func `batches of any size come to the same rows`(size: Int) throws {
        let story = Story.random(events: 600, seed: 7)
        var whole = MemoryTable<ListingsProjection>(story.events)
        try whole.advanceToEnd()
        var pieces = MemoryTable<ListingsProjection>(story.events)
        try pieces.advanceToEnd(size)
        #expect(!whole.groups.isEmpty)
        #expect(pieces.groups == whole.groups)
        var items = MemoryTable<ItemsProjection>(story.events)
        try items.advanceToEnd()
        var itemPieces = MemoryTable<ItemsProjection>(story.events)
        try itemPieces.advanceToEnd(size)
        #expect(itemPieces.groups == items.groups)
    }
}
