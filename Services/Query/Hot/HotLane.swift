import EventSourcing
import Synchronization

/// How far the kept answers of a projection are known to reach, and for how long that may be relied upon.
final class HotLane: Sendable {
    struct State: Sendable {
        var epoch: Int64 = 0
        /// Of the generation that the answers were read from.
        var generation: Int32?
        /// Every change up to here has been taken into account.
        var checkpoint: Int64 = 0
        /// After this instant there may be changes that should be known and are not.
        var until: ContinuousClock.Instant?

        func isCurrent(at now: ContinuousClock.Instant) -> Bool { until.map { now < $0 } ?? false }
    }

    private struct Standing {
        var state = State()
        /// `Closter-Position` at this checkpoint, of those who have asked.
        var positions: [TenantID: String] = [:]
    }

    private let shard: String
    private let mutex = Mutex(Standing())

    init(shard: String) { self.shard = shard }

    var state: State { mutex.withLock { $0.state } }

    func standing(of tenant: TenantID) -> (State, position: String) {
        mutex.withLock { standing in
            let state = standing.state
            if let position = standing.positions[tenant] { return (state, position) }
            let token = PositionToken(shard: shard, epoch: state.epoch, tenant: tenant, position: state.checkpoint)
            let position = token.text
            standing.positions[tenant] = position
            return (state, position)
        }
    }

    /// Nothing may be relied upon, nor how far it reached: a server that has crashed may have lost some of it.
    func close() { mutex.withLock { $0 = Standing() } }

    /// Answers of another generation, or of another history, are none any more.
    ///
    /// - Returns: whether those that are kept must go. The lane is closed then, and must be opened after.
    func adopt(_ generation: Int32, epoch: Int64) -> Bool {
        mutex.withLock { standing in
            guard standing.state.generation != generation || standing.state.epoch != epoch else { return false }
            standing = Standing(state: State(epoch: epoch, generation: generation))
            return true
        }
    }

    func open(to checkpoint: Int64, until: ContinuousClock.Instant) {
        mutex.withLock { standing in
            if standing.state.checkpoint < checkpoint {
                standing.state.checkpoint = checkpoint
                standing.positions.removeAll(keepingCapacity: true)
            }
            standing.state.until = max(standing.state.until ?? until, until)
        }
    }
}
