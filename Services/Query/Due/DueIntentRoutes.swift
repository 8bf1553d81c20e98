import Edge
import EventSourcing
import Foundation
import HTTPTypes
import Hummingbird
import Identity
import JSON
import Postgres

/// `GET /v1/due-intents`, for members: what waits for its time, and what became of what had come, in the order of their
/// times. From the table that they are run from, and so current.
struct DueIntentRoutes: Sendable {
    /// Where one stands.
    enum State: String, CaseIterable, Sendable {
        case waiting, done, refused

        var condition: SQL {
            switch self {
            case .waiting: "d.completed_at IS NULL"
            case .done: "d.outcome = 'done'"
            case .refused: "d.outcome = 'refused'"
            }
        }
    }

    var pool: PostgresPool
    var standpoints: Standpoints

    func add(to router: EdgeRouter) { router.get("/v1/due-intents", use: list) }

    @Sendable private func list(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.operatorsTenant()
        var parameters = QueryParameters(request)
        let state = parameters.choice("status", State.self)
        let subject = parameters.text("subject", mayBeEmpty: false)
        let limit = parameters.limit()
        let cursor = parameters.text("cursor", mayBeEmpty: false)
        try parameters.finish()
        var scope = CursorScope(resource: "due-intents", tenant: tenant.id, visibility: .full, sort: "due_at")
        if let state { scope.add("status", state.rawValue) }
        if let subject { scope.add("subject", subject) }
        let after = try cursor.map { cursor in
            guard let keyset = scope.keyset(cursor) else { throw Problem(.invalidCursor) }
            return keyset
        }
        let standpoint = try await standpoints.tables(for: tenant, request)
        let rows = try await pool.query(
            Self.statement(tenant.id, state, subject, after: after, limit: limit + 1), tenant: tenant.id.uuid,
            lane: .slow)
        let next = rows.count > limit ? scope.cursor(try Self.keyset(rows[limit - 1])) : nil
        var writer = JSONWriter(reservingCapacity: 1024)
        writer.beginObject()
        writer.key("data")
        writer.beginArray()
        for row in rows.prefix(limit) { try Self.write(row, to: &writer) }
        writer.endArray()
        writer.member("next", next)
        writer.endObject()
        var headers = HTTPFields()
        Caching.writeNever(to: &headers)
        standpoint.write(to: &headers)
        return Response.json(writer.bytes, headers: headers)
    }

    static func statement(
        _ tenant: TenantID, _ state: State?, _ subject: String?, after: Keyset?, limit: Int
    ) -> SQL {
        var statement: SQL = """
            SELECT (extract(epoch FROM d.due_at) * 1000000)::bigint, d.intent_id, d.kind, d.subject, d.due_at, d.attempts,
                   d.last_error, d.outcome, d.code, d.detail, d.position, d.completed_at, d.correlation_id, d.created_at
            FROM main.due_intents d WHERE d.tenant_id = \(tenant.uuid)
            """
        if let state { statement += " AND \(state.condition)" }
        if let subject { statement += " AND d.subject = \(subject)" }
        if let after, let microseconds = after.value {
            statement += """
                 AND (d.due_at, d.intent_id)
                     > (timestamptz 'epoch' + \(microseconds) * interval '1 microsecond',
                        \(after.id))
                """
        }
        return statement + " ORDER BY d.due_at, d.intent_id LIMIT \(limit)"
    }

    private static func keyset(_ row: Row) throws(PostgresError) -> Keyset {
        Keyset(value: try row.decode(0), id: try row.decode(1))
    }

    private static func write(_ row: Row, to writer: inout JSONWriter) throws(PostgresError) {
        writer.beginObject()
        writer.member("id", try row.decode(1, as: UUID.self).text)
        writer.member("kind", try row.decode(2, as: String.self))
        writer.member("subject", try row.decode(3, as: String?.self))
        writer.member("status", try row.decode(7, as: String?.self) ?? State.waiting.rawValue)
        writer.member("due_at", try row.timestamp(4).rfc3339)
        writer.member("attempts", try row.decode(5, as: Int64.self))
        writer.member("error", try row.decode(6, as: String?.self))
        writer.member("code", try row.decode(8, as: String?.self))
        writer.member("detail", try row.decode(9, as: String?.self))
        writer.key("position")
        if let position = try row.decode(10, as: Int64?.self) { writer.integer(position) } else { writer.null() }
        writer.member("completed_at", try row.optionalTimestamp(11)?.rfc3339)
        writer.member("correlation_id", try row.decode(12, as: UUID.self).text)
        writer.member("created_at", try row.timestamp(13).rfc3339)
        writer.endObject()
    }
}
