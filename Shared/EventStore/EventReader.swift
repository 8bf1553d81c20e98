public import EventSourcing
import Foundation
import JSON
public import Postgres

/// Reads the log.
public enum EventReader {
    /// What `decode` reads.
    public static let columns: SQL = """
        position, tenant_id, category, stream_id, version, type, schema_version, data, metadata, recorded_at
        """

    /// The events of every tenant after a position, in order, at most `limit`. Sees what the role that asks may see.
    ///
    /// Positions are contiguous and visible in order, so the next event is `after` + 1 or there is none yet.
    public static func tail(after position: Int64, limit: Int) -> SQL {
        "SELECT \(columns) FROM main.events WHERE position > \(position) ORDER BY position LIMIT \(limit)"
    }

    /// A stream's events in order of version, up to a position.
    public static func load(
        _ tenant: TenantID, _ stream: StreamID, after version: Int64 = 0, upTo position: Int64 = .max
    ) -> SQL {
        """
        SELECT \(columns) FROM main.events
        WHERE tenant_id = \(tenant.uuid) AND category = \(stream.category) AND stream_id = \(stream.id)
          AND version > \(version) AND position <= \(position)
        ORDER BY version
        """
    }

    /// The events from one position to another, both included.
    public static func range(_ tenant: TenantID, from first: Int64, to last: Int64) -> SQL {
        """
        SELECT \(columns) FROM main.events
        WHERE tenant_id = \(tenant.uuid) AND position BETWEEN \(first) AND \(last) ORDER BY position
        """
    }

    public static func decode(_ rows: Rows) throws(PostgresError) -> [StoredEvent] {
        var events: [StoredEvent] = []
        events.reserveCapacity(rows.count)
        for row in rows { events.append(try decode(row)) }
        return events
    }

    /// From `columns`, in their order.
    public static func decode(_ row: Row) throws(PostgresError) -> StoredEvent {
        let metadata = try row.decode(8, as: JSONText.self)
        let parsed: JSONValue
        do { parsed = try JSONValue(parsing: metadata.bytes) } catch {
            throw PostgresError(.decoding, "an event's metadata is not JSON")
        }
        guard let metadata = Metadata(json: parsed) else {
            throw PostgresError(.decoding, "an event's metadata lacks what every event has")
        }
        return StoredEvent(
            tenant: TenantID(try row.decode(1, as: UUID.self)),
            stream: StreamID(category: try row.decode(2, as: String.self), id: try row.decode(3, as: UUID.self)),
            version: try row.decode(4, as: Int64.self), position: try row.decode(0, as: Int64.self),
            type: try row.decode(5, as: String.self), schema: try row.decode(6, as: Int.self),
            data: try row.decode(7, as: JSONText.self).bytes, metadata: metadata,
            recordedAt: Timestamp(try row.decode(9, as: PostgresTimestamp.self)))
    }
}
