import NIOCore

/// The one deadline a connection has at a time: what its client owes next. It costs a scheduled task for a stretch of
/// time, not for a request. Used on the connection's event loop only.
final class ConnectionClock {
    enum Awaited {
        /// The next request, on a connection that rests.
        case request
        /// The rest of a head.
        case head
        /// More of a body.
        case body
        /// The client's end.
        case end
    }

    private let eventLoop: any EventLoop
    private let timedOut: (Awaited) -> Void
    private var awaited: Awaited?
    private var deadline = NIODeadline.distantFuture
    private var patience = TimeAmount.zero
    private var least = 0
    private var bytes = 0
    /// The scheduled look at the deadline, which may have moved by then.
    private var look: (due: NIODeadline, task: Scheduled<Void>)?

    /// - Parameter timedOut: told what was owed and has not come. It holds its handler, which must let go of the clock in
    ///   the end: with a weak reference to it every other reference would cost more.
    init(_ eventLoop: any EventLoop, timedOut: @escaping (Awaited) -> Void) {
        self.eventLoop = eventLoop
        self.timedOut = timedOut
    }

    /// Nothing is owed.
    func rest() { awaited = nil }

    /// For good.
    func stop() {
        awaited = nil
        look?.task.cancel()
        look = nil
    }

    /// Like `expect`, unless it is awaited already: each byte of a head does not buy more time.
    func begin(_ awaited: Awaited, within patience: TimeAmount) {
        if self.awaited != awaited { expect(awaited, within: patience) }
    }

    /// - Parameter least: with at least so many bytes counted in the time, as much time is given again.
    func expect(_ awaited: Awaited, within patience: TimeAmount, least: Int = .max) {
        self.awaited = awaited
        self.patience = patience
        self.least = least
        bytes = 0
        deadline = eventLoop.now + patience
        // A look that comes earlier finds the later deadline by itself.
        if let look, look.due <= deadline { return }
        look?.task.cancel()
        schedule()
    }

    /// Bytes of what is awaited have come.
    func count(_ bytes: Int) { self.bytes += bytes }

    private func schedule() {
        look = (
            deadline,
            eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [self] in
                look = nil
                check()
            }
        )
    }

    private func check() {
        guard let awaited else { return }
        if deadline > eventLoop.now { return schedule() }
        guard bytes < least else { return expect(awaited, within: patience, least: least) }
        self.awaited = nil
        timedOut(awaited)
    }
}
