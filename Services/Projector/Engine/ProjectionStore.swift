import EventSourcing
import Foundation
import Postgres

/// The table of one generation, as its leader reads and writes it: on the connection that holds the leadership.
struct ProjectionStore<P: Projection>: Sendable {
    let shard: Shard
    let generation: GenerationID
    let connection: PostgresConnection
    private let loadText: String
    private let passText: String
    private let writeText: String
    private let writeAndParkText: String
    private let putText: String

    /// The longest a statement may take; a batch takes milliseconds.
    static var deadline: Duration { .seconds(30) }

    init(shard: Shard, generation: GenerationID, table: String, connection: PostgresConnection) {
        self.shard = shard
        self.generation = generation
        self.connection = connection
        loadText = Self.loadText(shard.table(table))
        passText = Self.passText(shard)
        writeText = Self.writeText(shard, table: shard.table(table), parks: false)
        writeAndParkText = Self.writeText(shard, table: shard.table(table), parks: true)
        putText = Self.putText(table: shard.table(table))
    }

    /// The position of the newest checkpoint, 0 before the first.
    func checkpoint() async throws -> Int64 {
        let rows = try await connection.query(
            SQL(
                """
                SELECT coalesce(max(position), 0) FROM \(shard.table("checkpoints"))
                WHERE projection = $1 AND generation = $2::int
                """, [generation.projection, Int32(generation.number)]), deadline: Self.deadline)
        return try rows.first?.decode(0, as: Int64.self) ?? 0
    }

    /// The groups as they are in the table; those without rows are left out. Read on another connection, so that a
    /// batch can be loaded while the one before it is being written.
    ///
    /// - Throws: `BatchFailure.poisoned` where a row is not what a fold has written.
    func load(_ keys: [GroupKey], on reader: LogReader) async throws -> [GroupKey: P.Group] {
        guard !keys.isEmpty else { return [:] }
        let rows = try await reader.query(SQL(loadText, [keys.map(\.tenant.uuid), keys.map(\.id)]))
        var groups: [GroupKey: P.Group] = [:]
        for row in rows {
            let tenant = TenantID(try row.decode(P.memory.count, as: UUID.self))
            let key = GroupKey(tenant: tenant, id: try row.decode(P.memory.count + 1, as: UUID.self))
            do { try P.restore(row, into: &groups[key, default: P.empty]) } catch {
                throw BatchFailure.poisoned("the group's row cannot be read: \(error)")
            }
        }
        return groups
    }

    /// Writes the rows, parks what is parked, moves the checkpoint from the batch's beginning to its end, and says
    /// which rows have changed: one statement, all or nothing.
    ///
    /// - Returns: false, and nothing is written, when the checkpoint is no longer where the batch begins: somebody
    ///   else leads. (Where both write at the same time, the constraint `checkpoints_previous` throws instead.)
    func write(_ rows: [P.Output], parked: [ParkedEvent] = [], batch: EventBatch) async throws -> Bool {
        let isPassing = rows.isEmpty && parked.isEmpty
        var values: [any PostgresEncodable] = [
            generation.projection, Int32(generation.number), batch.previous, batch.last,
            PostgresTimestamp(batch.tailedAt),
        ]
        if !isPassing {
            let changed = ChangedRows(rows)
            values += [changed.tenants, changed.ids]
            values += P.columns.map { $0.values(rows) }
        }
        if !parked.isEmpty { values += Self.values(parked) }
        let text = isPassing ? passText : parked.isEmpty ? writeText : writeAndParkText
        // Not cancelled with the task: a batch that was sent is finished.
        let result = try await connection.query(SQL(text, values), deadline: Self.deadline, cancellable: false)
        return try result.first?.decode(0, as: Int64.self) == 1
    }

    /// A transaction of the leader at the checkpoint as it stands, between two batches.
    ///
    /// - Throws: `BatchFailure.fenced`, and nothing is done, where somebody else leads or the checkpoint is elsewhere.
    func transaction<Value: Sendable>(
        at position: Int64, _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        try await connection.transaction { connection in
            // The session that leads holds this lock already; whoever else asks for it is refused.
            let lock = shard.leadershipLock(generation)
            let rows = try await connection.query(
                "SELECT pg_try_advisory_xact_lock(hashtextextended(\(lock), 0))", deadline: Self.deadline,
                cancellable: false)
            guard try rows.first?.decode(0, as: Bool.self) == true, try await checkpoint() == position else {
                throw BatchFailure.fenced
            }
            return try await body(connection)
        }
    }

    /// Puts rows in their places at a checkpoint that stands still, and says that they have changed: a part of
    /// `transaction(at:)`.
    func put(_ rows: [P.Output], at position: Int64) async throws {
        guard !rows.isEmpty else { return }
        try await connection.execute(
            [SQL(putText, P.columns.map { $0.values(rows) }), changed(ChangedRows(rows), at: position)],
            deadline: Self.deadline, cancellable: false)
    }

    /// Says that rows have changed after the checkpoint was passed.
    func changed(_ rows: ChangedRows, at position: Int64) -> SQL {
        SQL(
            """
            INSERT INTO \(shard.table("changes")) (projection, generation, position, tenants, ids)
            VALUES ($1, $2::int, $3, $4, $5)
            """, [generation.projection, Int32(generation.number), position, rows.tenants, rows.ids])
    }

    private static func loadText(_ table: String) -> String {
        """
        SELECT \(P.memory.map { "t.\($0)" }.joined(separator: ", ")), t.tenant_id, t.\(P.groupColumn)
        FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant, id)
        JOIN \(table) t ON t.tenant_id = k.tenant AND t.\(P.groupColumn) = k.id
        """
    }

    /// The rows in arrays, put where they belong.
    ///
    /// - Parameters:
    ///   - first: the number of the first array.
    ///   - source: what else is in the FROM clause.
    private static func putText(table: String, first: Int = 1, from source: String = "") -> String {
        let names = P.columns.map(\.name)
        let arrays = P.columns.enumerated().map { "$\($0.offset + first)::\($0.element.type)[]" }
        let updates = names.filter { $0 != "tenant_id" && $0 != "id" }.map { "\($0) = excluded.\($0)" }
        return """
            INSERT INTO \(table) (\(names.joined(separator: ", ")))
            SELECT \(P.columns.map { $0.expression ?? "r.\($0.name)" }.joined(separator: ", "))
            FROM \(source)unnest(\(arrays.joined(separator: ", "))) AS r (\(names.joined(separator: ", ")))
            ON CONFLICT (tenant_id, id) DO UPDATE SET \(updates.joined(separator: ", "))
            """
    }

    /// Moves the checkpoint alone, and need not be on disk: lost in a crash, the events are looked at once more, and what
    /// was read at the later checkpoint stays right, because they change no row.
    private static func passText(_ shard: Shard) -> String {
        """
        WITH moved AS (\(moveText(shard)))
        SELECT count(*), set_config('synchronous_commit', 'off', true) FROM moved
        """
    }

    private static func moveText(_ shard: Shard) -> String {
        """
        INSERT INTO \(shard.table("checkpoints")) (projection, generation, previous, position, tailed_at)
        SELECT $1, $2::int, $3, $4, $5
        WHERE $3 = (
            SELECT coalesce(max(position), 0) FROM \(shard.table("checkpoints"))
            WHERE projection = $1 AND generation = $2::int
        )
        RETURNING position
        """
    }

    private static func writeText(_ shard: Shard, table: String, parks: Bool) -> String {
        let park = ", parked AS (\(parkText(shard, first: P.columns.count + 8, from: "moved, ")))"
        return """
            WITH moved AS (
                \(moveText(shard))
            ), changed AS (
                INSERT INTO \(shard.table("changes")) (projection, generation, position, tenants, ids)
                SELECT $1, $2::int, moved.position, $6::uuid[], $7::uuid[] FROM moved
                WHERE cardinality($6::uuid[]) > 0
            ), written AS (
                \(putText(table: table, first: 8, from: "moved, "))
            )\(parks ? park : "")
            SELECT count(*) FROM moved
            """
    }
}
