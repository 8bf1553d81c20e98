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

    // A view with a security barrier is planned by itself: an ORDER BY … LIMIT outside it would read and sort all that
    // the conditions leave. So every read names both ends of what it wants.

    /// Versions have no gaps, so the page's last one is known beforehand.
    static func streamStatement(_ stream: StreamID, after version: Int64, limit: Int) -> SQL {
        """
        SELECT \(columns) FROM main.history h
        WHERE h.category = \(stream.category) AND h.stream_id = \(stream.id)
          AND h.version > \(version) AND h.version <= \(version &+ Int64(limit) &+ 1)
        ORDER BY h.version
        """
    }

    /// Events of a part of the log: after one position and up to another.
    static func eventsStatement(
        after position: Int64, upTo last: Int64, category: String? = nil, type: String? = nil, limit: Int
    ) -> SQL {
        let category: SQL = category.map { " AND h.category = \($0)" } ?? ""
        let type: SQL = type.map { " AND h.type = \($0)" } ?? ""
        return """
            SELECT \(columns) FROM main.history h
            WHERE h.position > \(position) AND h.position <= \(last)\(category)\(type)
            ORDER BY h.position LIMIT \(limit)
            """
    }

    /// The events of a stream after a version, in order; one more than `limit`, if there is one.
    func stream(
        _ stream: StreamID, of tenant: TenantID, after version: Int64, limit: Int
    ) async throws(PostgresError) -> Rows {
        try await pool.query(
            Self.streamStatement(stream, after: version, limit: limit), tenant: tenant.uuid, lane: .fast)
    }

    /// How many positions a filtered read goes over before it answers with what it has.
    static let mostFiltered: Int64 = 200_000

    struct Page: Sendable {
        var rows: [Row] = []
        /// Where to go on; nil at the end of the log.
        var next: Int64?
    }

    /// The events after a position, in order, up to `head`. With a filter it may hold fewer than `limit`, or none, and
    /// still have a `next`: rare events are looked for in bounded steps.
    ///
    /// A tenant's events lie among those of others, nobody knows how densely, so the log is gone over in parts that
    /// grow until the page is full.
    func events(
        of tenant: TenantID, after position: Int64, upTo head: Int64, category: String?, type: String?, limit: Int
    ) async throws(PostgresError) -> Page {
        let end = category == nil && type == nil ? head : min(head, position.addingWithoutOverflow(Self.mostFiltered))
        var page = Page()
        var start = position
        var length = Int64(4 * limit)
        while start < end {
            let last = min(end, start.addingWithoutOverflow(length))
            page.rows += try await pool.query(
                Self.eventsStatement(
                    after: start, upTo: last, category: category, type: type, limit: limit + 1 - page.rows.count),
                tenant: tenant.uuid, lane: .slow)
            if page.rows.count > limit {
                page.rows.removeLast()
                page.next = try page.rows.last?.decode(0)
                return page
            }
            start = last
            length *= 4
        }
        if end < head { page.next = end }
        return page
    }
}

extension Int64 {
    fileprivate func addingWithoutOverflow(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
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
