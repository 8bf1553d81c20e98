import EventSourcing
import Foundation
import Postgres

/// Has groups of projections' rows folded afresh: leaves requests for the projector, which owns the rows, and waits.
struct RepairRequests: Sendable {
    struct Outcome: Equatable, Sendable {
        var group: Finding.Group
        /// `mended`, `right` or `failed`, and why; `dropped` with its generation.
        var outcome: String
        var detail: String?
    }

    let connection: PostgresConnection
    /// How long nothing may happen.
    let patience: Duration
    /// Sleeps between polls.
    let pause: @Sendable (Duration) async throws -> Void

    /// - Returns: what became of each group, in their order.
    func perform(_ groups: [Finding.Group], progress: (Int) -> Void) async throws -> [Outcome] {
        var requests: [(id: Int64, group: Finding.Group)] = []
        for group in groups { requests.append((try await request(group), group)) }
        let clock = ContinuousClock()
        var deadline = clock.now + patience
        var done = 0
        while true {
            let states = try await states(of: requests.map(\.id))
            let outcomes = requests.compactMap { request -> Outcome? in
                guard let state = states[request.id] else { return Outcome(group: request.group, outcome: "dropped") }
                return state.outcome.map { Outcome(group: request.group, outcome: $0, detail: state.detail) }
            }
            if outcomes.count > done { deadline = clock.now + patience }
            done = outcomes.count
            progress(done)
            if done == requests.count { return outcomes }
            guard clock.now < deadline else {
                throw ToolFailure(
                    "\(requests.count - done) of \(requests.count) repairs were not done, and nothing has happened for "
                        + "\(patience.components.seconds) s: is a projector running and leading? The requests stay")
            }
            try await pause(.milliseconds(100))
        }
    }

    private func request(_ group: Finding.Group) async throws -> Int64 {
        // A request that was open before can be done just as it is asked for: then there is none, and a new one is made.
        for _ in 0..<10 {
            let rows = try await connection.query(
                """
                SELECT main.request_repair(\(group.projection), \(group.tenant.uuid), \(group.group.uuid),
                                           'closter verify')
                """)
            if let id = try rows.first?.decode(0, as: Int64?.self) { return id }
        }
        throw ToolFailure("the repair of \(group.group) cannot be requested: others keep repairing it")
    }

    private func states(of ids: [Int64]) async throws -> [Int64: (outcome: String?, detail: String?)] {
        let rows = try await connection.query(
            "SELECT repair_id, outcome, detail FROM main.repairs WHERE repair_id = ANY (\(ids))")
        var states: [Int64: (outcome: String?, detail: String?)] = [:]
        for row in rows { states[try row.decode(0)] = (row[1], row[2]) }
        return states
    }
}
