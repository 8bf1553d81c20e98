import Postgres

/// What the appender does next, and what it makes of an answer: pure, without clock, connection or task. `Appender`
/// performs what it says; so does the simulation.
///
/// One batch is under way at a time, in one or more parts: each is sent until its outcome is known or time is up.
struct AppenderMachine<Waiter> {
    enum Step {
        /// One call of `main.append`, on a new connection where there is none; then `answered`.
        case send([Intent])
        /// Before the same part is sent again.
        case pause(Duration)
        /// Until an intent is added or the appender is closed.
        case rest
        /// Closed, and nothing waits.
        case end
    }

    /// What a part has come to: one result per intent.
    struct Settlement {
        var answers: [(waiter: Waiter, result: Result<AppendOutcome, AppendFailure>)]
        var report: Appender.Report
    }

    private struct Entry {
        var intent: Intent
        var waiter: Waiter
    }

    private struct Part {
        var entries: [Entry]
        /// When it was first sent.
        var began: ContinuousClock.Instant?
        /// By which its outcome was lost: it may have been committed.
        var doubt: PostgresError?
        var backoff = Duration.milliseconds(20)
        var pause: Duration?
    }

    private let limits: Appender.Limits
    private var queue: BatchQueue<Entry>
    /// Of the batch under way: the first is the one that is being sent.
    private var parts: [Part] = []
    private var isClosed = false

    init(_ limits: Appender.Limits) {
        self.limits = limits
        queue = BatchQueue(maximumCount: limits.batchCount, maximumBytes: limits.batchBytes)
    }

    /// Takes an intent that will be answered.
    mutating func add(_ intent: Intent, _ waiter: Waiter) throws(AppendFailure) {
        guard !isClosed else { throw .closed }
        guard queue.count < limits.queueCount else { throw .overloaded }
        queue.enqueue(
            .init(
                entry: Entry(intent: intent, waiter: waiter), resources: intent.resources, bytes: intent.byteCount))
    }

    /// What waits is still appended, and what comes is refused.
    mutating func close() { isClosed = true }

    /// Whether there is nothing to do but to wait.
    var canRest: Bool { parts.isEmpty && queue.count == 0 && !isClosed }

    mutating func next(at now: ContinuousClock.Instant) -> Step {
        if parts.isEmpty {
            let batch = queue.next()
            if batch.isEmpty { return isClosed ? .end : .rest }
            parts = [Part(entries: batch)]
        }
        if let pause = parts[0].pause {
            parts[0].pause = nil
            return .pause(pause)
        }
        if parts[0].began == nil { parts[0].began = now }
        return .send(parts[0].entries.map(\.intent))
    }

    /// What came of a send.
    ///
    /// - Returns: nil where the same intents are sent once more, all at once or in halves.
    mutating func answered(
        _ result: Result<[AppendOutcome], PostgresError>, at now: ContinuousClock.Instant
    ) -> Settlement? {
        guard let part = parts.first else { return nil }
        switch result {
        case .success(let outcomes): return settle(outcomes.map { Self.told($0, part.doubt) }, at: now)
        case .failure(let error):
            switch error.verdict {
            case .final:
                guard part.entries.count == 1 else { return halve() }
                return settle(.refused(error), at: now)
            case .unreadable:
                parts[0].doubt = error
                guard part.entries.count == 1 else { return halve() }
                return fail(error, at: now)
            case .rolledBack: return fail(error, at: now)
            case .lost:
                parts[0].doubt = error
                return again(error, at: now)
            case .neverSent: return again(error, at: now)
            }
        }
    }

    /// What was lost may still be on its way to the server, and the value it wants free by the time it arrives: that it
    /// is taken now does not say that nothing will happen. (A version that has moved never comes back.)
    private static func told(
        _ outcome: AppendOutcome, _ doubt: PostgresError?
    ) -> Result<AppendOutcome, AppendFailure> {
        if let doubt, case .claimed = outcome { return .failure(.outcomeUnknown(doubt)) }
        return .success(outcome)
    }

    private mutating func again(_ error: PostgresError, at now: ContinuousClock.Instant) -> Settlement? {
        guard let began = parts[0].began, now < began + limits.recovery else { return fail(error, at: now) }
        parts[0].pause = parts[0].backoff
        parts[0].backoff = min(parts[0].backoff * 2, .milliseconds(500))
        return nil
    }

    /// Of a part that Postgres refuses, or whose answer cannot be read, until the intent to blame stands alone.
    private mutating func halve() -> Settlement? {
        let part = parts.removeFirst()
        let middle = part.entries.count / 2
        let halves = [part.entries[..<middle], part.entries[middle...]]
        parts.insert(contentsOf: halves.map { Part(entries: Array($0), doubt: part.doubt) }, at: 0)
        return nil
    }

    private mutating func fail(_ error: PostgresError, at now: ContinuousClock.Instant) -> Settlement {
        settle(parts[0].doubt == nil ? .unavailable(error) : .outcomeUnknown(error), at: now)
    }

    private mutating func settle(_ failure: AppendFailure, at now: ContinuousClock.Instant) -> Settlement {
        settle(parts[0].entries.map { _ in .failure(failure) }, at: now)
    }

    private mutating func settle(
        _ results: [Result<AppendOutcome, AppendFailure>], at now: ContinuousClock.Instant
    ) -> Settlement {
        let part = parts.removeFirst()
        var conflicts = 0
        for case .success(.conflict) in results { conflicts += 1 }
        return Settlement(
            answers: zip(part.entries, results).map { ($0.waiter, $1) },
            report: Appender.Report(
                intents: part.entries.count, events: part.entries.reduce(0) { $0 + $1.intent.eventCount },
                conflicts: conflicts, duration: now - (part.began ?? now)))
    }
}

extension Intent {
    fileprivate var eventCount: Int { changes.reduce(0) { $0 + $1.events.count } }
}

extension PostgresError {
    /// What a failure says about the batch that met it.
    enum Verdict {
        case neverSent
        /// The connection or the session ended around it: it may have been committed.
        case lost
        /// The server took it back for a reason that passes: a lock, a deadline, a full disk, a read-only standby.
        case rolledBack
        /// The server will never take it.
        case final
        /// The server has taken it, and its answer cannot be understood.
        case unreadable
    }

    var verdict: Verdict {
        switch kind {
        case .connectionFailed, .closed, .poolWaitExceeded, .invalidConfiguration: .neverSent
        case .connectionLost: .lost
        case .deadlineExceeded, .cancelled: .rolledBack
        case .decoding: .unreadable
        case .server(let state):
            switch state.prefix(2) {
            case "57" where state.hasPrefix("57P"), "08": .lost
            case "40", "53", "55", "57", "58", "25": .rolledBack
            default: .final
            }
        }
    }
}
