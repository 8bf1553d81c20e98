import EventSourcing
import Foundation

/// Which rows a transaction has changed, for caches: a tenant and an identifier for each.
struct ChangedRows: Equatable {
    private(set) var tenants: [UUID] = []
    /// nil: any of the tenant's.
    private(set) var ids: [UUID?] = []

    /// More rows than these are not named one by one.
    static let most = 200

    init(_ rows: [some ProjectedRow]) {
        guard rows.count > Self.most else {
            tenants = rows.map(\.tenant.uuid)
            ids = rows.map(\.id)
            return
        }
        tenants = Array(Set(rows.map(\.tenant.uuid)))
        ids = tenants.map { _ in nil }
    }

    init(_ ids: [UUID], of tenant: TenantID) {
        tenants = ids.map { _ in tenant.uuid }
        self.ids = ids
    }
}
