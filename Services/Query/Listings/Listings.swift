import Documents
import Postgres

enum Listings {
    static let resource = Resource(
        name: ReadResource.listings.rawValue, prefix: "listing", projection: .listings,
        visible: { visibility in
            switch visibility {
            case .full: "true"
            // The status is what the indexes know, the document is what decides.
            case .storefront: "t.status = 'published' AND t.public_document IS NOT NULL"
            }
        }, switching: .init(resource: .listings, table: ListingTable.self), isKept: true,
        csv: ["id", "version", "status", "item_id", "channel", "price.amount", "price.currency"] + Items.fields + [
            "lowest_price_30d.amount", "published_at", "ended_at", "end_reason", "sold_price.amount", "created_at",
            "updated_at",
        ])

    static let newest = ListSort(name: "-created_at", column: "created_at", isDescending: true, kind: .time)
    /// The last first published first; before them what has never been, the newest first.
    static let latest = ListSort(name: "-published_at", column: "published_at", isDescending: true, kind: .time)
    static let cheapest = ListSort(name: "price", column: "price", isDescending: false, kind: .integer)
    static let dearest = ListSort(name: "-price", column: "price", isDescending: true, kind: .integer)
    static let sorts = [newest, latest, cheapest, dearest]

    static func defaultSort(_ visibility: Visibility) -> ListSort {
        visibility == .storefront ? latest : newest
    }

    /// Every listing has one of these statuses, and the indexes by price and by publication begin with it.
    static func partitions(sort: ListSort, isStatusGiven: Bool) -> [SQL] {
        guard sort != newest, !isStatusGiven else { return [] }
        return ListingStatus.allCases.map { "t.status = \(unescaped: "'\($0.rawValue)'")" }
    }
}
