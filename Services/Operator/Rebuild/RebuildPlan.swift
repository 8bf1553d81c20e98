import JSON
import Postgres

/// What a rebuild would do, found out without doing any of it.
struct RebuildPlan: Equatable, Sendable {
    var projection: String
    /// In the log.
    var events: Int64
    var live: Live
    /// Asked for by somebody, and not ended.
    var openBy: String?

    struct Live: Equatable, Sendable {
        var generation: Int
        var foldVersion: Int
        var rows: Int64
        /// With its indexes. The new one is made of the same rows, so this is about what it will need.
        var bytes: Int64
    }

    static func make(_ projection: String, _ connection: PostgresConnection) async throws -> RebuildPlan {
        let found = try await connection.query(
            """
            SELECT g.generation, g.fold_version, 'main.' || quote_ident(g.table_name),
                   pg_total_relation_size(to_regclass('main.' || quote_ident(g.table_name))),
                   coalesce((SELECT max(e.position) FROM main.events e), 0)
            FROM main.generations g WHERE g.projection = \(projection) AND g.status = 'live'
            """)
        guard let row = found.first else { throw ToolFailure("there is no projection \(projection)") }
        let table: String = try row.decode(2)
        let rows: Int64 = try await connection.query("SELECT count(*) FROM \(unescaped: table)")[0].decode(0)
        return RebuildPlan(
            projection: projection, events: try row.decode(4),
            live: Live(
                generation: try row.decode(0), foldVersion: try row.decode(1), rows: rows, bytes: try row.decode(3)),
            openBy: try await RebuildState.open(projection, connection)?.requestedBy)
    }

    var text: [String] {
        var lines = [
            "\(projection): a rebuild would fill a new generation from \(Figures.count(events, "event"))",
            "  live: generation \(live.generation), fold version \(live.foldVersion), "
                + "\(Figures.count(live.rows, "row")), \(Figures.bytes(live.bytes))",
            "  it needs about \(Figures.bytes(live.bytes)) more until the old generation is dropped",
        ]
        if let openBy { lines.append("  a rebuild is open already, asked for by \(openBy): it would be followed") }
        return lines
    }

    var json: JSONValue {
        [
            "projection": .string(projection), "dry_run": true, "events": .integer(events),
            "generation": JSONValue(live.generation), "fold_version": JSONValue(live.foldVersion),
            "rows": .integer(live.rows), "bytes": .integer(live.bytes), "expected_bytes": .integer(live.bytes),
            "open_by": JSONValue(openBy),
        ]
    }
}
