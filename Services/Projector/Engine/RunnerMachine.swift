/// How a runner comes to lead a generation, and what it does when it no longer can: pure, it says what to do next and is
/// told what came of it. `GenerationRunner` performs it; so does the simulation.
struct RunnerMachine {
    enum Action: Equatable {
        /// Make a connection; then `connected`.
        case connect
        /// Ask for the leadership's lock on the connection there is; then `asked`.
        case takeLead
        /// End the session of a leader that has been silent for too long; then `looked`.
        case endFrozen
        /// Stand by; then `takeLead`.
        case standBy(Duration)
        /// Lead, by a `LeaderMachine` with the policy; then `left`.
        case lead
        /// Give the connection up, and the lock with it; then `connect`.
        case reconnect(after: Duration)
        /// - Parameter isStopped: whether it needs a hand, or a new program.
        case end(isStopped: Bool)
    }

    /// Kept from one lead to the next.
    private(set) var policy: RetryPolicy
    /// How often a standby tries to take over.
    private let standbyInterval: Duration

    init(_ policy: RetryPolicy, standbyInterval: Duration) {
        self.policy = policy
        self.standbyInterval = standbyInterval
    }

    func connected() -> Action { .takeLead }

    func asked(isLeader: Bool) -> Action { isLeader ? .lead : .endFrozen }

    /// - Parameter hasEnded: whether there was a frozen leader, whose lock is free now.
    mutating func looked(hasEnded: Bool) -> Action {
        guard !hasEnded else { return .takeLead }
        policy.rested()
        return .standBy(standbyInterval)
    }

    /// The lead has come to an end.
    mutating func left(_ step: RetryPolicy.Step, _ policy: RetryPolicy) -> Action {
        self.policy = policy
        return action(for: step)
    }

    /// Any of it could not be done.
    mutating func failed(_ failure: BatchFailure) -> Action { action(for: policy.failed(failure, count: 1)) }

    private func action(for step: RetryPolicy.Step) -> Action {
        switch step {
        case .again(let duration), .reconnect(let duration): .reconnect(after: duration)
        case .stepDown: .reconnect(after: standbyInterval)
        case .end: .end(isStopped: false)
        case .stop: .end(isStopped: true)
        }
    }
}
