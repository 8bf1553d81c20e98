import Postgres
import Synchronization

/// The answers that are being made: for each key one at a time that others may have.
final class HotFills: Sendable {
    final class Fill: Sendable {
        fileprivate let key: HotKey
        fileprivate let subject: HotSubject
        fileprivate let state = Mutex(State())

        fileprivate init(_ key: HotKey, _ subject: HotSubject) {
            self.key = key
            self.subject = subject
        }
    }

    /// What comes of it for others.
    enum Outcome: Sendable {
        case value(any Sendable)
        /// The database does not answer: it would not answer them either.
        case failure(PostgresError)
        case nothing
    }

    fileprivate struct State {
        /// Something it may show has changed since it began.
        var isSpoiled = false
        /// nil: it is under way.
        var outcome: Outcome?
        var waiting: [CheckedContinuation<Outcome, Never>] = []
    }

    enum Role {
        case lead(Fill)
        case wait(Fill)
    }

    private let open = Mutex<[HotKey: Fill]>([:])

    /// How many wait for what others make.
    var waiting: Int {
        open.withLock { open in open.values.reduce(0) { sum, fill in sum + fill.state.withLock { $0.waiting.count } } }
    }

    func join(_ key: HotKey, _ subject: HotSubject) -> Role {
        open.withLock { open in
            if let fill = open[key], !fill.state.withLock({ $0.isSpoiled }) { return .wait(fill) }
            let fill = Fill(key, subject)
            open[key] = fill
            return .lead(fill)
        }
    }

    /// What the fill's leader has made.
    func outcome(of fill: Fill) async -> Outcome {
        await withCheckedContinuation { continuation in
            let outcome = fill.state.withLock { state in
                if state.outcome == nil { state.waiting.append(continuation) }
                return state.outcome
            }
            if let outcome { continuation.resume(returning: outcome) }
        }
    }

    /// To be called by the leader, once this or `fail`.
    ///
    /// - Parameter keep: called where nothing has spoiled it, before anything can any more; whether others may have the
    ///   value.
    func end(_ fill: Fill, with value: any Sendable, keep: () -> Bool) {
        end(fill) { state in !state.isSpoiled && keep() ? .value(value) : .nothing }
    }

    /// To be called by the leader whose making has failed.
    func fail(_ fill: Fill, with error: any Error) {
        var outcome = Outcome.nothing
        if let error = error as? PostgresError, error.isAbsence { outcome = .failure(error) }
        end(fill) { _ in outcome }
    }

    private func end(_ fill: Fill, _ outcome: (State) -> Outcome) {
        let (shared, waiting) = fill.state.withLock { state in
            let shared = outcome(state)
            state.outcome = shared
            defer { state.waiting = [] }
            return (shared, state.waiting)
        }
        // Who comes from now on begins anew, or finds what was kept.
        open.withLock { open in if open[fill.key] === fill { open[fill.key] = nil } }
        for continuation in waiting { continuation.resume(returning: shared) }
    }

    /// Those that are under way, of these subjects, may have read what is no longer so.
    func spoil(_ isMeant: (HotSubject) -> Bool) {
        let fills = open.withLock { $0.values.filter { isMeant($0.subject) } }
        for fill in fills { fill.state.withLock { $0.isSpoiled = true } }
    }
}

extension PostgresError {
    /// Whether who asks next would wait as long and learn as little.
    fileprivate var isAbsence: Bool {
        switch kind {
        case .connectionFailed, .connectionLost, .deadlineExceeded, .poolWaitExceeded, .closed: true
        case .server, .cancelled, .decoding, .invalidConfiguration: false
        }
    }
}
