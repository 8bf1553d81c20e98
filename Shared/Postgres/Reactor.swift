import Logging
import Synchronization

typealias Caller = UnsafeContinuation<Result<[Rows], PostgresError>, Never>

/// The mailbox of a pool's thread: how tasks and helper threads speak to it.
final class Reactor: Sendable {
    enum Input: Sendable {
        case submit(Lane, PoolRequest, Ticket, Caller)
        case cancel(Lane, RequestID)
        case release(Lane, RequestID)
        case opened(Lane, ConnectionID, Link)
        case openFailed(Lane, ConnectionID, PostgresError)
        case cancelSent(Lane, ConnectionID)
        case drain(until: Int64)
    }

    /// Says whether the task of a request is cancelled, also before the request has arrived.
    final class Ticket: Sendable {
        let isCancelled = Atomic(false)
    }

    private struct Mailbox {
        var inputs: [Input] = []
        var isAsleep = false
        var isClosed = false
    }

    private let mailbox = Mutex(Mailbox())
    private let published = Mutex(PoolStatistics())
    /// nil if the system has no descriptor left: then nothing can run.
    private let wake: WakePipe?

    init() { wake = try? WakePipe() }

    var wakeReader: Int32 { wake?.reader ?? -1 }

    var statistics: PoolStatistics { published.withLock { $0 } }

    func publish(_ statistics: PoolStatistics) { published.withLock { $0 = statistics } }

    func put(_ input: Input) {
        let (isAccepted, mustWake) = mailbox.withLock { mailbox -> (Bool, Bool) in
            guard !mailbox.isClosed, wake != nil else { return (false, false) }
            mailbox.inputs.append(input)
            defer { mailbox.isAsleep = false }
            return (true, mailbox.isAsleep)
        }
        if mustWake { wake?.wake() }
        if !isAccepted { Self.refuse(input) }
    }

    private static func refuse(_ input: Input) {
        if case .submit(_, _, _, let caller) = input {
            caller.resume(returning: .failure(PostgresError(.closed, "the pool is closed")))
        }
    }

    /// What has come. With nothing come, the next `put` wakes the thread.
    func take() -> [Input] {
        mailbox.withLock { mailbox in
            if mailbox.inputs.isEmpty {
                mailbox.isAsleep = true
                return []
            }
            mailbox.isAsleep = false
            defer { mailbox.inputs = [] }
            return mailbox.inputs
        }
    }

    func woken() { wake?.drain() }

    /// Nothing is taken any more; whoever still waits is told so.
    func close() {
        let inputs = mailbox.withLock { mailbox in
            mailbox.isClosed = true
            defer { mailbox.inputs = [] }
            return mailbox.inputs
        }
        for input in inputs { Self.refuse(input) }
    }
}
