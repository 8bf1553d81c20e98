import DequeModule
import EventSourcing
import NIOCore

/// The newest stretch of the log in memory, of all tenants, ready to be sent. Pure.
///
/// It is filled at its end and forgets at its beginning, within its bounds, whoever has not read them yet: a slow
/// follower finds itself behind and reads history instead, so it costs nobody else anything.
struct FeedWindow: Sendable {
    /// What is kept at most; the newest event is kept whatever its size.
    struct Bounds: Sendable {
        var events = 10_000
        var bytes = 16 << 20
    }

    enum Answer: Equatable, Sendable {
        /// In order; the follower has then seen everything up to `upTo`.
        case events([FeedEvent], upTo: Int64)
        /// There is none for this follower, up to a position.
        case nothing(upTo: Int64)
        /// Some may be missing here: history has them, up to a position at least.
        case behind(upTo: Int64)
    }

    /// The log has no gaps: what was read is not what comes next.
    struct Gap: Error, Equatable {
        var expected: Int64
        var found: Int64
    }

    let bounds: Bounds
    /// The position before the first event in memory.
    private(set) var start: Int64
    /// The position of the last event in memory.
    private(set) var end: Int64
    private var bytes = 0
    /// Whose the events are, from the one after `start` on.
    private var owners: Deque<TenantID> = []
    private var events: [TenantID: Deque<FeedEvent>] = [:]

    init(_ bounds: Bounds = Bounds(), at position: Int64) {
        self.bounds = bounds
        start = position
        end = position
    }

    /// Adds what follows `end`; up to a gap, if there is one.
    mutating func append(_ batch: [FeedEvent]) throws(Gap) {
        for event in batch {
            guard event.position == end + 1 else { throw Gap(expected: end + 1, found: event.position) }
            owners.append(event.tenant)
            events[event.tenant, default: []].append(event)
            bytes += event.frame.readableBytes
            end = event.position
            while owners.count > 1, owners.count > bounds.events || bytes > bounds.bytes { forgetFirst() }
        }
    }

    private mutating func forgetFirst() {
        guard let owner = owners.popFirst() else { return }
        start += 1
        bytes -= events[owner]?.popFirst()?.frame.readableBytes ?? 0
        if events[owner]?.isEmpty == true { events[owner] = nil }
    }

    /// What a follower that has seen everything up to `position` is to be sent next: at most `limit` bytes, or one event.
    func next(after position: Int64, of tenant: TenantID, matching filter: FeedFilter, limit: Int) -> Answer {
        if position < start { return .behind(upTo: end) }
        var found: [FeedEvent] = []
        var size = 0
        let own = events[tenant] ?? []
        for event in own[own.firstIndex(after: position)...] where filter.takes(event) {
            size += event.frame.readableBytes
            if size > limit, let last = found.last { return .events(found, upTo: last.position) }
            found.append(event)
        }
        let seen = max(position, end)
        return found.isEmpty ? .nothing(upTo: seen) : .events(found, upTo: seen)
    }
}

extension Deque<FeedEvent> {
    /// By halving: followers at the head look at the last few of many.
    fileprivate func firstIndex(after position: Int64) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if self[middle].position <= position { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
