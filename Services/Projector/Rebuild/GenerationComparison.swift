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
        /// How long it took.
        var work = Duration.zero
    }

    struct RowKey: Sendable {
        var tenant: UUID
        var id: UUID

        /// No row has these: both are of no UUID version.
        static var least: RowKey { RowKey(tenant: UUID(bits: 0), id: UUID(bits: 0)) }
        static var greatest: RowKey { RowKey(tenant: UUID(bits: .max), id: UUID(bits: .max)) }
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

    private let text: String
    private let keyText: String
    private let old: GenerationID
    private let new: GenerationID

    /// The longest the statement may take; a page takes milliseconds.
    private static var deadline: Duration { .seconds(60) }

    init(shard: Shard, old: CensusEntry, new: CensusEntry) {
        self.old = old.generation
        self.new = new.generation
        let tables = (old: shard.table(old.table), new: shard.table(new.table))
        text = Self.text(shard, tables)
        keyText = "SELECT tenant_id, id FROM \(tables.new) ORDER BY tenant_id, id OFFSET $1 LIMIT 1"
    }

    /// The key of the new generation's row at this place; nil where there are fewer.
    func key(_ place: Int, on connection: PostgresConnection) async throws(PostgresError) -> RowKey? {
        let rows = try await connection.query(SQL(keyText, [place]))
        guard let row = rows.first else { return nil }
        return RowKey(tenant: try row.decode(0), id: try row.decode(1))
    }

    /// The rows after a key, or from the first on, through another, or to the last one, of both generations together.
    func page(
        after key: RowKey?, through last: RowKey?, limit: Int, on connection: PostgresConnection
    ) async throws(PostgresError) -> Page {
        let clock = ContinuousClock()
        let started = clock.now
        let (first, last) = (key ?? RowKey.least, last ?? RowKey.greatest)
        let rows = try await connection.query(
            SQL(
                text,
                [
                    limit, old.projection, Int32(clamping: old.number), Int32(clamping: new.number), first.tenant,
                    first.id, last.tenant, last.id,
                ]), deadline: Self.deadline)
        var page = Page()
        page.work = clock.now - started
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
        _ shard: Shard, _ tables: (old: String, new: String)
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
            """
            (SELECT t.tenant_id, t.id FROM \(table) t
             WHERE (t.tenant_id, t.id) > ($5, $6) AND (t.tenant_id, t.id) <= ($7, $8)
             ORDER BY t.tenant_id, t.id LIMIT $1)
            """
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
