import Documents
import EventSourcing
import Foundation
import Postgres

/// Reads the view `history`: the log of one tenant, without what is not for its readers' eyes.
struct HistoryReader: Sendable {
    var pool: PostgresPool

    static let columns: SQL = """
        h.position, h.type, h.category, h.stream_id, h.version, h.data, h.actor, h.correlation_id, h.causation_id,
        h.command_id, h.recorded_at
        """

    /// An event of a row that begins with `columns`.
    static func event(_ row: Row) throws(PostgresError) -> EventDocument {
        EventDocument(
            position: try row.decode(0), type: try row.decode(1),
            stream: StreamID(category: try row.decode(2), id: try row.decode(3)), version: try row.decode(4),
            data: row.bytes(5) ?? Array("null".utf8), actor: try row.decode(6), correlationID: try row.decode(7),
            causationID: try row.decode(8), commandID: try row.decode(9), recordedAt: try row.timestamp(10))
    }

    static func streamStatement(_ stream: StreamID, after version: Int64, limit: Int) -> SQL {
        """
        SELECT \(columns) FROM main.history h
        WHERE h.category = \(stream.category) AND h.stream_id = \(stream.id) AND h.version > \(version)
        ORDER BY h.version LIMIT \(limit + 1)
        """
    }

    static func windowStatement(after position: Int64) -> SQL {
        """
        SELECT max(w.position), count(*)
        FROM (SELECT h.position FROM main.history h WHERE h.position > \(position)
              ORDER BY h.position LIMIT \(unescaped: "\(window)")) w
        """
    }

    static func eventsStatement(
        after position: Int64, upTo last: Int64 = .max, category: String? = nil, type: String? = nil, limit: Int
    ) -> SQL {
        let category: SQL = category.map { " AND h.category = \($0)" } ?? ""
        let type: SQL = type.map { " AND h.type = \($0)" } ?? ""
        return """
            SELECT \(columns) FROM main.history h
            WHERE h.position > \(position) AND h.position <= \(last)\(category)\(type)
            ORDER BY h.position LIMIT \(limit + 1)
            """
    }

    /// The last position of the shard's log: everything up to it is in what is read from the log afterwards.
    func head() async throws(PostgresError) -> Int64 {
        guard let row = try await pool.query("SELECT main.head()", lane: .fast).first else { return 0 }
        return try row.decode(0)
    }

    /// The events of a stream after a version, in order; one more than `limit`, if there is one.
    func stream(
        _ stream: StreamID, of tenant: TenantID, after version: Int64, limit: Int
    ) async throws(PostgresError) -> Rows {
        try await pool.query(
            Self.streamStatement(stream, after: version, limit: limit), tenant: tenant.uuid, lane: .fast)
    }

    /// How many events of a tenant a filtered read of the log passes over before it answers with what it has.
    static let window = 20_000

    struct Page {
        var rows: Rows
        /// Where to go on; nil at the end of the log.
        var next: Int64?
    }

    /// The events after a position, in order. With a filter it may hold fewer than `limit`, or none, and still have a
    /// `next`: rare events are looked for in bounded steps.
    func events(
        of tenant: TenantID, after position: Int64, category: String?, type: String?, limit: Int
    ) async throws(PostgresError) -> Page {
        guard category != nil || type != nil else {
            let rows = try await pool.query(
                Self.eventsStatement(after: position, limit: limit), tenant: tenant.uuid, lane: .slow)
            return Page(rows: rows, next: rows.count > limit ? try rows[limit - 1].decode(0) : nil)
        }
        let window = try await pool.query(
            Self.windowStatement(after: position), tenant: tenant.uuid, lane: .slow)
        let last: Int64? = try window[0].decode(0)
        let seen: Int = try window[0].decode(1)
        let rows = try await pool.query(
            Self.eventsStatement(
                after: position, upTo: last ?? position, category: category, type: type, limit: limit),
            tenant: tenant.uuid, lane: .slow)
        if rows.count > limit { return Page(rows: rows, next: try rows[limit - 1].decode(0)) }
        return Page(rows: rows, next: seen == Self.window ? last : nil)
    }
}

extension Row {
    func timestamp(_ column: Int) throws(PostgresError) -> Timestamp {
        Timestamp(microseconds: try decode(column, as: PostgresTimestamp.self).microseconds)
    }

    func optionalTimestamp(_ column: Int) throws(PostgresError) -> Timestamp? {
        try decode(column, as: PostgresTimestamp?.self).map { Timestamp(microseconds: $0.microseconds) }
    }
}
