import EventSourcing
import EventStore
import Foundation
import JSON
import Postgres

/// An intent that is due, leased to whoever claimed it.
struct DueIntent: Sendable {
    var id: UUID
    var tenant: TenantID
    var kind: String
    /// Whose turn it is: of one subject the intents are run in the order in which they fall due.
    var subject: TypeID
    var payload: JSONObject
    var dueAt: Timestamp
    var correlationID: UUID
    /// The command that led to it.
    var causationID: UUID?
    var traceparent: String?
    /// This one counted.
    var attempts: Int
    /// Fences the lease.
    var token: Int64
}

/// The intents that wait for their time, in `main.due_intents`.
struct DueIntents: Sendable {
    let pool: PostgresPool

    /// How long whoever claimed one has it to itself.
    static let lease = Duration.seconds(60)

    /// At most one of each subject, the longest due first.
    func claim(at now: Timestamp, atMost limit: Int) async throws -> [DueIntent] {
        let rows = try await pool.query(
            """
            SELECT intent_id, tenant_id, kind, payload, due_at, correlation_id, causation_id, traceparent, attempts,
                   lease_token
            FROM main.claim_due_intents(\(PostgresTimestamp(now)), \(limit)::int, make_interval(secs => \(Self.lease.seconds)))
            """, lane: .slow)
        return try rows.map { row in
            let payload = try? JSONValue(parsing: row.bytes(3) ?? []).objectValue
            guard let payload, let subject = payload["subject"]?.stringValue.flatMap(TypeID.init(_:)) else {
                throw PostgresError(.decoding, "a due intent has no subject")
            }
            return DueIntent(
                id: try row.decode(0), tenant: TenantID(try row.decode(1, as: UUID.self)), kind: try row.decode(2),
                subject: subject, payload: payload, dueAt: Timestamp(try row.decode(4, as: PostgresTimestamp.self)),
                correlationID: try row.decode(5), causationID: try row.decode(6), traceparent: try row.decode(7),
                attempts: try row.decode(8), token: try row.decode(9))
        }
    }

    /// When the next can be claimed; nil where none waits.
    func next() async throws -> Timestamp? {
        let rows = try await pool.query("SELECT main.next_due_intent()")
        return try rows.first?.decode(0, as: PostgresTimestamp?.self).map(Timestamp.init)
    }

    /// - Returns: false where the lease was lost, and somebody else has finished it or will.
    @discardableResult
    func finish(_ intent: DueIntent, _ end: DueEnd, at now: Timestamp) async throws -> Bool {
        let rows = try await pool.query(
            """
            SELECT main.finish_due_intent(
                \(intent.id), \(intent.token), \(PostgresTimestamp(now)), \(end.outcome), \(end.code), \(end.detail),
                \(end.position))
            """)
        return try rows.first?.decode(0) ?? false
    }

    /// Puts it off after a failure that another time may not meet.
    func postpone(_ intent: DueIntent, until later: Timestamp, _ reason: String) async throws {
        _ = try await pool.query(
            """
            SELECT main.postpone_due_intent(
                \(intent.id), \(intent.token), \(PostgresTimestamp(later)), \(String(reason.prefix(500))))
            """)
    }
}

/// What became of an intent that fell due.
enum DueEnd: Equatable, Sendable {
    /// It took effect, or was already true.
    case done(position: Int64)
    /// A rule said no.
    case refused(code: String, detail: String)

    var outcome: String {
        switch self {
        case .done: "done"
        case .refused: "refused"
        }
    }

    fileprivate var code: String? {
        if case .refused(let code, _) = self { code } else { nil }
    }

    fileprivate var detail: String? {
        if case .refused(_, let detail) = self { detail } else { nil }
    }

    fileprivate var position: Int64? {
        if case .done(let position) = self { position } else { nil }
    }
}

extension Duration {
    fileprivate var seconds: Double { self / .seconds(1) }
}
