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
        #expect(try fold.fold().isEmpty)
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

    // MARK: Parking

    /// Two items with a listing each, and what happens to them by turns.
    private var twoItems: Story {
        let hat = UUID(bits: 11)
        var story = Story()
        story.item(coat, .received("Coat"))
        story.item(hat, .received("Hat"))
        story.listing(offer, .created(coat))
        story.item(hat, .edited(["size": "S"]))
        story.item(coat, .edited(["size": "M"]))
        story.item(hat, .edited(["size": "L"]))
        story.listing(offer, .published(coat))
        return story
    }

    @Test(arguments: [1, 2, 7])
    func `a refused event is parked, what comes for its item queues behind it in order, and all else goes on`(
        size: Int
    ) throws {
        let story = twoItems
        var table = MemoryTable<ItemsProjection>(story.events)
        while table.position < story.head {
            try table.advance(size, refusal: Refusal(position: 3, reason: "no"))
        }
        #expect(table.parked.map(\.event.position) == [3, 5, 7])
        #expect(table.parked.map(\.reason) == ["no", nil, nil])
        #expect(table.parked.allSatisfy { $0.key == GroupKey(tenant: Story.tenant, id: coat) })
        #expect(table.parking.groups == [GroupKey(tenant: Story.tenant, id: coat)])
        #expect(table.parking.count == 3)
        let rows = table.rows.sorted { $0.item.id.bits < $1.item.id.bits }
        #expect(rows.map(\.item.title) == ["Coat", "Hat"])
        #expect(rows.map(\.position) == [1, 6], "the parked item is as it was before")
    }

    @Test func `several groups have queues of their own, and the same item of another tenant has none`() throws {
        let other = TenantID(UUID(bits: 2))
        var story = twoItems
        story.item(coat, .received("Cape"), tenant: other)
        var table = MemoryTable<ItemsProjection>(story.events)
        try table.advance(3, refusal: Refusal(position: 3, reason: "one"))
        try table.advance(refusal: Refusal(position: 4, reason: "two"))
        #expect(table.parked.map(\.event.position) == [3, 4, 5, 6, 7])
        #expect(table.parked.map(\.reason) == ["one", "two", nil, nil, nil])
        #expect(table.parking.groups.count == 2)
        #expect(table.rows.contains { $0.item.title == "Cape" })
    }

    @Test func `an unreadable event queues too, and is parked when it is refused`() throws {
        var story = Story()
        story.broken("item", coat, "ItemReceived")
        story.broken("item", coat, "ProductUpdated")
        story.listing(offer, .created(coat))
        var table = MemoryTable<ListingsProjection>(story.events)
        try table.advance(refusal: Refusal(position: 1, reason: "broken"))
        #expect(table.parked.map(\.event.position) == [1, 2, 3])
        #expect(table.rows.isEmpty)
    }

    @Test func `one whose item is unknown cannot be parked`() throws {
        var story = Story()
        story.broken("listing", offer, "ListingCreated")
        #expect(throws: FoldFailure(story.events[0], "broken")) {
            let refusal = Refusal(position: 1, reason: "broken")
            _ = try BatchFold<ListingsProjection>(try batch(story), refusal: refusal)
        }
    }

    @Test func `skipped events are passed over, in what is recalled too, and park nothing`() throws {
        var story = Story()
        story.item(coat, .received("Coat"))
        story.broken("item", coat, "ProductUpdated")
        story.item(coat, .edited(["size": "M"]))
        story.listing(offer, .created(coat))
        var table = MemoryTable<ListingsProjection>(story.events)
        table.parking.skipped = [2]
        try table.advance(3)
        try table.advance()
        #expect(table.parked.isEmpty)
        #expect(table.recalls.last?.map(\.id) == [coat])
        #expect(table.rows.map(\.item.size) == ["M"])
    }

    // MARK: Queues

    private func queue(_ story: Story, after position: Int64, skipped: Set<Int64> = []) throws -> QueueFold<
        ItemsProjection
    > {
        var table = MemoryTable<ItemsProjection>(story.events)
        try table.advance(Int(position))
        let key = GroupKey(tenant: Story.tenant, id: coat)
        let events = story.events.filter { $0.position > position && ItemsProjection.group(of: $0) == coat }
        return QueueFold(events, of: key, in: table.groups[key] ?? ItemsProjection.empty, skipped: skipped)
    }

    @Test func `a queue comes to what the fold of the log would have come to`() throws {
        var whole = MemoryTable<ItemsProjection>(twoItems.events)
        try whole.advanceToEnd()
        let fold = try queue(twoItems, after: 2)
        #expect(fold.rows == whole.rows.filter { $0.item.id == coat })
        #expect(fold.applied == [3, 5, 7])
        #expect(fold.refusal == nil)
    }

    @Test func `a queue ends before the first event that cannot be applied, unless it is skipped`() throws {
        var story = Story()
        story.item(coat, .received("Coat"))
        story.item(coat, .edited(["size": "M"]))
        story.broken("item", coat, "ProductUpdated")
        story.item(coat, .edited(["size": "L"]))
        let fold = try queue(story, after: 1)
        #expect(fold.applied == [2])
        #expect(fold.rows.map(\.item.size) == ["M"])
        #expect(fold.refusal == Refusal(position: 3, reason: "position 3: broken"))
        let rest = try queue(story, after: 1, skipped: [3])
        #expect(rest.applied == [2, 3, 4])
        #expect(rest.rows.map(\.item.size) == ["L"])
    }

    @Test func `a queue whose first event cannot be applied changes nothing`() throws {
        var story = Story()
        story.item(coat, .received("Coat"))
        story.broken("item", coat, "ProductUpdated")
        let fold = try queue(story, after: 1)
        #expect(fold.applied.isEmpty && fold.rows.isEmpty)
        #expect(fold.refusal?.position == 2)
    }

    @Test func `the same identifier in two tenants is two groups`() throws {
        let other = TenantID(UUID(bits: 2))
        var story = Story()
        story.item(coat, .received("Coat"))
        story.item(coat, .received("Hat"), tenant: other)
        var fold = try BatchFold<ItemsProjection>(try batch(story))
        let rows = try fold.fold()
        #expect(rows.map(\.item.title) == ["Coat", "Hat"])
        #expect(rows.map(\.tenant) == [Story.tenant, other])
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
