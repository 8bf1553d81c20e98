import Documents
import EventSourcing
import Foundation
import Postgres

/// What is known of one correlation id.
struct Trace: Sendable {
    struct Request: Sendable {
        var requestedAt: Timestamp?
        var actor: String
        var onBehalfOf: String?
        var traceparent: String?
    }

    /// A projection's batch that took an event up; without times while none has.
    struct Hop: Sendable {
        var projection: String
        var generation: Int32
        var checkpoint: Int64?
        var tailedAt: Timestamp?
        var committedAt: Timestamp?
    }

    struct Entry: Sendable {
        var event: EventDocument
        var hops: [Hop] = []
    }

    struct Task: Sendable {
        var id: UUID
        var kind: String
        var position: Int64
        var commandID: UUID
        var createdAt: Timestamp
        var runAt: Timestamp
        var attempts: Int32
        var completedAt: Timestamp?
    }

    /// An import and its lines, which have correlation ids of their own.
    struct CausedImport: Sendable {
        struct Line: Sendable {
            var line: Int32
            var outcome: String
            var correlationID: UUID
        }

        var id: UUID
        var counts = ImportRecord.Counts()
        /// The first lines that made events.
        var lines: [Line] = []
    }

    var correlationID: UUID
    var request: Request?
    var entries: [Entry] = []
    var tasks: [Task] = []
    var imports: [CausedImport] = []
    /// There are more events, tasks or lines than are told.
    var isTruncated = false
}

struct TraceReader: Sendable {
    static let mostEvents = 1_000
    static let mostTasks = 1_000
    static let mostLines = 100

    var pool: PostgresPool

    static func eventsStatement(_ correlationID: UUID) -> SQL {
        """
        SELECT \(HistoryReader.columns), h.requested_at, h.on_behalf_of, h.traceparent
        FROM main.history h WHERE h.correlation_id = \(correlationID)
        ORDER BY h.position LIMIT \(unescaped: "\(mostEvents + 1)")
        """
    }

    static func tasksStatement(_ correlationID: UUID) -> SQL {
        """
        SELECT o.task_id, o.kind, o.position, o.command_id, o.created_at, o.run_at, o.attempts, o.completed_at
        FROM main.outbox o WHERE o.correlation_id = \(correlationID)
        ORDER BY o.created_at, o.task_id LIMIT \(unescaped: "\(mostTasks + 1)")
        """
    }

    /// For each position and each live generation the first checkpoint that is not before it. Checkpoints are forgotten
    /// after a day; where the one that took the position up is, the position is still covered, but when is not known.
    static func hopsStatement(_ positions: [Int64]) -> SQL {
        """
        SELECT p.number, g.projection, g.generation, c.position, c.tailed_at, c.committed_at
        FROM unnest(\(positions)) WITH ORDINALITY AS p (position, number)
        CROSS JOIN main.generations g
        LEFT JOIN LATERAL (
            SELECT k.position, CASE WHEN k.previous < p.position THEN k.tailed_at END AS tailed_at,
                   CASE WHEN k.previous < p.position THEN k.committed_at END AS committed_at
            FROM main.checkpoints k
            WHERE k.projection = g.projection AND k.generation = g.generation AND k.position >= p.position
            ORDER BY k.position LIMIT 1
        ) c ON true
        WHERE g.status = 'live' ORDER BY p.number, g.projection
        """
    }

    static func linesStatement(_ importID: UUID) -> SQL {
        """
        SELECT l.line, l.outcome, l.correlation_id FROM main.import_lines l
        WHERE l.import_id = \(importID) AND l.outcome IN ('created', 'changed')
        ORDER BY l.line LIMIT \(unescaped: "\(mostLines + 1)")
        """
    }

    /// nil when nothing of this tenant has the correlation id.
    func trace(_ correlationID: UUID, of tenant: TenantID) async throws(PostgresError) -> Trace? {
        var trace = Trace(correlationID: correlationID)
        try await readEvents(into: &trace, tenant)
        try await readTasks(into: &trace, tenant)
        guard !trace.entries.isEmpty || !trace.tasks.isEmpty else { return nil }
        try await readHops(into: &trace)
        var imports: Set<UUID> = []
        for entry in trace.entries where entry.event.stream.category == "import" {
            if imports.insert(entry.event.stream.id).inserted {
                try await readLines(of: entry.event.stream.id, into: &trace, tenant)
            }
        }
        return trace
    }

    private func readEvents(into trace: inout Trace, _ tenant: TenantID) async throws(PostgresError) {
        let rows = try await pool.query(
            Self.eventsStatement(trace.correlationID), tenant: tenant.uuid, lane: .slow)
        if rows.count > Self.mostEvents { trace.isTruncated = true }
        for row in rows.prefix(Self.mostEvents) {
            let event = try HistoryReader.event(row)
            if trace.request == nil {
                trace.request = Trace.Request(
                    requestedAt: try row.optionalTimestamp(11), actor: event.actor, onBehalfOf: try row.decode(12),
                    traceparent: try row.decode(13))
            }
            trace.entries.append(Trace.Entry(event: event))
        }
    }

    private func readTasks(into trace: inout Trace, _ tenant: TenantID) async throws(PostgresError) {
        let rows = try await pool.query(
            Self.tasksStatement(trace.correlationID), tenant: tenant.uuid, lane: .slow)
        if rows.count > Self.mostTasks { trace.isTruncated = true }
        for row in rows.prefix(Self.mostTasks) {
            trace.tasks.append(
                Trace.Task(
                    id: try row.decode(0), kind: try row.decode(1), position: try row.decode(2),
                    commandID: try row.decode(3), createdAt: try row.timestamp(4), runAt: try row.timestamp(5),
                    attempts: try row.decode(6), completedAt: try row.optionalTimestamp(7)))
        }
    }

    private func readHops(into trace: inout Trace) async throws(PostgresError) {
        let positions = trace.entries.map(\.event.position)
        guard !positions.isEmpty else { return }
        let rows = try await pool.query(Self.hopsStatement(positions), lane: .slow)
        for row in rows {
            let number: Int = try row.decode(0)
            guard trace.entries.indices.contains(number - 1),
                row[1].flatMap(Projection.init(rawValue:))?.isAbout(
                    trace.entries[number - 1].event.stream.category) ?? true
            else { continue }
            trace.entries[number - 1].hops.append(
                Trace.Hop(
                    projection: try row.decode(1), generation: try row.decode(2), checkpoint: try row.decode(3),
                    tailedAt: try row.optionalTimestamp(4), committedAt: try row.optionalTimestamp(5)))
        }
    }

    private func readLines(
        of importID: UUID, into trace: inout Trace, _ tenant: TenantID
    ) async throws(PostgresError) {
        var caused = Trace.CausedImport(id: importID)
        caused.counts = try await ImportReader(pool: pool).counts(importID, of: tenant)
        let lines = try await pool.query(
            Self.linesStatement(importID), tenant: tenant.uuid, lane: .slow)
        if lines.count > Self.mostLines { trace.isTruncated = true }
        for row in lines.prefix(Self.mostLines) {
            caused.lines.append(
                .init(line: try row.decode(0), outcome: try row.decode(1), correlationID: try row.decode(2)))
        }
        trace.imports.append(caused)
    }
}
