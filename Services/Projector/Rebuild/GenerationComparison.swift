import EventSourcing
import Foundation
import Postgres

/// Holds the rows of two generations of a projection against each other, a page of keys at a time.
///
/// Each page is one statement, and so one snapshot: a row is compared where both generations have come as far as it
/// says, whatever is being written meanwhile.
struct GenerationComparison<P: Projection>: Sendable {
    struct Page: Sendable {
        var differences: [Difference] = []
        var rows = 0
        var compared = 0
        /// The last row's key; nil where there was none.
        var last: RowKey?
    }

    struct RowKey: Sendable {
        var tenant: UUID
        var id: UUID
    }

    struct Difference: Sendable {
        enum Kind: String, Sendable {
            /// In both, with other values.
            case different
            /// In the new one alone.
            case added
            /// In the old one alone.
            case removed
        }

        var group: GroupKey
        var row: UUID
        var kind: Kind
        /// Those with other values.
        var columns: [String]
    }

    private let firstText: String
    private let text: String
    private let old: GenerationID
    private let new: GenerationID

    /// The longest the statement may take; a page takes milliseconds.
    private static var deadline: Duration { .seconds(60) }

    init(shard: Shard, old: CensusEntry, new: CensusEntry) {
        self.old = old.generation
        self.new = new.generation
        let tables = (old: shard.table(old.table), new: shard.table(new.table))
        firstText = Self.text(shard, tables, where: "")
        text = Self.text(shard, tables, where: "WHERE (t.tenant_id, t.id) > ($5, $6)")
    }

    /// The rows after `key`, of both generations together.
    func page(
        after key: RowKey?, limit: Int, on connection: PostgresConnection
    ) async throws(PostgresError) -> Page {
        var values: [any PostgresEncodable] = [
            limit, old.projection, Int32(clamping: old.number), Int32(clamping: new.number),
        ]
        if let key { values += [key.tenant, key.id] }
        let rows = try await connection.query(
            SQL(key == nil ? firstText : text, values), deadline: Self.deadline)
        var page = Page()
        for row in rows {
            page.rows += 1
            let (tenant, id) = (try row.decode(0, as: UUID.self), try row.decode(1, as: UUID.self))
            page.last = RowKey(tenant: tenant, id: id)
            let outcome = row[3] ?? ""
            if outcome != "ahead" { page.compared += 1 }
            guard let kind = Difference.Kind(rawValue: outcome) else { continue }
            page.differences.append(
                Difference(
                    group: GroupKey(tenant: TenantID(tenant), id: try row.decode(2)), row: id, kind: kind,
                    columns: try row.decode(4)))
        }
        return page
    }

    /// What is stored by an expression is compared as text: json has no equality.
    private static func text(
        _ shard: Shard, _ tables: (old: String, new: String), where condition: String
    ) -> String {
        let compared = P.columns.map { column in
            let cast = column.expression == nil ? "" : "::text"
            let name = column.name
            return "CASE WHEN o.\(name)\(cast) IS DISTINCT FROM n.\(name)\(cast) THEN '\(name)' END"
        }
        let position = { (generation: String) in
            """
            coalesce((SELECT max(c.position) FROM \(shard.table("checkpoints")) c
                      WHERE c.projection = $2 AND c.generation = \(generation)::int), 0)
            """
        }
        let keys = { (table: String) in
            "(SELECT t.tenant_id, t.id FROM \(table) t \(condition) ORDER BY t.tenant_id, t.id LIMIT $1)"
        }
        return """
            WITH seen AS MATERIALIZED (
                SELECT least(\(position("$3")), \(position("$4"))) AS position
            ), keys AS MATERIALIZED (
                SELECT k.tenant_id, k.id FROM (\(keys(tables.old)) UNION \(keys(tables.new))) k
                ORDER BY k.tenant_id, k.id LIMIT $1
            )
            SELECT k.tenant_id, k.id, coalesce(n.\(P.groupColumn), o.\(P.groupColumn)),
                   CASE WHEN greatest(o.position, n.position) > seen.position THEN 'ahead'
                        WHEN o.id IS NULL THEN 'added'
                        WHEN n.id IS NULL THEN 'removed'
                        WHEN d.columns <> '{}' THEN 'different'
                        ELSE 'same' END,
                   CASE WHEN o.id IS NULL OR n.id IS NULL THEN '{}' ELSE d.columns END
            FROM seen CROSS JOIN keys k
            LEFT JOIN \(tables.old) o ON o.tenant_id = k.tenant_id AND o.id = k.id
            LEFT JOIN \(tables.new) n ON n.tenant_id = k.tenant_id AND n.id = k.id
            CROSS JOIN LATERAL (SELECT array_remove(ARRAY[\(compared.joined(separator: ", "))], NULL) AS columns) d
            ORDER BY k.tenant_id, k.id
            """
    }
}
