/// What the tail does next: pure, performed by `Tail` and by the simulation.
struct TailMachine {
    enum Step: Equatable {
        /// Read and publish what comes after the position; then `took` or `failed`.
        case read(after: Int64)
        /// Until a reader of the bus is about to run dry.
        case awaitDemand
        /// Until there may be more in the log.
        case awaitBell
        case pause(Duration)
    }

    private var failures = 0
    private var pause: Duration?
    private var isDry = false

    /// - Parameter wanted: where to read on; nil while no reader wants more.
    mutating func next(_ wanted: Int64?) -> Step {
        if let pause {
            self.pause = nil
            return .pause(pause)
        }
        if isDry {
            isDry = false
            return .awaitBell
        }
        return wanted.map { .read(after: $0) } ?? .awaitDemand
    }

    mutating func took(_ batch: EventBatch) {
        failures = 0
        isDry = batch.isEmpty
    }

    /// 50 ms, doubled with each failure, at most 5 s.
    mutating func failed() {
        failures += 1
        pause = .milliseconds(min(5000, 50 << min(failures - 1, 7)))
    }
}
