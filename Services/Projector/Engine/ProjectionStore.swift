import EventSourcing
import Foundation
import Postgres

/// The table of one generation, as its leader reads and writes it: on the connection that holds the leadership.
struct ProjectionStore<P: Projection>: Sendable {
    private let shard: Shard
    private let generation: GenerationID
    private let connection: PostgresConnection
    private let loadText: String
    private let writeText: String

    /// The longest a statement may take; a batch takes milliseconds.
    private static var deadline: Duration { .seconds(30) }

    init(shard: Shard, generation: GenerationID, table: String, connection: PostgresConnection) {
        self.shard = shard
        self.generation = generation
        self.connection = connection
        loadText = Self.loadText(shard.table(table))
        writeText = Self.writeText(shard, table: shard.table(table))
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
    func load(_ keys: [GroupKey], on reader: LogReader) async throws -> [GroupKey: P.Group] {
        guard !keys.isEmpty else { return [:] }
        let rows = try await reader.query(SQL(loadText, [keys.map(\.tenant.uuid), keys.map(\.id)]))
        var groups: [GroupKey: P.Group] = [:]
        for row in rows {
            let tenant = TenantID(try row.decode(P.memory.count, as: UUID.self))
            let key = GroupKey(tenant: tenant, id: try row.decode(P.memory.count + 1, as: UUID.self))
            try P.restore(row, into: &groups[key, default: P.empty])
        }
        return groups
    }

    /// Writes the rows, moves the checkpoint from the batch's beginning to its end, and says whose rows have changed:
    /// one statement, all or nothing.
    ///
    /// - Returns: false, and nothing is written, when the checkpoint is no longer where the batch begins: somebody
    ///   else leads. (Where both write at the same time, the constraint `checkpoints_previous` throws instead.)
    func write(_ rows: [P.Output], tenants: Set<TenantID>, batch: EventBatch) async throws -> Bool {
        var values: [any PostgresEncodable] = [
            generation.projection, Int32(generation.number), batch.previous, batch.last,
            PostgresTimestamp(batch.tailedAt), tenants.map(\.uuid),
        ]
        values += P.columns.map { $0.values(rows) }
        // Not cancelled with the task: a batch that was sent is finished.
        let result = try await connection.query(
            SQL(writeText, values), deadline: Self.deadline, cancellable: false)
        return try result.first?.decode(0, as: Int64.self) == 1
    }

    private static func loadText(_ table: String) -> String {
        """
        SELECT \(P.memory.map { "t.\($0)" }.joined(separator: ", ")), t.tenant_id, t.\(P.groupColumn)
        FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant, id)
        JOIN \(table) t ON t.tenant_id = k.tenant AND t.\(P.groupColumn) = k.id
        """
    }

    private static func writeText(_ shard: Shard, table: String) -> String {
        let names = P.columns.map(\.name)
        let arrays = P.columns.enumerated().map { "$\($0.offset + 7)::\($0.element.type)[]" }
        let updates = names.filter { $0 != "tenant_id" && $0 != "id" }.map { "\($0) = excluded.\($0)" }
        return """
            WITH moved AS (
                INSERT INTO \(shard.table("checkpoints")) (projection, generation, previous, position, tailed_at)
                SELECT $1, $2::int, $3, $4, $5
                WHERE $3 = (
                    SELECT coalesce(max(position), 0) FROM \(shard.table("checkpoints"))
                    WHERE projection = $1 AND generation = $2::int
                )
                RETURNING position
            ), changed AS (
                INSERT INTO \(shard.table("changes")) (projection, generation, position, tenant_id)
                SELECT $1, $2::int, moved.position, tenant FROM moved, unnest($6::uuid[]) AS tenant
            ), written AS (
                INSERT INTO \(table) (\(names.joined(separator: ", ")))
                SELECT \(P.columns.map { $0.expression ?? "r.\($0.name)" }.joined(separator: ", "))
                FROM moved, unnest(\(arrays.joined(separator: ", "))) AS r (\(names.joined(separator: ", ")))
                ON CONFLICT (tenant_id, id) DO UPDATE SET \(updates.joined(separator: ", "))
            )
            SELECT count(*) FROM moved
            """
    }
}
