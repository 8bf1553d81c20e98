import EventSourcing
import Foundation
import JSON
import Postgres

/// A task of the outbox that nobody performs until somebody has decided about it.
struct HeldTask: Equatable, Sendable {
    var id: UUID
    var tenant: String
    var kind: String
    /// Of the last event of the intent that asked for it.
    var position: Int64
    var correlationID: UUID
    var createdAt: Timestamp
    var attempts: Int
    var heldAt: Timestamp
    var reason: String

    /// In the order of the log.
    ///
    /// - Parameters:
    ///   - tenant: its slug; nil for all.
    ///   - kind: nil for all.
    static func list(tenant: String?, kind: String?, _ connection: PostgresConnection) async throws -> [HeldTask] {
        try await connection.query(
            """
            SELECT o.task_id, coalesce(t.slug, o.tenant_id::text), o.kind, o.position, o.correlation_id, o.created_at,
                   o.attempts, o.held_at, o.held_reason
            FROM main.outbox o LEFT JOIN closter.tenants t ON t.tenant_id = o.tenant_id
            WHERE o.held_at IS NOT NULL AND (\(tenant)::text IS NULL OR t.slug = \(tenant))
              AND (\(kind)::text IS NULL OR o.kind = \(kind))
            ORDER BY o.position, o.task_id
            """
        ).map(HeldTask.init)
    }

    private init(_ row: Row) throws {
        id = try row.decode(0)
        tenant = try row.decode(1)
        kind = try row.decode(2)
        position = try row.decode(3)
        correlationID = try row.decode(4)
        createdAt = Timestamp(microseconds: try row.decode(5, as: PostgresTimestamp.self).microseconds)
        attempts = try row.decode(6)
        heldAt = Timestamp(microseconds: try row.decode(7, as: PostgresTimestamp.self).microseconds)
        reason = try row.decode(8)
    }

    static let columns = ["TASK", "TENANT", "KIND", "POSITION", "CORRELATION", "CREATED", "ATTEMPTS", "REASON"]

    var cells: [String] {
        [id.lowercase, tenant, kind, "\(position)", correlationID.lowercase, createdAt.rfc3339, "\(attempts)", reason]
    }

    var json: JSONValue {
        [
            "task": .string(id.lowercase), "tenant": .string(tenant), "kind": .string(kind),
            "position": .integer(position), "correlation_id": .string(correlationID.lowercase),
            "created_at": .string(createdAt.rfc3339), "attempts": JSONValue(attempts),
            "held_at": .string(heldAt.rfc3339), "reason": .string(reason),
        ]
    }
}

/// What is done about a held task.
enum TaskDecision: String, Sendable {
    /// It is performed.
    case released
    /// It counts as done and is not performed.
    case settled

    struct Outcome: Equatable, Sendable {
        var decided: [UUID]
        /// Asked for, and not held: unknown, or decided by somebody else.
        var others: [UUID]
    }

    func make(for tasks: [UUID], _ connection: PostgresConnection) async throws -> Outcome {
        let rows = try await connection.query(
            "SELECT main.decide_tasks(\(tasks), \(rawValue), \(Requester.name))")
        let decided = Set(try rows.map { try $0.decode(0, as: UUID.self) })
        return Outcome(decided: tasks.filter(decided.contains), others: tasks.filter { !decided.contains($0) })
    }
}

extension UUID {
    var lowercase: String { uuidString.lowercased() }
}
