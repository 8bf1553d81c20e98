package import EventSourcing
package import Foundation
import Postgres

/// A row that is not what it should be.
package struct RowDifference: Equatable, Sendable {
    package enum Kind: String, Sendable {
        /// It should be there.
        case missing
        /// It should not be there.
        case extra
        case different
    }

    /// Of the row's group: the tenant, and the item's UUID.
    package var tenant: TenantID
    package var group: UUID
    package var row: UUID
    package var kind: Kind
    /// The columns with other values; empty unless `different`.
    package var columns: [String]
}

/// Holds the rows of a generation against those that should be there.
struct RowComparison<P: Projection>: Sendable {
    private let text: String

    /// The longest the statement may take; a page of rows takes milliseconds.
    private static var deadline: Duration { .seconds(30) }

    init(shard: Shard, table: String) {
        text = Self.text(table: shard.table(table))
    }

    /// Compares every row of these groups, by one statement; any role that may read the table can.
    ///
    /// - Parameter wanted: all rows that the groups should have.
    func differences(
        _ keys: [GroupKey], _ wanted: [P.Output], on connection: PostgresConnection
    ) async throws(PostgresError) -> [RowDifference] {
        guard !keys.isEmpty else { return [] }
        let values: [any PostgresEncodable] = [keys.map(\.tenant.uuid), keys.map(\.id)]
        let rows = try await connection.query(
            SQL(text, values + P.columns.map { $0.values(wanted) }), deadline: Self.deadline)
        var differences: [RowDifference] = []
        for row in rows {
            guard let kind = row[3].flatMap(RowDifference.Kind.init(rawValue:)) else {
                throw PostgresError(.decoding, "a row is missing, extra or different")
            }
            differences.append(
                RowDifference(
                    tenant: TenantID(try row.decode(0, as: UUID.self)), group: try row.decode(1),
                    row: try row.decode(2), kind: kind, columns: try row.decode(4)))
        }
        return differences
    }

    /// Each column is compared, as text, with what the expression that writes it gives for the value: types without
    /// equality, json among them, need no case of their own. A row that has strayed to another group is found by its id.
    private static func text(table: String) -> String {
        let names = P.columns.map(\.name)
        let arrays = P.columns.enumerated().map { "$\($0.offset + 3)::\($0.element.type)[]" }
        let texts = P.columns.map { "(\($0.expression ?? "r.\($0.name)"))::text AS \($0.name)_text" }
        let compared = names.map { "CASE WHEN w.\($0)_text IS DISTINCT FROM t.\($0)::text THEN '\($0)' END" }
        return """
            WITH wanted AS (
                SELECT r.tenant_id, r.id, r.\(P.groupColumn) AS group_id, \(texts.joined(separator: ", "))
                FROM unnest(\(arrays.joined(separator: ", "))) AS r (\(names.joined(separator: ", ")))
            ), here AS (
                SELECT t.tenant_id, t.id FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant, id)
                JOIN \(table) t ON t.tenant_id = k.tenant AND t.\(P.groupColumn) = k.id
                UNION
                SELECT w.tenant_id, w.id FROM wanted w
            )
            SELECT h.tenant_id, coalesce(w.group_id, t.\(P.groupColumn)), h.id,
                   CASE WHEN t.id IS NULL THEN 'missing' WHEN w.id IS NULL THEN 'extra' ELSE 'different' END,
                   CASE WHEN t.id IS NULL OR w.id IS NULL THEN '{}' ELSE d.columns END
            FROM here h
            LEFT JOIN wanted w ON w.tenant_id = h.tenant_id AND w.id = h.id
            LEFT JOIN \(table) t ON t.tenant_id = h.tenant_id AND t.id = h.id
            CROSS JOIN LATERAL (SELECT array_remove(ARRAY[\(compared.joined(separator: ", "))], NULL) AS columns) d
            WHERE t.id IS NULL OR w.id IS NULL OR d.columns <> '{}'
            ORDER BY h.tenant_id, h.id
            """
    }
}
