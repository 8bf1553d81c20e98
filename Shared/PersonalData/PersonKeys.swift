import EventSourcing
import Foundation
public import Postgres

/// The data keys of persons, as they lie wrapped in `main.person_keys`. Row-level security keeps each read and write to
/// the tenant.
public struct PersonKeys: Sendable {
    private let pool: PostgresPool
    private let masters: MasterKeys

    public init(pool: PostgresPool, masters: MasterKeys) {
        self.pool = pool
        self.masters = masters
    }

    /// nil: there is none, or none any more.
    public func find(_ owner: KeyOwner) async throws -> DataKey? {
        let rows = try await pool.query(Self.statement(owner), tenant: owner.tenant.uuid)
        guard let row = rows.first else { return nil }
        return try unwrap(row, from: 0, owner)
    }

    /// Makes the key where there is none. It is there before anything that it seals is: one that nothing was sealed with
    /// in the end is harmless, and is swept.
    public func obtain(_ owner: KeyOwner) async throws -> DataKey {
        if let known = try await find(owner) { return known }
        let wrapped = try masters.wrap(.generate(for: owner))
        // Of two that make it at once, both get the first one's.
        let results = try await pool.execute(
            [
                """
                INSERT INTO main.person_keys (tenant_id, person_id, scope, master, wrapped)
                VALUES (\(owner.tenant.uuid), \(owner.person), \(owner.scope.rawValue), \(wrapped.master),
                        \(PostgresBytes(wrapped.bytes)))
                ON CONFLICT (tenant_id, person_id, scope) DO NOTHING
                """, Self.statement(owner),
            ], tenant: owner.tenant.uuid)
        guard let row = results.last?.first, let key = try unwrap(row, from: 0, owner) else {
            throw PersonalDataError.damaged(field: "key")
        }
        return key
    }

    /// The key of a row that has its master's name and its wrapped form; nil where it has none.
    public func unwrap(_ row: Row, from column: Int, _ owner: KeyOwner) throws -> DataKey? {
        guard let master = try row.decode(column, as: String?.self),
            let bytes = try row.decode(column + 1, as: PostgresBytes?.self)
        else { return nil }
        return try masters.unwrap(WrappedKey(owner: owner, master: master, bytes: bytes.bytes))
    }

    private static func statement(_ owner: KeyOwner) -> SQL {
        """
        SELECT master, wrapped FROM main.person_keys
        WHERE tenant_id = \(owner.tenant.uuid) AND person_id = \(owner.person) AND scope = \(owner.scope.rawValue)
        """
    }
}
