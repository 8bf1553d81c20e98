import EventSourcing
import Foundation
import Postgres

/// Reads stretches of the log, on a connection of its own which it opens when it must.
actor LogReader {
    struct Limit: Sendable, Equatable {
        var events: Int
        /// As stored, compressed; the first event comes whatever its size.
        var bytes: Int

        /// Whether more may lie behind the batch. What is stored of it is no larger than it is, and the event that was cut off
        /// is a small part of the limit.
        func mayHaveCut(_ batch: EventBatch) -> Bool { batch.events.count >= events || batch.bytes >= bytes / 2 }
    }

    /// The longest a statement may take.
    private static let deadline: Duration = .seconds(30)

    private let shard: Shard
    private let connect: Connect
    private var connection: PostgresConnection?

    init(shard: Shard, connect: @escaping Connect) {
        self.shard = shard
        self.connect = connect
    }

    /// The events after `position`, checked for contiguity; empty at the head.
    func read(after position: Int64, _ limit: Limit) async throws -> EventBatch {
        let rows = try await query(
            SQL(
                """
                SELECT e.position, e.tenant_id, e.category, e.stream_id, e.version, e.type, e.schema_version,
                       e.correlation_id, e.recorded_at, e.metadata ->> 'requested_at', e.data
                FROM (
                    SELECT l.*, sum(pg_column_size(l.data)) OVER (ORDER BY l.position) AS size
                    FROM (
                        SELECT position, tenant_id, category, stream_id, version, type, schema_version,
                               correlation_id, recorded_at, metadata, data
                        FROM \(shard.table("events")) WHERE position > $1 ORDER BY position LIMIT $2
                    ) l
                ) e
                WHERE e.size <= $3 OR e.position = $1 + 1
                ORDER BY e.position
                """, [position, limit.events, limit.bytes]))
        let tailedAt = Timestamp.now
        return try EventBatch(after: position, try rows.map(Self.event), tailedAt: tailedAt)
    }

    /// The events of these streams up to and including `position`: by stream, in order.
    func history(of streams: [(tenant: TenantID, stream: StreamID)], through position: Int64) async throws -> [LogEvent]
    {
        let rows = try await query(
            SQL(
                """
                SELECT e.position, e.tenant_id, e.category, e.stream_id, e.version, e.type, e.schema_version,
                       e.correlation_id, e.recorded_at, e.metadata ->> 'requested_at', e.data
                FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS s (tenant, category, id)
                JOIN \(shard.table("events")) e
                    ON e.tenant_id = s.tenant AND e.category = s.category AND e.stream_id = s.id
                WHERE e.position <= $4
                ORDER BY e.position
                """,
                [streams.map(\.tenant.uuid), streams.map(\.stream.category), streams.map(\.stream.id), position]))
        return try rows.map(Self.event)
    }

    /// The events at these positions, as far as they are there, in order.
    func events(at positions: [Int64]) async throws -> [LogEvent] {
        let rows = try await query(
            SQL(
                """
                SELECT e.position, e.tenant_id, e.category, e.stream_id, e.version, e.type, e.schema_version,
                       e.correlation_id, e.recorded_at, e.metadata ->> 'requested_at', e.data
                FROM unnest($1::bigint[]) AS p (position) JOIN \(shard.table("events")) e ON e.position = p.position
                ORDER BY e.position
                """, [positions]))
        return try rows.map(Self.event)
    }

    func close() async {
        await connection?.close()
        connection = nil
    }

    /// Anything else that is read beside the log.
    func query(_ sql: SQL) async throws -> Rows {
        if let connection, connection.isOpen { return try await connection.query(sql, deadline: Self.deadline) }
        let connection = try await connect()
        self.connection = connection
        return try await connection.query(sql, deadline: Self.deadline)
    }

    /// From the columns that `read` selects, in their order.
    static func event(_ row: Row) throws -> LogEvent {
        let category = try row.decode(2, as: String.self)
        let stream = StreamID(category: category, id: try row.decode(3, as: UUID.self))
        let type = try row.decode(5, as: String.self)
        let schema = try row.decode(6, as: Int.self)
        let requestedAt = row[9].flatMap(Timestamp.init(rfc3339:))
        let recordedAt = Timestamp(try row.decode(8, as: PostgresTimestamp.self))
        var size = 0
        var payload = LogEvent.Payload(stream: stream, type: type, schema: schema) {
            let bytes = row.bytes(10) ?? []
            size = bytes.count
            return bytes
        }
        if requestedAt == nil, payload != .unread {
            payload = .unreadable(
                group: payload.group(of: stream),
                reason: "\(type) v\(schema): metadata.requested_at is missing or no time")
        }
        return LogEvent(
            tenant: TenantID(try row.decode(1, as: UUID.self)),
            stream: stream, version: try row.decode(4, as: Int64.self), position: try row.decode(0, as: Int64.self),
            type: type,
            correlationID: try row.decode(7, as: UUID.self), requestedAt: requestedAt ?? recordedAt,
            recordedAt: recordedAt, payload: payload, size: size)
    }
}

extension Timestamp {
    init(_ time: PostgresTimestamp) { self.init(microseconds: time.microseconds) }
}

extension PostgresTimestamp {
    init(_ time: Timestamp) { self.init(microseconds: time.microseconds) }
}
