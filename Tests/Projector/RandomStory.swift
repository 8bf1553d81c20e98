import EventSourcing
import Events
import Foundation
import JSON

@testable import Projector

extension Story {
    /// A plausible history of several tenants, with everything in it that the log can hold.
    static func random(events count: Int, tenants: Int = 3, seed: UInt64) -> Story {
        var writer = RandomWriter(tenants: tenants, seed: seed)
        while writer.story.head < count { writer.step() }
        return writer.story
    }
}

private struct RandomWriter {
    struct Item {
        var id: UUID
        var tenant: TenantID
        var listing: UUID?
        var status = "none"
        var isDeleted = false
    }

    var story = Story()
    private var items: [Item] = []
    private var random: SeededGenerator
    private let tenants: [TenantID]
    private var ids: UInt128 = 1000

    init(tenants: Int, seed: UInt64) {
        random = SeededGenerator(seed: seed)
        self.tenants = (1...tenants).map { TenantID(UUID(bits: UInt128($0))) }
    }

    private mutating func newID() -> UUID {
        ids += 1
        return UUID(bits: ids)
    }

    private mutating func pick<T>(_ values: [T]) -> T { values.randomElement(using: &random)! }

    mutating func step() {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: other()
        case 1...3: receive()
        default: if items.isEmpty { receive() } else { touch(Int.random(in: items.indices, using: &random)) }
        }
    }

    private mutating func other() {
        let kinds = [
            ("tenant", "MemberAdded"), ("import", "ImportStarted"), ("item", "ItemPolished"), ("moon", "Rose"),
        ]
        let (category, type) = pick(kinds)
        story.other(category, type, tenant: pick(tenants))
    }

    private mutating func receive() {
        let item = Item(id: newID(), tenant: pick(tenants))
        items.append(item)
        let brand = pick(["Levi's", "Żółć & Syn", "ACME", nil])
        story.item(item.id, .received("Płaszcz nr \(items.count)", brand: brand), tenant: item.tenant)
    }

    private mutating func touch(_ index: Int) {
        let item = items[index]
        guard !item.isDeleted else { return }
        let tenant = item.tenant
        if Bool.random(using: &random) {
            let title = "Kurtka \"zimowa\" \\ \(Int.random(in: 0..<100, using: &random))"
            return story.item(item.id, .edited(["title": .string(title), "brand": nil, "size": "M"]), tenant: tenant)
        }
        let price = Int64.random(in: 1...90_000, using: &random)
        switch (item.status, item.listing) {
        case ("none", _):
            if Int.random(in: 0..<8, using: &random) == 0 {
                items[index].isDeleted = true
                return story.item(item.id, .deleted, tenant: tenant)
            }
            let listing = newID()
            items[index].listing = listing
            items[index].status = "draft"
            story.listing(listing, .created(item.id, price), tenant: tenant)
        case ("draft", let listing?):
            items[index].status = "published"
            story.listing(listing, .published(item.id, price), tenant: tenant)
        case ("published", let listing?):
            switch Int.random(in: 0..<3, using: &random) {
            case 0: story.listing(listing, .priced(item.id, price, lowest: price), tenant: tenant)
            case 1:
                items[index].status = "paused"
                story.listing(listing, .paused(item.id), tenant: tenant)
            default: end(index, listing)
            }
        case (_, let listing?):
            items[index].status = "published"
            story.listing(listing, .resumed(item.id), tenant: tenant)
        default: break
        }
    }

    private mutating func end(_ index: Int, _ listing: UUID) {
        let reason = pick(ListingEnded.Reason.allCases)
        items[index].status = "none"
        story.listing(
            listing, .ended(items[index].id, reason, reason == .sold ? 100 : nil), tenant: items[index].tenant)
    }
}
