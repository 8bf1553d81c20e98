import Documents
import EventSourcing
import Events
import Foundation
import Postgres

/// `listings`: a row per listing, with its item's fields in it. An item's event changes the rows of all its listings,
/// ended ones too: their documents show the item as it is.
enum ListingsProjection: Projection {
    /// The listings of one item, and the item.
    struct Group: Equatable {
        struct Line: Equatable {
            var listing: ListingRecord
            /// Of the last event that changed the row.
            var position: Int64
        }

        /// nil while no listing has asked for it.
        var item: ItemRecord?
        var lines: [UUID: Line] = [:]
    }

    static let name = "listings"
    static let foldVersion = 1
    static let source = GroupSource.items
    static let empty = Group()

    static func group(of event: LogEvent) -> UUID? { event.item }

    static func begins(with event: LogEvent) -> Bool { event.isItemReceived }

    /// Items without listings have no rows, so the first listing finds its item in the log.
    static func recall(before events: [LogEvent], in group: Group) -> StreamID? {
        guard group.item == nil, let first = events.first, !first.isItemReceived else { return nil }
        for event in events {
            if case .listing(let listing) = event.payload {
                return StreamID(category: ItemEvent.category, id: listing.itemID)
            }
        }
        return nil
    }

    static func apply(_ event: LogEvent, to group: inout Group) throws(FoldFailure) {
        switch event.payload {
        case .item(let change):
            // An item nobody has listed, received in an earlier batch: there is no row to change.
            guard group.item != nil || event.isItemReceived else { return }
            try ItemFold.apply(change, event, to: &group.item)
            for id in group.lines.keys { group.lines[id]?.position = event.position }
        case .listing(let change):
            try apply(change, event, to: &group)
        case .unreadable(_, let reason): throw FoldFailure(event, reason)
        case .record, .unread: break
        }
    }

    private static func apply(
        _ change: ListingEvent, _ event: LogEvent, to group: inout Group
    ) throws(FoldFailure) {
        let time = event.requestedAt
        let id = event.stream.id
        if case .created = change {
            guard group.item != nil else { throw FoldFailure(event, "a listing of an item that is not there") }
            guard var listing = ListingRecord(begins: change, id: id, at: time) else { return }
            listing.version = event.version
            group.lines[id] = Group.Line(listing: listing, position: event.position)
            return
        }
        guard var line = group.lines[id] else {
            throw FoldFailure(event, "\(event.type) of a listing that is not there")
        }
        line.listing.apply(change, at: time)
        line.listing.advance(to: event.version, at: time)
        line.position = event.position
        group.lines[id] = line
    }

    static func outputs(of group: Group, _ key: GroupKey, changedAfter position: Int64) -> [ListingRow] {
        guard let item = group.item else { return [] }
        return group.lines.values.filter { $0.position > position }
            .sorted { $0.listing.id.bits < $1.listing.id.bits }
            .map { ListingRow(tenant: key.tenant, listing: $0.listing, item: item, position: $0.position) }
    }

    static let groupColumn = "item_id"
    static let memory = ["position", "record"]

    static func restore(_ row: Row, into group: inout Group) throws {
        let memory = try ListingWithItem(stored: row.bytes(1) ?? [])
        group.item = memory.item
        group.lines[memory.listing.id] = Group.Line(
            listing: memory.listing, position: try row.decode(0, as: Int64.self))
    }
}

/// A row of the projection `listings`, as it is written.
struct ListingRow: ProjectedRow, Equatable {
    var tenant: TenantID
    var listing: ListingRecord
    var item: ItemRecord
    var position: Int64
    /// Separated by spaces, which no word holds.
    var words: String
    var document: JSONText
    var publicDocument: JSONText?
    var record: JSONText

    var id: UUID { listing.id }

    init(tenant: TenantID, listing: ListingRecord, item: ItemRecord, position: Int64) {
        self.tenant = tenant
        self.listing = listing
        self.item = item
        self.position = position
        words = SearchText.words(of: item).joined(separator: " ")
        document = JSONText(bytes: ListingDocument.bytes(listing, item, for: .operators) ?? [])
        publicDocument = ListingDocument.bytes(listing, item, for: .storefront).map(JSONText.init(bytes:))
        record = JSONText(bytes: ListingWithItem(listing: listing, item: item).bytes)
    }
}

extension ListingsProjection {
    static let columns: [OutputColumn<ListingRow>] = [
        OutputColumn("tenant_id", "uuid") { $0.tenant.uuid },
        OutputColumn("id", "uuid") { $0.id },
        OutputColumn("item_id", "uuid") { $0.listing.itemID },
        OutputColumn("version", "bigint") { $0.listing.version },
        OutputColumn("position", "bigint") { $0.position },
        OutputColumn("status", "text") { $0.listing.status.rawValue },
        OutputColumn("channel", "text") { $0.listing.channel },
        OutputColumn("price", "bigint") { $0.listing.price.amount },
        OutputColumn("brand", "text") { $0.item.brand },
        OutputColumn("category", "text") { $0.item.category },
        OutputColumn("condition", "text") { $0.item.condition },
        OutputColumn("size", "text") { $0.item.size },
        OutputColumn("search", "text", as: SearchColumn.expression) { $0.words },
        OutputColumn("published_at", "timestamptz") { $0.listing.publishedAt.map { PostgresTimestamp($0) } },
        OutputColumn("created_at", "timestamptz") { PostgresTimestamp($0.listing.createdAt) },
        OutputColumn("updated_at", "timestamptz") { PostgresTimestamp($0.listing.updatedAt) },
        OutputColumn("document", "text") { $0.document },
        OutputColumn("public_document", "text") { $0.publicDocument },
        OutputColumn("record", "text", as: "r.record::json") { $0.record },
    ]
}
