import Documents
import Postgres

enum Items {
    static let resource = Resource(name: "items", prefix: "item", projection: .items) { visibility in
        switch visibility {
        case .full: "t.status <> 'deleted'"
        case .storefront: "t.public_document IS NOT NULL"
        }
    }

    /// Newest first.
    static let newest = ListSort(name: "-created_at", column: "created_at", isDescending: true, kind: .time)
    static let sorts = [newest]
}
