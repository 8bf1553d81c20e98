import Edge
import EventSourcing
import Synchronization

/// The live feed of a process: one window of the log for all followers of all tenants.
///
/// A follower asks for what comes after a position. It is given what the window holds, sent to history where it is
/// behind, or waits. It has no buffer of its own, so a slow one takes no memory and holds nobody up.
final class Feed: Sendable {
    struct Limits: Sendable {
        /// Streams at once; more are refused.
        var followers = 10_000
        /// A stream is silent no longer than this.
        var heartbeat = Duration.seconds(15)
        /// A stream lasts no longer than this.
        var life = Duration.seconds(15 * 60)
        /// How often the two are looked at.
        var tick = Duration.seconds(1)
        var window = FeedWindow.Bounds()
        /// How far back the window begins, so that those who come back after a restart find in it what they missed.
        var lookBack: Int64 = 1_000
        /// Bytes that one follower is handed at once, save a larger event.
        var chunk = 64 << 10
    }

    enum Step: Sendable {
        /// To be sent; the follower has then seen everything up to `upTo`.
        case events([FeedEvent], upTo: Int64)
        /// To be read from history first, up to a position at least.
        case behind(upTo: Int64)
        /// Nothing came until a heartbeat was due; everything up to `upTo` is seen.
        case silence(upTo: Int64)
        /// The task is cancelled.
        case ended
    }

    /// What the followers have been given, for metrics.
    struct Counts: ~Copyable, Sendable {
        let read = Atomic(0)
        let sent = Atomic(0)
        let fellBehind = Atomic(0)
        let refused = Atomic(0)
    }

    private enum Wake {
        case step(Step)
        /// Look again.
        case more(after: Int64)
    }

    /// A follower that has seen everything up to a position, and since then nothing of its tenant's has come: whatever
    /// is appended wakes it.
    private struct Waiter {
        var continuation: CheckedContinuation<Wake, Never>
        var position: Int64
        var due: ContinuousClock.Instant
    }

    private struct State {
        var isOpen = true
        var next: UInt64 = 0
        /// nil while nobody reads the log for the followers.
        var window: FeedWindow?
        var followers: [UInt64: Follower] = [:]
        var waiters: [TenantID: [UInt64: Waiter]] = [:]
    }

    let limits: Limits
    let counts = Counts()
    /// Says that the first follower has come.
    let demand: AsyncStream<Void>
    private let wanted: AsyncStream<Void>.Continuation
    private let state = Mutex(State())

    init(_ limits: Limits = Limits()) {
        self.limits = limits
        (demand, wanted) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// How many follow.
    var followers: Int { state.withLock { $0.followers.count } }

    // MARK: Followers

    /// - Throws: 503 where there is no room, or the process is stopping.
    func join(
        _ tenant: TenantID, filter: FeedFilter, at now: ContinuousClock.Instant = .now
    ) throws(Problem) -> FollowerSeat {
        let (follower, isOpen) = state.withLock { state -> (Follower?, Bool) in
            guard state.isOpen, state.followers.count < limits.followers else { return (nil, state.isOpen) }
            state.next += 1
            let follower = Follower(
                number: state.next, tenant: tenant, filter: filter, deadline: now + limits.life)
            state.followers[follower.number] = follower
            return (follower, true)
        }
        guard let follower else {
            counts.refused.add(1, ordering: .relaxed)
            throw Problem(
                .unavailable,
                isOpen ? "as many follow here as can; try again later" : "this process is about to stop",
                retryAfter: isOpen ? 10 : 1)
        }
        wanted.yield()
        return FollowerSeat(follower, in: self)
    }

    func leave(_ follower: Follower) {
        state.withLock { state in
            state.followers[follower.number] = nil
            if state.waiters[follower.tenant]?.isEmpty == true { state.waiters[follower.tenant] = nil }
        }
    }

    /// What comes after `position`; waits for it, at most until `due`. One call of a follower at a time.
    func next(after position: Int64, for follower: Follower, until due: ContinuousClock.Instant) async -> Step {
        var position = position
        while true {
            switch await look(after: position, for: follower, until: due) {
            case .step(let step): return step
            case .more(let start): position = start
            }
        }
    }

    private func look(after position: Int64, for follower: Follower, until due: ContinuousClock.Instant) async -> Wake {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Looking and waiting are one: nothing comes between them.
                let step = state.withLock { state -> Step? in
                    var position = position
                    // A cancellation before the registration found nobody to wake.
                    if Task.isCancelled { return .ended }
                    let answer = state.window?.next(
                        after: position, of: follower.tenant, matching: follower.filter, limit: limits.chunk)
                    switch answer {
                    case .events(let events, let upTo): return .events(events, upTo: upTo)
                    case .behind(let upTo): return .behind(upTo: upTo)
                    case .nothing(let upTo): position = upTo
                    case nil: break
                    }
                    if due <= .now { return .silence(upTo: position) }
                    state.waiters[follower.tenant, default: [:]][follower.number] = Waiter(
                        continuation: continuation, position: position, due: due)
                    return nil
                }
                if let step { continuation.resume(returning: .step(step)) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.waiters[follower.tenant]?.removeValue(forKey: follower.number)
            }
            waiter?.continuation.resume(returning: .step(.ended))
        }
    }

    // MARK: The tail

    /// From here on the window is filled. Those who wait look again: they may need what comes before it.
    func begin(at position: Int64) {
        let waiters = state.withLock { state in
            state.window = FeedWindow(limits.window, at: position)
            defer { state.waiters = [:] }
            return state.waiters.values.flatMap(\.values)
        }
        for waiter in waiters { waiter.continuation.resume(returning: .more(after: waiter.position)) }
    }

    /// Where the tail reads on; nil where it has not begun.
    var end: Int64? { state.withLock { $0.window?.end } }

    /// Adds what follows in the log and wakes the followers of the tenants whose it is.
    func append(_ batch: [FeedEvent]) throws(FeedWindow.Gap) {
        counts.read.add(batch.count, ordering: .relaxed)
        let (result, ready, start) = state.withLock { state in
            let start = state.window?.end ?? 0
            let result = Result { () throws(FeedWindow.Gap) in try state.window?.append(batch) }
            let ready = Set(batch.map(\.tenant)).flatMap { state.waiters.removeValue(forKey: $0) ?? [:] }
            return (result, ready.map(\.value), start)
        }
        for waiter in ready {
            waiter.continuation.resume(returning: .more(after: max(waiter.position, start)))
        }
        try result.get()
    }

    /// Whether the tail may end: nobody follows. The window is then given up.
    func endIfUnfollowed() -> Bool {
        state.withLock { state in
            guard state.followers.isEmpty else { return false }
            state.window = nil
            return true
        }
    }

    /// Ends all streams, since the log is no longer the one they followed.
    func restart() {
        for follower in state.withLock({ state in
            state.window = nil
            return Array(state.followers.values)
        }) { follower.stop() }
    }

    // MARK: Time

    /// Wakes those whose heartbeat is due, and ends those that have lasted long enough.
    func tick(_ now: ContinuousClock.Instant) {
        let (due, over, end) = state.withLock { state in
            var due: [Waiter] = []
            for (tenant, waiters) in state.waiters {
                let ready = waiters.filter { $0.value.due <= now }
                due += ready.values
                for number in ready.keys { state.waiters[tenant]?[number] = nil }
            }
            return (due, state.followers.values.filter { $0.deadline <= now }, state.window?.end ?? 0)
        }
        for waiter in due {
            waiter.continuation.resume(returning: .step(.silence(upTo: max(waiter.position, end))))
        }
        for follower in over { follower.stop() }
    }

    /// Ends all streams and takes no more.
    func close() {
        state.withLock { $0.isOpen = false }
        restart()
    }
}
