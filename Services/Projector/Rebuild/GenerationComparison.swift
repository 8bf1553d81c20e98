import EventSourcing
import Foundation
import Postgres

/// Holds the rows of two generations of a projection against each other, a stretch of a table at a time.
///
/// Tables are gone through as they lie on disk: by their keys each row would be in another block, and a table that does not
/// fit into memory be read many times. The rows of the new one are looked up in the old one, whose rows lie about as they
/// do; then the old one's are looked for in the new one.
///
/// Each stretch is one statement, and so one snapshot: a row is compared where both generations have come as far as it
/// says, whatever is being written meanwhile. One that an event changes while the tables are gone through may be met twice,
/// or not at all.
struct GenerationComparison<P: Projection>: Sendable {
    /// Blocks of one of the tables.
    struct Stretch: Sendable {
        fileprivate enum Side { case new, old }

        fileprivate var side: Side
        fileprivate var first: Int64
        /// nil: to the end, wherever that is by then.
        fileprivate var next: Int64?
    }

    struct Page: Sendable {
        var differences: [Difference] = []
        /// That are gone through: of the new generation, and of the old one those that are not in the new one.
        var rows = 0
        var compared = 0
        /// How long it took.
        var work = Duration.zero
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

    private let tables: (old: String, new: String)
    private let texts: (old: String, new: String)
    private let old: GenerationID
    private let new: GenerationID

    /// The longest the statement may take; a stretch takes milliseconds.
    private static var deadline: Duration { .seconds(60) }

    init(shard: Shard, old: CensusEntry, new: CensusEntry) {
        self.old = old.generation
        self.new = new.generation
        tables = (old: shard.table(old.table), new: shard.table(new.table))
        let seen = Self.seen(shard)
        texts = (old: Self.oldText(seen, tables), new: Self.newText(seen, tables))
    }

    /// How many rows the new generation has, as its last ANALYZE has found, and both tables in stretches.
    ///
    /// - Parameter count: about how many rows a stretch has.
    func stretches(
        of count: Int, on connection: PostgresConnection
    ) async throws(PostgresError) -> (rows: Int, stretches: [Stretch]) {
        var stretches: [Stretch] = []
        var rows = 0
        for (side, table) in [(Stretch.Side.new, tables.new), (.old, tables.old)] {
            let sizes = try await connection.query(
                """
                SELECT greatest(c.reltuples, 0)::int8,
                       pg_relation_size(c.oid) / current_setting('block_size')::int8
                FROM pg_class c WHERE c.oid = \(table)::regclass
                """)
            guard let size = sizes.first else { continue }
            let (tuples, blocks) = (try size.decode(0, as: Int64.self), try size.decode(1, as: Int64.self))
            if side == .new { rows = Int(tuples) }
            // Of a table that was never analyzed a block has one row, for all that is known.
            let width = max(1, Int64(count) * blocks / max(tuples, blocks, 1))
            for first in stride(from: 0, through: blocks, by: Int(width)) {
                stretches.append(Stretch(side: side, first: first, next: first + width))
            }
            stretches[stretches.count - 1].next = nil
        }
        return (rows, stretches)
    }

    /// The rows of one stretch.
    func page(_ stretch: Stretch, on connection: PostgresConnection) async throws(PostgresError) -> Page {
        let clock = ContinuousClock()
        let started = clock.now
        let rows = try await connection.query(
            SQL(
                stretch.side == .new ? texts.new : texts.old,
                [
                    old.projection, Int32(clamping: old.number), Int32(clamping: new.number), "(\(stretch.first),0)",
                    // No block has this number.
                    "(\(stretch.next ?? Int64(UInt32.max)),0)",
                ]), deadline: Self.deadline)
        var page = Page()
        page.work = clock.now - started
        for row in rows {
            guard let kind = row[0].flatMap(Difference.Kind.init(rawValue:)) else {
                // The last one counts.
                page.rows += try row.decode(5, as: Int.self)
                page.compared += try row.decode(6, as: Int.self)
                continue
            }
            let tenant = try row.decode(1, as: UUID.self)
            page.differences.append(
                Difference(
                    group: GroupKey(tenant: TenantID(tenant), id: try row.decode(3)), row: try row.decode(2),
                    kind: kind, columns: try row.decode(4)))
        }
        return page
    }

    // MARK: Statements

    /// How far both generations have come.
    private static func seen(_ shard: Shard) -> String {
        let position = { (generation: String) in
            """
            coalesce((SELECT max(c.position) FROM \(shard.table("checkpoints")) c
                      WHERE c.projection = $1 AND c.generation = \(generation)::int), 0)
            """
        }
        return "seen AS MATERIALIZED (SELECT least(\(position("$2")), \(position("$3"))) AS position)"
    }

    /// The rows that differ, and one that counts all.
    private static func answer(_ met: String, seen: String) -> String {
        """
        WITH \(seen), met AS MATERIALIZED (\(met))
        SELECT m.outcome, m.tenant_id, m.id, m.group_id, m.columns, NULL::int8, NULL::int8
        FROM met m WHERE m.outcome NOT IN ('same', 'ahead')
        UNION ALL
        SELECT NULL, NULL, NULL, NULL, NULL, count(*), count(*) FILTER (WHERE m.outcome <> 'ahead') FROM met m
        """
    }

    /// What is stored by an expression is compared as text: json has no equality.
    private static func newText(_ seen: String, _ tables: (old: String, new: String)) -> String {
        let compared = P.columns.map { column in
            let cast = column.expression == nil ? "" : "::text"
            let name = column.name
            return "CASE WHEN o.\(name)\(cast) IS DISTINCT FROM n.\(name)\(cast) THEN '\(name)' END"
        }
        return answer(
            """
            SELECT n.tenant_id, n.id, n.\(P.groupColumn) AS group_id,
                   CASE WHEN greatest(o.position, n.position) > seen.position THEN 'ahead'
                        WHEN o.id IS NULL THEN 'added'
                        WHEN d.columns <> '{}' THEN 'different'
                        ELSE 'same' END AS outcome,
                   CASE WHEN o.id IS NULL THEN '{}' ELSE d.columns END AS columns
            FROM seen CROSS JOIN \(tables.new) n
            LEFT JOIN \(tables.old) o ON o.tenant_id = n.tenant_id AND o.id = n.id
            CROSS JOIN LATERAL (SELECT array_remove(ARRAY[\(compared.joined(separator: ", "))], NULL) AS columns) d
            WHERE n.ctid >= $4::tid AND n.ctid < $5::tid
            """, seen: seen)
    }

    private static func oldText(_ seen: String, _ tables: (old: String, new: String)) -> String {
        answer(
            """
            SELECT o.tenant_id, o.id, o.\(P.groupColumn) AS group_id,
                   CASE WHEN o.position > seen.position THEN 'ahead' ELSE 'removed' END AS outcome,
                   '{}'::text[] AS columns
            FROM seen CROSS JOIN \(tables.old) o
            WHERE o.ctid >= $4::tid AND o.ctid < $5::tid
              AND NOT EXISTS (SELECT FROM \(tables.new) n WHERE n.tenant_id = o.tenant_id AND n.id = o.id)
            """, seen: seen)
    }
}
