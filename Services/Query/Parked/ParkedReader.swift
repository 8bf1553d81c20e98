import EventSourcing
import Foundation
import JSON
import Postgres

/// Reads what projections could not apply, as of the tenant that is set: bounded by what projectors park before they
/// stop.
enum ParkedReader {
    enum State: String, CaseIterable, Sendable {
        /// Waits for somebody to do something about it.
        case parked
        /// Passed over for good, because somebody decided so.
        case skipped
    }

    /// In the order of the log. Two projections may have parked the same event: the second part of the order is made of
    /// their names.
    private static func place(_ alias: String) -> SQL { "md5(\(unescaped: alias).projection)::uuid" }

    private static func after(_ keyset: Keyset?, _ alias: String) -> SQL {
        guard let keyset, let position = keyset.value else { return "true" }
        return "(\(unescaped: alias).position, \(place(alias))) > (\(position), \(keyset.id))"
    }

    /// Events that the live generations could not apply. Those that only wait behind them are counted.
    static func parkedStatement(after keyset: Keyset?, limit: Int) -> SQL {
        """
        SELECT p.position, \(place("p")), p.projection, p.type, p.category, p.stream_id, p.version, p.correlation_id,
               p.reason, p.attempts, p.parked_at, p.tried_at, p.wish,
               (SELECT count(*) FROM main.parked w
                WHERE w.projection = p.projection AND w.generation = p.generation AND w.tenant_id = p.tenant_id
                  AND w.group_id = p.group_id AND w.position > p.position)
        FROM main.parked p
        JOIN main.generations g ON g.projection = p.projection AND g.generation = p.generation AND g.status = 'live'
        WHERE p.reason IS NOT NULL AND \(after(keyset, "p"))
        ORDER BY p.position, \(place("p")) LIMIT \(limit)
        """
    }

    static func skippedStatement(after keyset: Keyset?, limit: Int) -> SQL {
        """
        SELECT s.position, \(place("s")), s.projection, s.type, s.category, s.stream_id, s.reason, s.skipped_by,
               s.skipped_at
        FROM main.skipped s WHERE \(after(keyset, "s"))
        ORDER BY s.position, \(place("s")) LIMIT \(limit)
        """
    }

    static func statement(_ state: State, after keyset: Keyset?, limit: Int) -> SQL {
        switch state {
        case .parked: parkedStatement(after: keyset, limit: limit)
        case .skipped: skippedStatement(after: keyset, limit: limit)
        }
    }

    static func keyset(_ row: Row) throws(PostgresError) -> Keyset {
        Keyset(value: try row.decode(0), id: try row.decode(1))
    }

    /// The document of a row of either statement.
    static func write(_ row: Row, _ state: State, to writer: inout JSONWriter) throws(PostgresError) {
        let stream = StreamID(category: try row.decode(4), id: try row.decode(5))
        writer.beginObject()
        writer.member("projection", try row.decode(2, as: String.self))
        writer.member("position", try row.decode(0, as: Int64.self))
        writer.member("type", try row.decode(3, as: String.self))
        writer.member("category", stream.category)
        writer.member("stream_id", stream.typeID.description)
        switch state {
        case .parked:
            writer.member("version", try row.decode(6, as: Int64.self))
            writer.member("correlation_id", try row.decode(7, as: UUID.self).text)
            writer.member("reason", try row.decode(8, as: String?.self))
            writer.member("attempts", try row.decode(9, as: Int64.self))
            writer.member("parked_at", try row.timestamp(10).rfc3339)
            writer.member("tried_at", try row.optionalTimestamp(11)?.rfc3339)
            writer.member("wish", try row.decode(12, as: String?.self))
            writer.member("waiting", try row.decode(13, as: Int64.self))
        case .skipped:
            writer.member("reason", try row.decode(6, as: String?.self))
            writer.member("skipped_by", try row.decode(7, as: String.self))
            writer.member("skipped_at", try row.timestamp(8).rfc3339)
        }
        writer.endObject()
    }
}
