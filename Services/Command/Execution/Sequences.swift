import EventSourcing
import Foundation
import Postgres

/// Numbers that a tenant gives once, under a name. Reserved numbers that are not used are gaps.
struct Sequences: Sendable {
    let pool: PostgresPool

    /// The first of `count` numbers that nobody else gets, from 1 on.
    func reserve(_ count: Int64, of name: String, tenant: TenantID) async throws -> Int64 {
        let rows = try await pool.query(
            "SELECT main.reserve_sequence(\(tenant.uuid), \(name), \(count))", tenant: tenant.uuid)
        guard let row = rows.first else { throw ExecutionFailure.conflict }
        return try row.decode(0, as: Int64.self)
    }
}
