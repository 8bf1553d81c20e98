import DequeModule
import Synchronization

/// The thread behind a connection of one's own: takes one job at a time, and listens while it has none.
final class ConnectionWorker: Sendable {
    /// What the connection is asked to do, once.
    final class Job: Sendable {
        enum Work: Sendable {
            /// One transaction if several; statements are prepared.
            case statements([SQL])
            /// Any number of statements in the simple protocol; results are dropped.
            case simple(String)
        }
        let work: Work
        /// nil leaves the session's own `statement_timeout` in force.
        let timeout: Duration?
        /// BEGIN, COMMIT and the like go out as they are: no other statement before them.
        let isControl: Bool
        let isCancelled = Atomic(false)
        let complete: @Sendable (Result<[Rows], PostgresError>) -> Void

        init(
            _ work: Work, timeout: Duration?, isControl: Bool,
            complete: @escaping @Sendable (Result<[Rows], PostgresError>) -> Void
        ) {
            self.work = work
            self.timeout = timeout
            self.isControl = isControl
            self.complete = complete
        }
    }

    private struct State {
        var jobs: Deque<Job> = []
        var current: Job?
        /// A cancel request is under way: it hits whatever runs, so nothing may run until it is through.
        var isCancelling = false
        var isClosing = false
        var isOpen = true
        var whenClosed: [@Sendable () -> Void] = []
    }

    private let link: Link
    private let wake: WakePipe
    private let state = Mutex(State())
    private let onNotification: (@Sendable (String, String) -> Void)?

    init(link: Link, onNotification: (@Sendable (String, String) -> Void)? = nil) throws(PostgresError) {
        self.link = link
        self.onNotification = onNotification
        wake = try WakePipe()
    }

    func start() { startThread("pg-connection") { self.run() } }

    var isOpen: Bool { state.withLock { $0.isOpen && !$0.isClosing } }
    var backendProcess: Int32 { link.backendProcess }

    func submit(_ job: Job) {
        let accepted = state.withLock { state in
            guard state.isOpen, !state.isClosing else { return false }
            state.jobs.append(job)
            return true
        }
        if accepted {
            wake.wake()
        } else {
            job.complete(.failure(PostgresError(.closed, "the connection is closed")))
        }
    }

    func cancel(_ job: Job) {
        job.isCancelled.store(true, ordering: .sequentiallyConsistent)
        let isRunning = state.withLock { state in
            guard state.current === job, !state.isCancelling else { return false }
            state.isCancelling = true
            return true
        }
        guard isRunning else { return wake.wake() }
        startThread("pg-cancel") {
            self.link.cancel()
            self.state.withLock { $0.isCancelling = false }
            self.wake.wake()
        }
    }

    /// Jobs that were accepted are done first.
    func close(_ whenClosed: @escaping @Sendable () -> Void) {
        let isOpen = state.withLock { state in
            state.isClosing = true
            if state.isOpen { state.whenClosed.append(whenClosed) }
            return state.isOpen
        }
        if isOpen { wake.wake() } else { whenClosed() }
    }

    /// Calls `body` once the connection has ended, however it ends.
    func onEnd(_ body: @escaping @Sendable () -> Void) {
        let isOpen = state.withLock { state in
            if state.isOpen { state.whenClosed.append(body) }
            return state.isOpen
        }
        if !isOpen { body() }
    }

    private enum Step { case perform(Job), wait, stop }

    private func run() {
        var session = ConnectionSession(link: link)
        loop: while !link.isBroken {
            let step = state.withLock { state -> Step in
                if state.isCancelling { return .wait }
                if let job = state.jobs.popFirst() {
                    state.current = job
                    return .perform(job)
                }
                return state.isClosing ? .stop : .wait
            }
            switch step {
            case .stop: break loop
            case .perform(let job):
                let result = session.perform(job)
                state.withLock { $0.current = nil }
                deliverNotifications()
                job.complete(result)
            case .wait:
                let ready = waitFor(socket: link.socket, write: false, wake: wake.reader, until: nil)
                if ready.woken { wake.drain() }
                if ready.socketReady {
                    guard link.consume() else { break loop }
                    deliverNotifications()
                    // An idle server sends its last words (57P01) outside any query; libpq swallows them as a notice.
                }
            }
        }
        finish()
    }

    private func deliverNotifications() {
        while let notification = link.nextNotification() {
            onNotification?(notification.channel, notification.payload)
        }
    }

    private func finish() {
        let (jobs, whenClosed, isClosing) = state.withLock { state in
            state.isOpen = false
            defer {
                state.jobs = []
                state.whenClosed = []
            }
            return (state.jobs, state.whenClosed, state.isClosing)
        }
        let error =
            isClosing
            ? PostgresError(.closed, "the connection is closed")
            : PostgresError(.closed, "the connection was lost before this was sent: \(link.lastError)")
        for job in jobs { job.complete(.failure(error)) }
        link.hangUp()
        for body in whenClosed { body() }
    }
}
