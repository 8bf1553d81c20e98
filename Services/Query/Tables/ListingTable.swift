import Documents
import Foundation
import Postgres

/// Listings in the operational tables, each with its item.
enum ListingTable: OperationalTable {
    static func relation(withItem: Bool) -> SQL {
        let fields: SQL =
            withItem
            ? """
            , i.state ->> 'brand' AS brand, i.state ->> 'category' AS category,
            i.state ->> 'condition' AS condition, i.state ->> 'size' AS size
            """ : ""
        let item: SQL =
            withItem
            ? """
             JOIN main.aggregates i ON i.category = 'item' AND i.stream_id = (l.state ->> 'item_id')::uuid
            """ : ""
        return """
            SELECT l.stream_id AS id, l.state ->> 'status' AS status,
                   (l.state -> 'price' ->> 'amount')::bigint AS price,
                   (l.state ->> 'published_at')::timestamptz AS published_at,
                   (l.state ->> 'created_at')::timestamptz AS created_at\(fields)
            FROM main.aggregates l\(item)
            WHERE l.category = 'listing'
            """
    }

    static func visible(_ visibility: Visibility) -> SQL {
        switch visibility {
        case .full: "true"
        case .storefront: "t.status = 'published'"
        }
    }

    /// The item's id is taken out of the state first: a policy lets no index be asked with the result of `->>`.
    static func statement(_ ids: [UUID]) -> SQL {
        """
        WITH l AS MATERIALIZED (
            SELECT a.state, (a.state ->> 'item_id')::uuid AS item_id FROM main.aggregates a
            WHERE a.category = 'listing' AND a.stream_id = ANY (\(ids))
        )
        SELECT l.state, i.state FROM l JOIN main.aggregates i ON i.category = 'item' AND i.stream_id = l.item_id
        """
    }

    static func record(_ row: Row) throws -> ListingWithItem {
        ListingWithItem(
            listing: try ListingRecord(stored: row.bytes(0) ?? []), item: try ItemRecord(stored: row.bytes(1) ?? []))
    }
}

extension ListingWithItem: OperationalRecord {
    var id: UUID { listing.id }
    var version: Int64 { listing.version }

    func isFound(by search: SearchText.Search) -> Bool { search.finds(item) }

    func isVisible(_ visibility: Visibility) -> Bool { ListingDocument.isVisible(listing, to: visibility.audience) }

    func document(_ visibility: Visibility) -> [UInt8]? {
        ListingDocument.bytes(listing, item, for: visibility.audience)
    }
}
