import Postgres

/// What went wrong with a batch, by what can be done about it.
enum BatchFailure: Error, Sendable {
    /// Somebody else has moved the checkpoint: this leader has been succeeded.
    case fenced
    /// The connection is gone, and the leadership with it. Whether the batch was written, the checkpoint will tell.
    case connectionLost(String)
    /// Passes by itself: a lock, a deadline, a server that is short of something.
    case transient(String)
    /// An event that the fold cannot read or apply, or rows that the server refuses: it will come again, and its group
    /// must wait for a hand.
    case poisoned(String)
    /// It will come again, and no event is to blame.
    case defect(String)
    /// More events would be parked than may be.
    case overflow(limit: Int)
    /// The generation is no longer there.
    case dropped
    /// The log had a hole: a reader's fault or damage.
    case gap(LogGap)

    init(_ error: any Error) {
        switch error {
        case let failure as BatchFailure: self = failure
        case let failure as FoldFailure: self = .poisoned("\(failure)")
        case let gap as LogGap: self = .gap(gap)
        case let error as PostgresError: self.init(error)
        case is CancellationError: self = .transient("cancelled")
        default: self = .defect("\(type(of: error)): \(error)")
        }
    }

    private init(_ error: PostgresError) {
        switch error.kind {
        case .connectionFailed, .connectionLost, .closed: self = .connectionLost("\(error)")
        case .deadlineExceeded, .poolWaitExceeded, .cancelled: self = .transient("\(error)")
        case .decoding, .invalidConfiguration: self = .defect("\(error)")
        case .server(let state) where state == "23505" && error.table == "checkpoints": self = .fenced
        // The generation's own table refers to nothing: what refers to the generation does.
        case .server(let state) where state == "42P01" || state == "23503": self = .dropped
        case .server(let state) where state.hasPrefix("57P"): self = .connectionLost("\(error)")
        case .server(let state)
        where ["40", "53", "55", "57", "58"].contains(String(state.prefix(2))) || state == "25P03":
            self = .transient("\(error)")
        // A value, a constraint, a size that an index does not take.
        case .server(let state) where ["22", "23", "54"].contains(String(state.prefix(2))):
            self = .poisoned("\(error)")
        case .server: self = .defect("\(error)")
        }
    }

    var description: String {
        switch self {
        case .fenced: "somebody else has moved the checkpoint"
        case .connectionLost(let reason), .transient(let reason), .poisoned(let reason), .defect(let reason): reason
        case .overflow(let limit): "more than \(limit) events would be parked"
        case .dropped: "the generation has been dropped"
        case .gap(let gap): "\(gap)"
        }
    }
}

/// How a leader goes on after success and failure. Pure.
///
/// A poisoned batch is halved until the event that poisons it stands alone: all before it get through, in order.
struct RetryPolicy: Sendable, Equatable {
    enum Step: Sendable, Equatable {
        case again(after: Duration)
        /// On a new connection, as leader or not.
        case reconnect(after: Duration)
        case stepDown
        /// There is nothing left to lead.
        case end
        /// Trying again does not help: a poisoned event is parked, and anything else needs a new program, or a hand.
        case stop
    }

    /// The most events of the next batch.
    private(set) var limit: Int
    private let fullLimit: Int
    /// How often a single event, and what no event is to blame for, is tried.
    private let attempts: Int
    /// In a row, of any kind: what the pauses grow by.
    private(set) var failures = 0
    /// In a row, of those that do not pass by themselves, each kind for itself: neither a server that was away nor the
    /// other kind uses up the attempts.
    private var poisonings = 0
    private var defects = 0

    init(limit: Int, attempts: Int = 6) {
        self.limit = limit
        fullLimit = limit
        self.attempts = attempts
    }

    mutating func succeeded() {
        rested()
        limit = min(fullLimit, limit * 2)
    }

    /// All is well, with nothing to do.
    mutating func rested() {
        failures = 0
        poisonings = 0
        defects = 0
    }

    /// - Parameter count: the events of the batch that failed.
    mutating func failed(_ failure: BatchFailure, count: Int) -> Step {
        switch failure {
        case .fenced: return .stepDown
        case .connectionLost: return .reconnect(after: pause())
        case .dropped: return .end
        case .overflow: return .stop
        case .transient, .gap: return .again(after: pause())
        case .poisoned where count > 1:
            limit = max(1, min(limit, count) / 2)
            return .again(after: .zero)
        case .poisoned:
            poisonings += 1
            return poisonings < attempts ? .again(after: pause()) : .stop
        case .defect:
            defects += 1
            return defects < attempts ? .again(after: pause()) : .stop
        }
    }

    /// 50 ms, doubled with each failure, at most 5 s.
    private mutating func pause() -> Duration {
        failures += 1
        return .milliseconds(min(5000, 50 << min(failures - 1, 7)))
    }
}
