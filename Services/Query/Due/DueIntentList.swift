import Edge
import EventSourcing
import Foundation
import Hummingbird
import Identity
import JSON
import Postgres

/// Which due intents were asked for.
struct DueIntentList: Sendable {
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

    struct Page: Sendable {
        var documents: [JSONValue]
        /// After which the next page begins; nil where this is the last.
        var next: Keyset?
    }

    static let csv = [
        "id", "kind", "subject", "status", "due_at", "attempts", "error", "code", "detail", "position", "completed_at",
        "correlation_id", "created_at",
    ]

    let tenant: TenantID
    let state: State?
    let subject: String?
    let after: Keyset?
    private(set) var limit: Int
    /// The client has said how many it wants.
    let isLimited: Bool
    let scope: CursorScope

    init(_ request: Request, of tenant: TenantID) throws {
        self.tenant = tenant
        var parameters = QueryParameters(request)
        state = parameters.choice("status", State.self)
        subject = parameters.text("subject", mayBeEmpty: false)
        isLimited = parameters.contains("limit")
        limit = parameters.limit()
        let cursor = parameters.text("cursor", mayBeEmpty: false)
        try parameters.finish()
        var scope = CursorScope(resource: "due-intents", tenant: tenant, visibility: .full, sort: "due_at")
        if let state { scope.add("status", state.rawValue) }
        if let subject { scope.add("subject", subject) }
        after = try cursor.map { [scope] cursor in
            guard let keyset = scope.keyset(cursor) else { throw Problem(.invalidCursor) }
            return keyset
        }
        self.scope = scope
    }

    /// As many at a time as a page can have.
    mutating func takeMost() { limit = 200 }

    func page(_ pool: PostgresPool, after place: Keyset?) async throws -> Page {
        let rows = try await pool.query(
            statement(after: place, limit: limit + 1), tenant: tenant.uuid, lane: .slow)
        var page = Page(documents: [])
        for row in rows.prefix(limit) { page.documents.append(try Self.document(row)) }
        if rows.count > limit { page.next = try Self.keyset(rows[limit - 1]) }
        return page
    }

    private func statement(after place: Keyset?, limit: Int) -> SQL {
        var statement: SQL = """
            SELECT (extract(epoch FROM d.due_at) * 1000000)::bigint, d.intent_id, d.kind, d.subject, d.due_at, d.attempts,
                   d.last_error, d.outcome, d.code, d.detail, d.position, d.completed_at, d.correlation_id, d.created_at
            FROM main.due_intents d WHERE d.tenant_id = \(tenant.uuid)
            """
        if let state { statement += " AND \(state.condition)" }
        if let subject { statement += " AND d.subject = \(subject)" }
        if let place, let microseconds = place.value {
            statement += """
                 AND (d.due_at, d.intent_id)
                     > (timestamptz 'epoch' + \(microseconds) * interval '1 microsecond',
                        \(place.id))
                """
        }
        return statement + " ORDER BY d.due_at, d.intent_id LIMIT \(limit)"
    }

    private static func keyset(_ row: Row) throws(PostgresError) -> Keyset {
        Keyset(value: try row.decode(0), id: try row.decode(1))
    }

    private static func document(_ row: Row) throws(PostgresError) -> JSONValue {
        func text(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }
        let position = try row.decode(10, as: Int64?.self)
        return [
            "id": .string(try row.decode(1, as: UUID.self).text),
            "kind": .string(try row.decode(2, as: String.self)),
            "subject": text(try row.decode(3)),
            "status": .string(try row.decode(7, as: String?.self) ?? State.waiting.rawValue),
            "due_at": .string(try row.timestamp(4).rfc3339),
            "attempts": .integer(try row.decode(5)),
            "error": text(try row.decode(6)),
            "code": text(try row.decode(8)),
            "detail": text(try row.decode(9)),
            "position": position.map(JSONValue.integer) ?? .null,
            "completed_at": text(try row.optionalTimestamp(11)?.rfc3339),
            "correlation_id": .string(try row.decode(12, as: UUID.self).text),
            "created_at": .string(try row.timestamp(13).rfc3339),
        ]
    }
}
