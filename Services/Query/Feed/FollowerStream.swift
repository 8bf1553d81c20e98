import Edge
import EventSourcing
import NIOCore
import Postgres
import Synchronization

/// Writes one follower's stream: what history holds after a position, then what comes, without gap or double.
///
/// It holds at most one page or one handful of the window at a time, and takes the next when that has been written.
struct FollowerStream: Sendable {
    /// Events of a page of history.
    static let page = 50
    /// Before history is tried again; spread, so that those who lost it together do not come back together.
    static let pause = 0.2...1.0

    let feed: Feed
    let follower: Follower
    let history: HistoryReader
    /// Of catching up, so that many who come at once leave room for other reads.
    let turns: Turns

    /// Returns when the stream is to end: its time is over, the process stops, or the reader has gone.
    /// - Throws: what `write` throws, and a failure of history that no repetition mends.
    func run(after start: Int64, _ write: (ByteBuffer) async throws -> Void) async throws {
        var position = start
        var hasBeenLive = false
        try await write(ServerSentEvents.retry(after: .milliseconds(.random(in: 1_000...3_000))))
        var due = ContinuousClock.now + feed.limits.heartbeat
        while !Task.isCancelled {
            var events: [ByteBuffer] = []
            switch await feed.next(after: position, for: follower, until: due) {
            case .events(let found, let upTo):
                events = found.map(\.frame)
                position = upTo
                hasBeenLive = true
            case .silence(let upTo):
                position = upTo
                hasBeenLive = true
            case .behind(let upTo):
                if hasBeenLive { feed.counts.fellBehind.add(1, ordering: .relaxed) }
                hasBeenLive = false
                (events, position) = try await catchUp(after: position, upTo: upTo)
            case .ended: return
            }
            if !events.isEmpty {
                try await write(joined(events))
                feed.counts.sent.add(events.count, ordering: .relaxed)
            } else if ContinuousClock.now >= due {
                try await write(ServerSentEvents.heartbeat)
            } else {
                continue
            }
            due = .now + feed.limits.heartbeat
        }
    }

    /// A page of history and how far it reaches. Where the database is away: nothing, after a pause.
    private func catchUp(after position: Int64, upTo end: Int64) async throws -> ([ByteBuffer], Int64) {
        do {
            return try await turns.take {
                let page = try await history.events(
                    of: follower.tenant, after: position, upTo: end, category: follower.filter.category,
                    type: follower.filter.type, limit: Self.page)
                let frames = try page.rows.map { try ServerSentEvents.frame(HistoryReader.event($0)) }
                return (frames, page.next ?? end)
            }
        } catch let error as PostgresError where Problem(postgres: error).code == .unavailable {
            try? await Task.sleep(for: .seconds(.random(in: Self.pause)))
        } catch is CancellationError {
            // The caller sees it for itself.
        }
        return ([], position)
    }

    private func joined(_ frames: [ByteBuffer]) -> ByteBuffer {
        if frames.count == 1, let frame = frames.first { return frame }
        var whole = ByteBuffer()
        whole.reserveCapacity(frames.reduce(0) { $0 + $1.readableBytes })
        for frame in frames { whole.writeImmutableBuffer(frame) }
        return whole
    }
}
