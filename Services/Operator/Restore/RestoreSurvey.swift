import EventSourcing
import JSON
import Postgres

/// What a database that was restored looks like: how far its log goes, what is not of that log, who is connected.
struct RestoreSurvey: Equatable, Sendable {
    struct Ahead: Equatable, Sendable {
        var what: String
        /// The last one that it has, or speaks of.
        var position: Int64
    }

    struct Service: Equatable, Sendable {
        var name: String
        var sessions: Int64
    }

    /// The end of the log, and when the event there was appended.
    var head: Int64
    var headAt: Timestamp?
    /// Open tasks of the outbox: due, and so to be held; not due yet; held already.
    var due: Int64
    var later: Int64
    var held: Int64
    /// What knows positions that the log does not have: the database was restored in pieces.
    var ahead: [Ahead]
    var services: [Service]

    /// The oldest schema in which a restore can be declared.
    static let oldestSchema = 8

    static func make(_ connection: PostgresConnection) async throws -> RestoreSurvey {
        let server = try await connection.query(
            "SELECT pg_is_in_recovery(), (SELECT coalesce(max(m.version), 0) FROM closter.migrations m)")[0]
        if try server.decode(0, as: Bool.self) {
            throw ToolFailure("the server is still in recovery: promote it first (SELECT pg_wal_replay_resume())")
        }
        let schema: Int = try server.decode(1)
        guard schema >= oldestSchema else {
            throw ToolFailure("the schema is at version \(schema), and \(oldestSchema) is needed: run closter migrate")
        }
        let row = try await connection.query(
            """
            SELECT coalesce(max(e.position), 0), max(e.recorded_at),
                   (SELECT count(*) FROM main.outbox o
                    WHERE o.completed_at IS NULL AND o.held_at IS NULL AND o.run_at <= clock_timestamp()),
                   (SELECT count(*) FROM main.outbox o
                    WHERE o.completed_at IS NULL AND o.held_at IS NULL AND o.run_at > clock_timestamp()),
                   (SELECT count(*) FROM main.outbox o WHERE o.held_at IS NOT NULL)
            FROM (SELECT l.position, l.recorded_at FROM main.events l ORDER BY l.position DESC LIMIT 1) e
            """)[0]
        let head: Int64 = try row.decode(0)
        return RestoreSurvey(
            head: head,
            headAt: try row.decode(1, as: PostgresTimestamp?.self).map { Timestamp(microseconds: $0.microseconds) },
            due: try row.decode(2), later: try row.decode(3), held: try row.decode(4),
            ahead: try await ahead(of: head, connection), services: try await services(connection))
    }

    private static func ahead(of head: Int64, _ connection: PostgresConnection) async throws -> [Ahead] {
        try await connection.query(
            """
            SELECT a.what, a.position FROM (
                SELECT format('%s, generation %s (%s)', g.projection, g.generation, g.status), max(c.position)
                FROM main.generations g JOIN main.checkpoints c USING (projection, generation)
                GROUP BY g.projection, g.generation
                UNION ALL SELECT 'operational tables', max(position) FROM main.aggregates
                UNION ALL SELECT 'claims', max(position) FROM main.claims
                UNION ALL SELECT 'outcomes', max(position) FROM main.outcomes
                UNION ALL SELECT 'outbox', max(position) FROM main.outbox
                UNION ALL SELECT 'parked events', max(position) FROM main.parked
                UNION ALL SELECT 'skipped events', max(position) FROM main.skipped
            ) AS a (what, position)
            WHERE a.position > \(head) ORDER BY a.what
            """
        ).map { Ahead(what: try $0.decode(0), position: try $0.decode(1)) }
    }

    private static func services(_ connection: PostgresConnection) async throws -> [Service] {
        try await connection.query(
            """
            SELECT substr(a.usename, 9), count(*) FROM pg_stat_activity a
            WHERE a.datname = current_database()
              AND a.usename IN ('closter_command', 'closter_projector', 'closter_query', 'closter_worker')
            GROUP BY 1 ORDER BY 1
            """
        ).map { Service(name: try $0.decode(0), sessions: try $0.decode(1)) }
    }

    /// `command (3 sessions), query (8 sessions)`
    var connected: String {
        services.map { "\($0.name) (\(Figures.count($0.sessions, "session")))" }.joined(separator: ", ")
    }
}

extension RestoreSurvey {
    /// - Parameter declared: what came of it; nil where nothing was done.
    func text(_ declared: Declaration?) -> [String] {
        var lines = ["the log ends at position \(head)\(headAt.map { ", of \($0.rfc3339)" } ?? "")"]
        let tasks = Figures.count(declared?.held ?? due, "open task")
        if declared != nil {
            lines += [
                "a new epoch is drawn: position tokens from before are refused", "outbox: \(tasks) held now",
            ]
        } else {
            lines += [
                "a new epoch would be drawn: position tokens from before would be refused",
                "outbox: \(tasks) would be held",
            ]
        }
        if held > 0 { lines.append("outbox: \(Figures.count(held, "task")) held before") }
        if later > 0 { lines.append("outbox: \(Figures.count(later, "task")) not due yet, and left alone") }
        lines += ahead.map { "ahead of the log: \($0.what), up to position \($0.position)" }
        return lines
    }

    func json(_ declared: Declaration?) -> JSONValue {
        [
            "dry_run": .bool(declared == nil), "epoch": declared.map { .integer($0.epoch) } ?? .null,
            "position": .integer(head), "position_at": JSONValue(headAt?.rfc3339),
            "tasks": [
                "held": .integer(declared?.held ?? due), "held_before": .integer(held), "not_due": .integer(later),
            ],
            "ahead": .array(ahead.map { ["what": .string($0.what), "position": .integer($0.position)] }),
            "connected": .array(
                services.map { ["service": .string($0.name), "sessions": .integer($0.sessions)] }),
        ]
    }
}
