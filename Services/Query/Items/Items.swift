import Documents
import Postgres

enum Items {
    static let resource = Resource(
        name: .items, prefix: "item", projection: .items,
        visible: { visibility in
            switch visibility {
            case .full: "t.status <> 'deleted'"
            case .storefront: "t.public_document IS NOT NULL"
            }
        }, table: ItemTable.self)

    /// Newest first.
    static let newest = ListSort(name: "-created_at", column: "created_at", isDescending: true, kind: .time)
    static let sorts = [newest]
}
