import Documents
import EventSourcing
import Events
import Foundation
import JSON
import Postgres

/// `items`: a row per item. It depends on the item's own events and on those of its listings, which decide its status
/// and whether a storefront sees it. A deleted item keeps its row.
enum ItemsProjection: Projection {
    /// The item and its listings; nil before the item was received.
    struct Group: Equatable {
        var memory: ItemWithListings?
        /// Of the last event that changed it.
        var position: Int64 = 0
    }

    static let name = "items"
    static let foldVersion = 3
    static let source = GroupSource.items
    static let empty = Group()

    static func group(of event: LogEvent) -> UUID? {
        // An item shows nothing of a listing's price.
        if case .listing(.priceChanged) = event.payload { return nil }
        return event.item
    }

    static func begins(with event: LogEvent) -> Bool { event.isItemReceived }

    /// Everything it needs is in its row.
    static func recall(before events: [LogEvent], in group: Group) -> StreamID? { nil }

    static func apply(_ event: LogEvent, to group: inout Group) throws(FoldFailure) {
        group.position = event.position
        switch event.payload {
        case .item(let change):
            var item = group.memory?.item
            try ItemFold.apply(change, event, to: &item)
            group.memory = item.map { ItemWithListings(item: $0, listings: group.memory?.listings ?? ItemListings()) }
        case .listing(let change):
            guard group.memory != nil else { throw FoldFailure(event, "\(event.type) of an item that is not there") }
            if let entry = entry(after: change) { group.memory?.listings[event.stream.id] = entry }
        case .unreadable(_, let reason): throw FoldFailure(event, reason)
        case .record, .unread: break
        }
    }

    private static func entry(after event: ListingEvent) -> ItemListings.Entry? {
        switch event {
        case .created: ItemListings.Entry(.draft)
        case .published, .resumed: ItemListings.Entry(.published)
        case .paused: ItemListings.Entry(.paused)
        case .ended(let ended): ItemListings.Entry(.ended, endReason: .init(ended.reason))
        case .priceChanged, .markdownPlanned: nil
        }
    }

    static func outputs(of group: Group, _ key: GroupKey, changedAfter position: Int64) -> [ItemRow] {
        guard let memory = group.memory, group.position > position else { return [] }
        return [ItemRow(tenant: key.tenant, memory: memory, position: group.position)]
    }

    static let groupColumn = "id"
    static let memory = ["position", "record"]

    static func restore(_ row: Row, into group: inout Group) throws {
        group.position = try row.decode(0, as: Int64.self)
        group.memory = try ItemWithListings(stored: row.bytes(1) ?? [])
    }
}

/// A row of the projection `items`, as it is written.
struct ItemRow: ProjectedRow, Equatable {
    var tenant: TenantID
    var item: ItemRecord
    var position: Int64
    var status: ItemStatus
    var title: ItemTitle
    var allocation: ItemAllocation
    /// Separated by spaces, which no word holds.
    var words: String
    var document: JSONText
    var publicDocument: JSONText?
    var record: JSONText

    var id: UUID { item.id }

    init(tenant: TenantID, memory: ItemWithListings, position: Int64) {
        let (item, listings) = (memory.item, memory.listings)
        self.tenant = tenant
        self.item = item
        self.position = position
        status = ItemDocument.status(of: item, listings)
        title = ItemDocument.titleHolder(of: item, listings)
        allocation = ItemDocument.allocation(of: item, listings)
        words = SearchText.words(of: item).joined(separator: " ")
        document = JSONText(bytes: ItemDocument.bytes(item, listings, for: .operators) ?? [])
        publicDocument = ItemDocument.bytes(item, listings, for: .storefront).map(JSONText.init(bytes:))
        record = JSONText(bytes: memory.bytes)
    }
}

extension ItemsProjection {
    static let columns: [OutputColumn<ItemRow>] = [
        OutputColumn("tenant_id", "uuid") { $0.tenant.uuid },
        OutputColumn("id", "uuid") { $0.id },
        OutputColumn("version", "bigint") { $0.item.version },
        OutputColumn("position", "bigint") { $0.position },
        OutputColumn("status", "text") { $0.status.rawValue },
        OutputColumn("brand", "text") { $0.item.brand },
        OutputColumn("category", "text") { $0.item.category },
        OutputColumn("condition", "text") { $0.item.condition },
        OutputColumn("size", "text") { $0.item.size },
        OutputColumn("custody", "text") { $0.item.custody.rawValue },
        OutputColumn("location_id", "uuid") { $0.item.locationID },
        OutputColumn("title_holder", "text") { $0.title.rawValue },
        OutputColumn("allocation", "text") { $0.allocation.rawValue },
        OutputColumn("consignor_id", "uuid") { $0.item.consignorID },
        OutputColumn("search", "text", as: SearchColumn.expression) { $0.words },
        OutputColumn("created_at", "timestamptz") { PostgresTimestamp($0.item.createdAt) },
        OutputColumn("updated_at", "timestamptz") { PostgresTimestamp($0.item.updatedAt) },
        OutputColumn("document", "text") { $0.document },
        OutputColumn("public_document", "text") { $0.publicDocument },
        OutputColumn("record", "text", as: "r.record::json") { $0.record },
    ]
}
