import JSON
import Postgres

/// Asks the projector to do something with a parked event, and sees what becomes of it.
struct ParkedRequest: Sendable {
    enum Action: String, Sendable { case retry, skip }

    enum Outcome: Equatable, Sendable {
        /// It is in the rows now, with what waited behind it as far as that could be taken.
        case applied
        case skipped(waiting: Int64)
        /// It could not be taken again.
        case parked(reason: String, attempts: Int)
    }

    var action: Action
    var projection: String
    var position: Int64
    let context: Context

    /// Looks, half a second apart, after which it no longer waits.
    private static let polls = 60

    func carryOut() async throws -> Outcome {
        let before: ParkedEvent = try await Database.ask(context.settings) { connection in
            guard let event = try await event(connection) else {
                throw ToolFailure(
                    "no event at position \(position) of \(projection) could not be applied: see closter parked list")
            }
            let rows = try await connection.query(
                "SELECT main.request_parked(\(projection), \(position), \(action.rawValue), \(Requester.name))")
            guard try rows[0].decode(0, as: Bool.self) else {
                throw ToolFailure("the event at position \(position) of \(projection) was dealt with a moment ago")
            }
            return event
        }
        for poll in 0..<Self.polls {
            try await context.pause(.milliseconds(poll < 10 ? 50 : 500))
            let known = try await Database.read(context.settings) { try await outcome(since: before, $0) }
            if let known { return known }
        }
        throw ToolFailure(
            "\(action.rawValue) is asked for, but no projector has done it yet: is one running? The wish stays")
    }

    private func event(_ connection: PostgresConnection) async throws -> ParkedEvent? {
        try await ParkedEvent.list(projection: projection, position: position, connection).first
    }

    /// Nil: not done yet.
    private func outcome(since before: ParkedEvent, _ connection: PostgresConnection) async throws -> Outcome? {
        if let now = try await event(connection) {
            guard now.attempts > before.attempts, now.wish != action.rawValue else { return nil }
            return .parked(reason: now.reason, attempts: now.attempts)
        }
        let skipped = try await connection.query(
            "SELECT FROM main.skipped s WHERE s.projection = \(projection) AND s.position = \(position)")
        return skipped.isEmpty ? .applied : .skipped(waiting: before.waiting)
    }
}

extension ParkedRequest.Outcome {
    func text(_ request: ParkedRequest) -> String {
        let event = "\(request.projection) #\(request.position)"
        return switch self {
        case .applied: "\(event): applied"
        case .skipped(let waiting):
            "\(event): skipped for good" + (waiting > 0 ? "; what waited behind it was tried" : "")
        case .parked(let reason, let attempts):
            "\(event): still parked after \(Figures.count(Int64(attempts), "attempt")): \(reason)"
        }
    }

    func json(_ request: ParkedRequest) -> JSONValue {
        var object: JSONObject = ["projection": .string(request.projection), "position": .integer(request.position)]
        switch self {
        case .applied: object["outcome"] = "applied"
        case .skipped: object["outcome"] = "skipped"
        case .parked(let reason, let attempts):
            object["outcome"] = "parked"
            object["reason"] = .string(reason)
            object["attempts"] = JSONValue(attempts)
        }
        return .object(object)
    }
}
