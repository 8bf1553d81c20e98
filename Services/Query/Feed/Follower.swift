import EventSourcing
import Synchronization

/// One stream of the live feed, as the feed knows it.
final class Follower: Sendable {
    private enum Work {
        case none
        case running(Task<Void, any Error>)
        case stopped
    }

    let number: UInt64
    let tenant: TenantID
    let filter: FeedFilter
    /// When the stream ends, so that its reader comes back and is authorised anew.
    let deadline: ContinuousClock.Instant
    private let work = Mutex(Work.none)

    init(number: UInt64, tenant: TenantID, filter: FeedFilter, deadline: ContinuousClock.Instant) {
        self.number = number
        self.tenant = tenant
        self.filter = filter
        self.deadline = deadline
    }

    /// Says who writes the stream: cancelled by `stop`, be it now.
    func attach(_ task: Task<Void, any Error>) {
        let isStopped = work.withLock { work in
            if case .stopped = work { return true }
            work = .running(task)
            return false
        }
        if isStopped { task.cancel() }
    }

    /// Ends the stream, also one whose reader does not read.
    func stop() {
        let before = work.withLock { work in
            defer { work = .stopped }
            return work
        }
        if case .running(let task) = before { task.cancel() }
    }
}

/// A follower's place among the limited number there is. Whoever holds it follows; it is given back when it is let go,
/// also where the answer never came to be sent.
final class FollowerSeat: Sendable {
    let follower: Follower
    let feed: Feed

    init(_ follower: Follower, in feed: Feed) {
        self.follower = follower
        self.feed = feed
    }

    deinit { feed.leave(follower) }
}
