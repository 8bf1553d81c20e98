import Documents
import Postgres

enum Items {
    static let resource = Resource(
        name: ReadResource.items.rawValue, prefix: "item", projection: .items,
        visible: { visibility in
            switch visibility {
            case .full: "t.status <> 'deleted'"
            case .storefront: "t.public_document IS NOT NULL"
            }
        }, switching: .init(resource: .items, table: ItemTable.self), isKept: true,
        csv: ["id", "version", "status"] + fields + facts + ["created_at", "updated_at"])

    /// What items and listings show of an item.
    static let fields = [
        "title", "description", "brand", "category", "condition", "size", "color", "material", "sku", "photos",
        "attributes",
    ]

    /// What items show to members beside them.
    static let facts = ["custody", "location_id", "title_holder", "allocation", "consignor_id"]

    /// Newest first.
    static let newest = ListSort(name: "-created_at", column: "created_at", isDescending: true, kind: .time)
    static let sorts = [newest]
}
