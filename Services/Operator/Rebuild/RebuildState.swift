import Foundation
import JSON
import Postgres

/// A rebuild, as the database knows it at a moment.
struct RebuildState: Equatable, Sendable {
    enum Status: String, Sendable {
        case requested, filling, indexing
        case catchingUp = "catching_up"
        case comparing, done, cancelled, failed

        var hasEnded: Bool { self == .done || self == .cancelled || self == .failed }
    }

    var id: UUID
    var projection: String
    var requestedBy: String
    var status: Status
    /// Nil until a projector has taken it up.
    var generation: Int?
    /// The log is filled in up to here; nil until it is known.
    var target: Int64?
    var events: Int64
    var rows: Int64
    var indexes: Int64
    var indexesWanted: Int64
    /// How far the new generation has come since it is filled, and how long the log is.
    var position: Int64
    var head: Int64
    var rowsToCompare: Int64?
    var rowsCompared: Int64
    var rowsDifferent: Int64
    var rowsAdded: Int64
    var rowsRemoved: Int64
    var detail: String?
    var cancelledBy: String?
    /// By the database's clock, in seconds: since it was asked for, and since it was begun or until it ended.
    var age: Double
    var duration: Double?

    static func read(_ id: UUID, _ connection: PostgresConnection) async throws -> RebuildState? {
        let rows = try await connection.query(
            """
            SELECT r.rebuild_id, r.projection, r.requested_by, r.status, r.generation, r.target,
                   coalesce(p.events, 0)::int8, coalesce(p.rows, 0)::int8,
                   coalesce(i.there, 0), coalesce(i.wanted, 0), coalesce(c.position, r.target, 0),
                   coalesce((SELECT max(e.position) FROM main.events e), 0),
                   r.rows_total, r.rows_compared, r.rows_different, r.rows_added, r.rows_removed, r.detail,
                   r.cancelled_by, extract(epoch FROM clock_timestamp() - r.requested_at)::float8,
                   extract(epoch FROM coalesce(r.ended_at, clock_timestamp()) - r.started_at)::float8
            FROM main.rebuilds r
            LEFT JOIN LATERAL (
                SELECT sum(b.events) AS events, sum(b.rows) AS rows
                FROM main.rebuild_parts b WHERE b.rebuild_id = r.rebuild_id
            ) p ON true
            LEFT JOIN main.generations g ON g.projection = r.projection AND g.generation = r.generation
            LEFT JOIN LATERAL (
                SELECT count(*) FILTER (WHERE x.indrelid = to_regclass('main.' || quote_ident(g.table_name))) AS there,
                       count(*) FILTER (
                           WHERE x.indrelid = to_regclass('main.' || quote_ident(r.projection || '_template'))
                       ) AS wanted
                FROM pg_index x
            ) i ON true
            LEFT JOIN LATERAL (
                SELECT max(k.position) AS position FROM main.checkpoints k
                WHERE k.projection = r.projection AND k.generation = r.generation
            ) c ON true
            WHERE r.rebuild_id = \(id)
            """)
        return try rows.first.map(RebuildState.init)
    }

    /// The one that has not ended.
    static func open(_ projection: String, _ connection: PostgresConnection) async throws -> RebuildState? {
        let rows = try await connection.query(
            "SELECT r.rebuild_id FROM main.rebuilds r WHERE r.projection = \(projection) AND r.ended_at IS NULL")
        guard let id: UUID = try rows.first?.decode(0) else { return nil }
        return try await read(id, connection)
    }
}

extension RebuildState {
    private init(_ row: Row) throws {
        let status: String = try row.decode(3)
        guard let known = Status(rawValue: status) else {
            throw ToolFailure(
                "a rebuild is \(status), which this program does not know: it is older than the projector")
        }
        self.init(
            id: try row.decode(0), projection: try row.decode(1), requestedBy: try row.decode(2), status: known,
            generation: try row.decode(4, as: Int?.self), target: try row.decode(5), events: try row.decode(6),
            rows: try row.decode(7), indexes: try row.decode(8), indexesWanted: try row.decode(9),
            position: try row.decode(10), head: try row.decode(11), rowsToCompare: try row.decode(12),
            rowsCompared: try row.decode(13), rowsDifferent: try row.decode(14), rowsAdded: try row.decode(15),
            rowsRemoved: try row.decode(16), detail: try row.decode(17), cancelledBy: try row.decode(18),
            age: try row.decode(19), duration: try row.decode(20))
    }
}
