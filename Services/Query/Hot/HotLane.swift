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

    private let mutex = Mutex(State())

    var state: State { mutex.withLock { $0 } }

    /// Nothing may be relied upon.
    func close() { mutex.withLock { $0.until = nil } }

    /// Answers of another generation, or of another history, are none any more.
    ///
    /// - Returns: whether those that are kept must go. The lane is closed then, and must be opened after.
    func adopt(_ generation: Int32, epoch: Int64) -> Bool {
        mutex.withLock { state in
            guard state.generation != generation || state.epoch != epoch else { return false }
            state = State(epoch: epoch, generation: generation)
            return true
        }
    }

    func open(to checkpoint: Int64, until: ContinuousClock.Instant) {
        mutex.withLock { state in
            state.checkpoint = max(state.checkpoint, checkpoint)
            state.until = max(state.until ?? until, until)
        }
    }
}
