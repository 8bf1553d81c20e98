import EventSourcing
import Foundation
import Postgres

/// A rebuild as the database knows it, on the connection that holds its lock: what is written here is written by the
/// one process that works on it.
struct RebuildStore: Sendable {
    let shard: Shard
    let connection: PostgresConnection

    /// The longest a statement may take, save those that wait for an index or a table's statistics.
    private static let deadline: Duration = .seconds(30)

    /// The most events, about, that are sorted and filled in one part: what a part costs in temporary files on the server,
    /// and how long its snapshot is kept.
    private static let eventsOfPart: Int64 = 8_000_000
    private static let mostParts: Int64 = 1000

    // MARK: Rebuilds

    private static let columns = """
        rebuild_id, projection, status, share::float8, batch, workers, fold_version, coalesce(generation, 0), \
        coalesce(target, 0), cancelled_by IS NOT NULL
        """

    /// The open rebuild of a projection.
    static func open(_ projection: String, _ shard: Shard) -> SQL {
        """
        SELECT \(unescaped: columns) FROM \(unescaped: shard.table("rebuilds"))
        WHERE projection = \(projection) AND ended_at IS NULL
        """
    }

    static func rebuild(_ row: Row) throws(PostgresError) -> Rebuild {
        guard let phase = row[2].flatMap(Rebuild.Phase.init(rawValue:)) else {
            throw PostgresError(.decoding, "a rebuild has a status that this program does not know")
        }
        let share = try row.decode(3, as: Double.self)
        // More of them would work at the same moment and rest at the same moment, and readers would feel it.
        let most = max(1, Int(share.rounded(.up)))
        return Rebuild(
            id: try row.decode(0, as: UUID.self), projection: try row.decode(1), phase: phase, share: share,
            batch: try row.decode(4), workers: min(try row.decode(5), most),
            foldVersion: try row.decode(6), generation: try row.decode(7), target: try row.decode(8),
            isCancelled: try row.decode(9))
    }

    /// Becomes the one process that works on rebuilds of the projection, for as long as the connection lasts.
    func lock(_ projection: String) async throws(PostgresError) -> Bool {
        let lock = shard.rebuildLock(projection)
        let rows = try await connection.query(
            "SELECT pg_try_advisory_lock(hashtextextended(\(lock), 0))", deadline: Self.deadline)
        return try rows.first?.decode(0, as: Bool.self) ?? false
    }

    func reload(_ rebuild: Rebuild) async throws -> Rebuild {
        let rows = try await connection.query(
            """
            SELECT \(unescaped: Self.columns) FROM \(unescaped: shard.table("rebuilds"))
            WHERE rebuild_id = \(rebuild.id)
            """, deadline: Self.deadline, cancellable: false)
        guard let row = rows.first else { throw RebuildEnd.superseded }
        return try Self.rebuild(row)
    }

    /// Makes the generation, and divides the keys: all or nothing.
    func begin(_ rebuild: Rebuild, foldVersion: Int, of source: GroupSource) async throws {
        try await connection.transaction { connection in
            let head = try await connection.query(
                "SELECT coalesce(max(position), 0) FROM \(unescaped: shard.table("events"))", deadline: Self.deadline)
            let target = try head.first?.decode(0, as: Int64.self) ?? 0
            // Each worker has as many: the log is read anew for each part, and nobody waits for another's last one.
            let workers = Int64(rebuild.workers)
            let rounds = target / (Self.eventsOfPart * workers) + 1
            let parts = Int(min(Self.mostParts, workers * rounds))
            let splits = try await GroupedLog.splits(
                parts, of: source, shard: shard, connection: connection, through: target)
            let made = try await connection.query(
                """
                SELECT \(unescaped: shard.table("begin_generation"))(\(rebuild.projection), \(Int32(clamping: foldVersion)))
                """, deadline: Self.deadline)
            let generation = try made.first?.decode(0, as: Int32.self) ?? 0
            try await advance(
                rebuild, from: .requested, to: .filling,
                setting: """
                    , generation = \(generation), target = \(target), fold_version = \(Int32(clamping: foldVersion)), \
                    started_at = clock_timestamp()
                    """)
            let numbers = (0...splits.count).map { Int32($0) }
            _ = try await connection.query(
                """
                INSERT INTO \(unescaped: shard.table("rebuild_parts")) (rebuild_id, part, low, high)
                SELECT \(rebuild.id), p.part, p.low, p.high
                FROM unnest(\(numbers), \([nil] + splits), \(splits + [nil])) AS p (part, low, high)
                """, deadline: Self.deadline)
        }
    }

    /// From one phase to the next.
    ///
    /// - Throws: `RebuildEnd.superseded` where it is in another.
    func advance(
        _ rebuild: Rebuild, from phase: Rebuild.Phase, to next: Rebuild.Phase, setting: SQL = ""
    ) async throws {
        let rows = try await connection.query(
            """
            UPDATE \(unescaped: shard.table("rebuilds")) SET status = \(next.rawValue)\(setting)
            WHERE rebuild_id = \(rebuild.id) AND status = \(phase.rawValue) AND ended_at IS NULL
            """, deadline: Self.deadline, cancellable: false)
        guard rows.affected == 1 else { throw RebuildEnd.superseded }
    }

    /// Ends it without its generation; whoever looks for generations to be dropped drops that.
    func end(_ rebuild: Rebuild, _ phase: Rebuild.Phase, detail: String?) async throws(PostgresError) {
        _ = try await connection.query(
            """
            UPDATE \(unescaped: shard.table("rebuilds"))
            SET status = \(phase.rawValue), detail = \(detail), ended_at = clock_timestamp()
            WHERE rebuild_id = \(rebuild.id) AND ended_at IS NULL
            """, deadline: Self.deadline, cancellable: false)
    }

    /// - Throws: `RebuildEnd` where somebody wants the rebuild to end, or it has ended.
    func check(_ rebuild: Rebuild) async throws {
        let rebuild = try await reload(rebuild)
        if rebuild.phase.hasEnded { throw RebuildEnd.superseded }
        if rebuild.isCancelled { throw RebuildEnd.cancelled }
    }

    // MARK: Filling

    /// The parts that are not full yet.
    func parts(_ rebuild: Rebuild) async throws(PostgresError) -> [RebuildPart] {
        let rows = try await connection.query(
            """
            SELECT part, low, high, after_tenant, after_key FROM \(unescaped: shard.table("rebuild_parts"))
            WHERE rebuild_id = \(rebuild.id) AND NOT is_done ORDER BY part
            """, deadline: Self.deadline)
        var parts: [RebuildPart] = []
        for row in rows {
            var part = RebuildPart(number: try row.decode(0), low: try row.decode(1), high: try row.decode(2))
            if let tenant = try row.decode(3, as: UUID?.self), let id = try row.decode(4, as: UUID?.self) {
                part.place = GroupKey(tenant: TenantID(tenant), id: id)
            }
            parts.append(part)
        }
        return parts
    }

    /// How many events and rows are in.
    func filled(_ rebuild: Rebuild) async throws(PostgresError) -> (events: Int64, rows: Int64) {
        let rows = try await connection.query(
            """
            SELECT coalesce(sum(events), 0)::bigint, coalesce(sum(rows), 0)::bigint
            FROM \(unescaped: shard.table("rebuild_parts")) WHERE rebuild_id = \(rebuild.id)
            """, deadline: Self.deadline, cancellable: false)
        guard let row = rows.first else { return (0, 0) }
        return (try row.decode(0), try row.decode(1))
    }

    /// The events that somebody decided to pass over.
    func skipped(_ projection: String) async throws(PostgresError) -> Set<Int64> {
        let rows = try await connection.query(
            "SELECT position FROM \(unescaped: shard.table("skipped")) WHERE projection = \(projection)",
            deadline: Self.deadline)
        var positions: Set<Int64> = []
        for row in rows { positions.insert(try row.decode(0)) }
        return positions
    }

    /// The table of the generation that is being filled.
    func table(of rebuild: Rebuild) async throws -> String {
        let rows = try await connection.query(
            """
            SELECT table_name FROM \(unescaped: shard.table("generations"))
            WHERE projection = \(rebuild.projection) AND generation = \(rebuild.generation)::int
            """, deadline: Self.deadline)
        guard let row = rows.first else { throw RebuildEnd.failed("its generation is gone") }
        return try row.decode(0)
    }

    // MARK: Comparing

    func position(_ generation: GenerationID) async throws(PostgresError) -> Int64 {
        let rows = try await connection.query(
            """
            SELECT coalesce(max(position), 0) FROM \(unescaped: shard.table("checkpoints"))
            WHERE projection = \(generation.projection) AND generation = \(Int32(clamping: generation.number))
            """, deadline: Self.deadline)
        return try rows.first?.decode(0, as: Int64.self) ?? 0
    }

    func note(_ counts: RebuildCounts, of total: Int, _ rebuild: Rebuild) async throws(PostgresError) {
        _ = try await connection.query(
            """
            UPDATE \(unescaped: shard.table("rebuilds"))
            SET rows_total = \(total), rows_compared = \(counts.compared), rows_different = \(counts.different),
                rows_added = \(counts.added), rows_removed = \(counts.removed)
            WHERE rebuild_id = \(rebuild.id) AND ended_at IS NULL
            """, deadline: Self.deadline)
    }

    // MARK: Going live

    func indexes(_ rebuild: Rebuild) async throws(PostgresError) -> Int {
        let rows = try await connection.query(
            "SELECT \(unescaped: shard.table("generation_indexes"))(\(rebuild.projection))", deadline: Self.deadline)
        return try rows.first?.decode(0, as: Int.self) ?? 0
    }

    /// All is in and indexed: from here on the generation tails the log.
    func complete(_ rebuild: Rebuild) async throws {
        try await connection.transaction { connection in
            _ = try await connection.query(
                """
                SELECT \(unescaped: shard.table("complete_generation"))(
                    \(rebuild.projection), \(Int32(clamping: rebuild.generation)), \(rebuild.target))
                """)
            try await advance(rebuild, from: .indexing, to: .catchingUp)
        }
    }

    /// - Returns: false, and nothing is changed, while the generation is behind the live one.
    func promote(_ rebuild: Rebuild) async throws -> Bool {
        try await connection.transaction { connection in
            let rows = try await connection.query(
                """
                SELECT \(unescaped: shard.table("promote_generation"))(projection, generation, grace)
                FROM \(unescaped: shard.table("rebuilds")) WHERE rebuild_id = \(rebuild.id)
                """, deadline: Self.deadline)
            guard try rows.first?.decode(0, as: Bool.self) == true else { return false }
            try await advance(rebuild, from: .comparing, to: .done, setting: ", ended_at = clock_timestamp()")
            return true
        }
    }
}
