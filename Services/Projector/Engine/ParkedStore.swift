import EventSourcing
import Foundation
import Postgres

/// What an operator wants done with a parked event.
struct ParkedWish: Sendable, Equatable {
    enum Action: String, Sendable {
        case retry
        /// The event is passed over for good.
        case skip
    }

    var position: Int64
    var key: GroupKey
    var action: Action
    var wisher: String
}

/// A generation's parked events, as its leader keeps them.
extension ProjectionStore {
    /// Of the generation; nil when it has been dropped.
    func status() async throws -> GenerationStatus? {
        let rows = try await connection.query(
            SQL(
                "SELECT status FROM \(shard.table("generations")) WHERE projection = $1 AND generation = $2::int",
                [generation.projection, Int32(generation.number)]), deadline: Self.deadline)
        return try rows.first.flatMap { GenerationStatus(rawValue: try $0.decode(0, as: String.self)) }
    }

    /// As the checkpoint leaves it. Its size is bounded by the limit of parked events, and by what people have skipped.
    func parking() async throws -> Parking {
        var parking = Parking()
        let groups = try await connection.query(
            SQL(
                """
                SELECT tenant_id, group_id, count(*) FROM \(shard.table("parked"))
                WHERE projection = $1 AND generation = $2::int GROUP BY tenant_id, group_id
                """, [generation.projection, Int32(generation.number)]), deadline: Self.deadline)
        for row in groups {
            parking.groups.insert(
                GroupKey(tenant: TenantID(try row.decode(0, as: UUID.self)), id: try row.decode(1, as: UUID.self)))
            parking.count += try row.decode(2, as: Int.self)
        }
        let skipped = try await connection.query(
            SQL(
                "SELECT position FROM \(shard.table("skipped")) WHERE projection = $1", [generation.projection]),
            deadline: Self.deadline)
        for row in skipped { parking.skipped.insert(try row.decode(0, as: Int64.self)) }
        return parking
    }

    /// The oldest first.
    func wishes() async throws -> [ParkedWish] {
        let rows = try await connection.query(
            SQL(
                """
                SELECT position, tenant_id, group_id, wish, wished_by FROM \(shard.table("parked"))
                WHERE projection = $1 AND generation = $2::int AND wish IS NOT NULL ORDER BY position
                """, [generation.projection, Int32(generation.number)]), deadline: Self.deadline)
        var wishes: [ParkedWish] = []
        for row in rows {
            guard let action = ParkedWish.Action(rawValue: try row.decode(3, as: String.self)) else { continue }
            wishes.append(
                ParkedWish(
                    position: try row.decode(0, as: Int64.self),
                    key: GroupKey(
                        tenant: TenantID(try row.decode(1, as: UUID.self)), id: try row.decode(2, as: UUID.self)),
                    action: action, wisher: try row.decode(4, as: String?.self) ?? ""))
        }
        return wishes
    }

    /// The positions of a group's first parked events.
    func queue(of key: GroupKey, _ most: Int) async throws -> [Int64] {
        let rows = try await connection.query(
            SQL(
                """
                SELECT position FROM \(shard.table("parked"))
                WHERE projection = $1 AND generation = $2::int AND tenant_id = $3 AND group_id = $4
                ORDER BY position LIMIT $5
                """, [generation.projection, Int32(generation.number), key.tenant.uuid, key.id, most]),
            deadline: Self.deadline)
        return try rows.map { try $0.decode(0, as: Int64.self) }
    }

    /// Notes that the event is passed over for good, and hands the wish on to what waits behind it.
    func skip(_ wish: ParkedWish, at position: Int64) async throws {
        try await transaction(at: position) { connection in
            let note = SQL(
                """
                INSERT INTO \(shard.table("skipped"))
                    (projection, position, tenant_id, group_id, category, stream_id, type, reason, skipped_by)
                SELECT projection, position, tenant_id, group_id, category, stream_id, type, reason, $4
                FROM \(shard.table("parked")) WHERE projection = $1 AND generation = $2::int AND position = $3
                ON CONFLICT DO NOTHING
                """, [generation.projection, Int32(generation.number), wish.position, wish.wisher])
            try await connection.execute(
                [note, removal([wish.position]), handing(wish)], deadline: Self.deadline, cancellable: false)
        }
    }

    /// Writes what has come of the beginning of a queue: the rows are put in, the events that made them are no longer
    /// parked, and the wish goes on to the next one, or is done where that could not be applied.
    func settle(_ fold: QueueFold<P>, _ wish: ParkedWish, at position: Int64) async throws {
        try await transaction(at: position) { connection in
            try await put(fold.rows, at: position)
            let rest = fold.refusal.map(refused) ?? handing(wish)
            try await connection.execute(
                [removal(fold.applied), rest], deadline: Self.deadline, cancellable: false)
        }
    }

    /// The event could not be applied again: it stays, and all behind it. What was asked of it meanwhile stays too.
    func refuse(_ refusal: Refusal, at position: Int64) async throws {
        try await transaction(at: position) { connection in
            _ = try await connection.query(refused(refusal), deadline: Self.deadline, cancellable: false)
        }
    }

    private func removal(_ positions: [Int64]) -> SQL {
        SQL(
            """
            DELETE FROM \(shard.table("parked"))
            WHERE projection = $1 AND generation = $2::int AND position = ANY ($3)
            """, [generation.projection, Int32(generation.number), positions])
    }

    /// The first of the group that still waits is to be tried.
    private func handing(_ wish: ParkedWish) -> SQL {
        SQL(
            """
            UPDATE \(shard.table("parked")) SET wish = 'retry', wished_by = $5
            WHERE projection = $1 AND generation = $2::int AND position = (
                SELECT min(position) FROM \(shard.table("parked"))
                WHERE projection = $1 AND generation = $2::int AND tenant_id = $3 AND group_id = $4)
            """,
            [generation.projection, Int32(generation.number), wish.key.tenant.uuid, wish.key.id, wish.wisher])
    }

    private func refused(_ refusal: Refusal) -> SQL {
        SQL(
            """
            UPDATE \(shard.table("parked"))
            SET reason = $4, attempts = attempts + 1, tried_at = clock_timestamp(), wish = nullif(wish, 'retry')
            WHERE projection = $1 AND generation = $2::int AND position = $3
            """, [generation.projection, Int32(generation.number), refusal.position, refusal.reason])
    }

    // MARK: In the statement that moves the checkpoint

    static func values(_ parked: [ParkedEvent]) -> [any PostgresEncodable] {
        [
            parked.map(\.event.position), parked.map(\.key.tenant.uuid), parked.map(\.key.id),
            parked.map(\.event.stream.category), parked.map(\.event.stream.id), parked.map(\.event.version),
            parked.map(\.event.type), parked.map(\.event.correlationID), parked.map(\.reason),
        ]
    }

    /// - Parameters:
    ///   - first: the number of the first of `values`.
    ///   - source: what else is in the FROM clause.
    static func parkText(_ shard: Shard, first: Int, from source: String) -> String {
        let types = ["bigint", "uuid", "uuid", "text", "uuid", "bigint", "text", "uuid", "text"]
        let arrays = types.enumerated().map { "$\($0.offset + first)::\($0.element)[]" }.joined(separator: ", ")
        return """
            INSERT INTO \(shard.table("parked"))
                (projection, generation, position, tenant_id, group_id, category, stream_id, version, type,
                 correlation_id, reason, attempts, tried_at)
            SELECT $1, $2::int, p.position, p.tenant, p.group_id, p.category, p.stream, p.version, p.type,
                   p.correlation, p.reason, CASE WHEN p.reason IS NULL THEN 0 ELSE 1 END,
                   CASE WHEN p.reason IS NULL THEN NULL ELSE clock_timestamp() END
            FROM \(source)unnest(\(arrays))
                AS p (position, tenant, group_id, category, stream, version, type, correlation, reason)
            """
    }
}
