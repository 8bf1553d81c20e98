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

    static let gathering = Duration.milliseconds(10)

    private let dense: Range<Int>
    private var failures = 0
    private var pause: Duration?
    private var isDry = false

    /// - Parameter dense: so many events at once come while much is written: what comes next is gathered for a moment, because
    ///   each read costs every projection a batch, a commit and a ring.
    init(dense: Range<Int> = 16..<250) { self.dense = dense }

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

    /// - Parameter isFull: there is more, which nothing holds up.
    mutating func took(_ batch: EventBatch, isFull: Bool) {
        failures = 0
        isDry = batch.isEmpty
        if !isFull, dense.contains(batch.events.count) { pause = Self.gathering }
    }

    /// 50 ms, doubled with each failure, at most 5 s.
    mutating func failed() {
        failures += 1
        pause = .milliseconds(min(5000, 50 << min(failures - 1, 7)))
    }
}
