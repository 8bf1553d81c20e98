import EventSourcing
import Synchronization

/// What this process does for each generation, and how far each has come, whoever leads it.
final class ProjectorStatus: Sendable {
    enum Role: String, Sendable {
        /// On the way to the database.
        case connecting
        /// Another process leads.
        case standby
        case leading
        /// The generation stays where it is until the program is started anew: an event could neither be projected
        /// nor parked.
        case stopped
    }

    struct Generation: Sendable, Equatable {
        var role: Role?
        /// Why it was stopped.
        var reason: String?
        var isLive = false
        /// Its newest checkpoint when the database was last asked.
        var position: Int64 = 0
        var lagPositions: Int64 = 0
        /// The age of the oldest event it has not seen.
        var lagSeconds: Double = 0
        /// Parked events.
        var parked = 0
    }

    private struct State {
        var generations: [GenerationID: Generation] = [:]
        var refreshedAt: ContinuousClock.Instant?
    }

    private let state = Mutex(State())

    var generations: [GenerationID: Generation] { state.withLock { $0.generations } }

    /// How long ago the database last told; nil: never.
    var age: Duration? {
        state.withLock { state in state.refreshedAt.map { ContinuousClock.now - $0 } }
    }

    func set(_ generation: GenerationID, _ role: Role) {
        state.withLock { $0.generations[generation, default: Generation()].role = role }
    }

    func stop(_ generation: GenerationID, reason: String) {
        state.withLock { state in
            state.generations[generation, default: Generation()].role = .stopped
            state.generations[generation]?.reason = reason
        }
    }

    func refresh(_ entries: [CensusEntry]) {
        state.withLock { state in
            let known = Set(entries.map(\.generation))
            state.generations = state.generations.filter { known.contains($0.key) }
            for entry in entries {
                state.generations[entry.generation, default: Generation()].isLive = entry.status == .live
                state.generations[entry.generation]?.position = entry.position
                state.generations[entry.generation]?.lagPositions = max(0, entry.head - entry.position)
                state.generations[entry.generation]?.lagSeconds = entry.lagSeconds
                state.generations[entry.generation]?.parked = entry.parked
            }
            state.refreshedAt = .now
        }
    }

    /// Nothing else would show that a projection stands still, so readiness says so: in words, per generation.
    ///
    /// - Parameter bound: the lag in seconds from which a live generation that this process leads is not served well.
    func readiness(bound: Double) -> (isReady: Bool, detail: String) {
        let generations = generations.sorted { $0.key.description < $1.key.description }
        var isReady = !generations.isEmpty
        var parts: [String] = []
        for (id, generation) in generations {
            let parked = generation.parked > 0 ? "\(generation.parked) events parked, " : ""
            let lag = "\(parked)lag \(generation.lagPositions) positions, \(generation.lagSeconds.formatted) s"
            switch generation.role {
            case .stopped:
                isReady = false
                parts.append("\(id): stopped \(generation.reason ?? "")")
            case .leading:
                let isLate = generation.isLive && generation.lagSeconds > bound
                if isLate { isReady = false }
                parts.append("\(id): \(isLate ? "late, " : "leading, ")\(lag)")
            case .standby: parts.append("\(id): standby, \(lag)")
            case .connecting:
                isReady = false
                parts.append("\(id): connecting")
            case nil: parts.append("\(id): not of this program, \(lag)")
            }
        }
        return (isReady, parts.isEmpty ? "no generation known yet" : parts.joined(separator: "; "))
    }
}

extension Double {
    /// With one decimal.
    fileprivate var formatted: String {
        let tenths = Int64((self * 10).rounded())
        return "\(tenths / 10).\(abs(tenths % 10))"
    }
}
