import Documents
import EventSourcing
import Foundation
import Postgres

/// Items in the operational tables, each with what it depends on of its listings.
enum ItemTable: OperationalTable {
    static func relation(withItem: Bool) -> SQL {
        """
        SELECT i.stream_id AS id,
               CASE WHEN i.state ->> 'deleted' = 'true' THEN 'deleted'
                    WHEN l.has_sold OR i.state ->> 'allocation' = 'sold' THEN 'sold'
                    WHEN i.state ->> 'custody' = 'returned_to_consignor' THEN 'returned'
                    WHEN i.state ->> 'custody' IN ('expected', 'lost', 'damaged', 'disposed') THEN i.state ->> 'custody'
                    WHEN l.has_open THEN 'listed'
                    WHEN i.state ->> 'withdrawn' = 'true' THEN 'withdrawn'
                    ELSE 'received' END AS status,
               coalesce(i.state ->> 'deleted' = 'true', false) AS is_deleted,
               l.has_published,
               i.state ->> 'brand' AS brand, i.state ->> 'category' AS category,
               i.state ->> 'condition' AS condition, i.state ->> 'size' AS size,
               coalesce(i.state ->> 'custody', 'in_house') AS custody,
               (i.state ->> 'location_id')::uuid AS location_id,
               CASE WHEN l.has_sold THEN 'sold' ELSE coalesce(i.state ->> 'title_holder', 'store') END AS title_holder,
               CASE WHEN l.has_sold THEN 'sold' ELSE coalesce(i.state ->> 'allocation', 'free') END AS allocation,
               (i.state ->> 'consignor_id')::uuid AS consignor_id,
               (i.state ->> 'created_at')::timestamptz AS created_at
        FROM main.aggregates i
        LEFT JOIN (
            SELECT (a.state ->> 'item_id')::uuid AS item_id,
                   bool_or(a.state ->> 'status' <> 'ended') AS has_open,
                   bool_or(a.state ->> 'status' = 'published') AS has_published,
                   bool_or(a.state ->> 'end_reason' = 'sold') AS has_sold
            FROM main.aggregates a WHERE a.category = 'listing' GROUP BY 1
        ) l ON l.item_id = i.stream_id
        WHERE i.category = 'item'
        """
    }

    static func visible(_ visibility: Visibility) -> SQL {
        switch visibility {
        case .full: "NOT t.is_deleted"
        case .storefront: "NOT t.is_deleted AND t.has_published"
        }
    }

    /// The log's index knows an item's listings, and calls the item by its public name.
    static func statement(_ ids: [UUID]) -> SQL {
        """
        SELECT i.state,
               (SELECT coalesce(json_object_agg(l.stream_id, json_build_object(
                           'status', l.state ->> 'status', 'end_reason', l.state ->> 'end_reason')), '{}')
                FROM main.aggregates l
                WHERE l.category = 'listing' AND l.stream_id = ANY (ARRAY(SELECT main.listings_of(p.name))))
        FROM unnest(\(ids), \(ids.map { TypeID(prefix: "item", uuid: $0).description })) p (id, name)
        JOIN main.aggregates i ON i.category = 'item' AND i.stream_id = p.id
        """
    }

    static func record(_ row: Row) throws -> ItemWithListings {
        ItemWithListings(
            item: try ItemRecord(stored: row.bytes(0) ?? []), listings: try ItemListings(stored: row.bytes(1) ?? []))
    }
}

extension ItemWithListings: OperationalRecord {
    var id: UUID { item.id }
    var version: Int64 { item.version }

    func isFound(by search: SearchText.Search) -> Bool { search.finds(item) }

    func isVisible(_ visibility: Visibility) -> Bool {
        !item.isDeleted && ItemDocument.isVisible(item, listings, to: visibility.audience)
    }

    func document(_ visibility: Visibility) -> [UInt8]? {
        ItemDocument.bytes(item, listings, for: visibility.audience)
    }
}
