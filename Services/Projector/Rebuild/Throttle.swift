/// How much of the machine a rebuild may take. Pure.
struct Throttle: Sendable, Equatable {
    /// Of a core, for all workers together.
    var share: Double
    var workers: Int

    /// No worker ever pauses: each may have a core of its own.
    var isUnlimited: Bool { share >= Double(workers) }

    /// How long a worker rests after it has worked so long.
    func pause(after work: Duration) -> Duration {
        isUnlimited ? .zero : max(.zero, work * (Double(workers) / share - 1))
    }
}
