import Edge
import EventSourcing
import NIOCore
import Postgres
import Runtime
import Synchronization

/// Writes one follower's stream: what history holds after a position, then what comes, without gap or double.
///
/// It holds one page of history or one handful of the window at a time, and takes the next when that has been written.
struct FollowerStream: Sendable {
    /// In seconds, before history is tried again; spread, so that those who lost it together do not come back together.
    static let pause = 0.2...1.0

    let feed: Feed
    let follower: Follower
    let history: HistoryReader
    /// Of catching up, so that many who come at once leave room for other reads.
    let turns: Turns

    /// What is to be written next, and how far the follower has then come.
    private struct Portion {
        var bytes = ByteBuffer()
        var events = 0
        var position: Int64

        init(_ frames: [ByteBuffer] = [], upTo position: Int64) {
            bytes.reserveCapacity(frames.reduce(0) { $0 + $1.readableBytes })
            for frame in frames { bytes.writeImmutableBuffer(frame) }
            events = frames.count
            self.position = position
        }
    }

    /// Returns when the stream is to end: its time is over, the process stops, or the reader has gone.
    /// - Throws: what `write` throws, and a failure of history that no repetition mends.
    func run(after start: Int64, _ write: (ByteBuffer) async throws -> Void) async throws {
        var position = start
        var page = HistoryPage(bytes: feed.limits.chunk)
        var hasBeenLive = false
        try await write(ServerSentEvents.retry(after: .milliseconds(.random(in: 1_000...3_000))))
        var due = ContinuousClock.now + feed.limits.heartbeat
        while !Task.isCancelled {
            let portion: Portion
            switch await feed.next(after: position, for: follower, until: due) {
            case .events(let events, let upTo):
                portion = Portion(events.map(\.frame), upTo: upTo)
                hasBeenLive = true
            case .silence(let upTo):
                portion = Portion(upTo: upTo)
                hasBeenLive = true
            case .behind(let upTo):
                if hasBeenLive { feed.counts.fellBehind.add(1, ordering: .relaxed) }
                hasBeenLive = false
                portion = try await catchUp(after: position, upTo: upTo, &page)
            case .ended: return
            }
            position = portion.position
            if portion.events > 0 {
                try await write(portion.bytes)
                feed.counts.sent.add(portion.events, ordering: .relaxed)
            } else if ContinuousClock.now >= due {
                try await write(ServerSentEvents.heartbeat)
            } else {
                continue
            }
            due = .now + feed.limits.heartbeat
        }
    }

    /// A page of history. Where the database is away: nothing, after a pause.
    private func catchUp(
        after position: Int64, upTo end: Int64, _ size: inout HistoryPage
    ) async throws -> Portion {
        do {
            let limit = size.limit
            let portion = try await turns.take {
                let page = try await history.events(
                    of: follower.tenant, after: position, upTo: end, category: follower.filter.category,
                    type: follower.filter.type, limit: limit)
                let frames = try page.rows.map { try ServerSentEvents.frame(HistoryReader.event($0)) }
                return Portion(frames, upTo: page.next ?? end)
            }
            size.learn(from: portion.events, of: portion.bytes.readableBytes)
            return portion
        } catch let error as PostgresError where Problem(postgres: error).code == .unavailable {
            try? await Task.sleep(for: .seconds(.random(in: Self.pause)))
        } catch is CancellationError {
            // The caller sees it for itself.
        }
        return Portion(upTo: position)
    }
}

/// How many events the next page of history has, so that it comes to about so many bytes whatever the events' size.
struct HistoryPage: Sendable {
    /// The first, of events of which nothing is known.
    private(set) var limit = 20
    private let bytes: Int

    init(bytes: Int) { self.bytes = bytes }

    mutating func learn(from events: Int, of size: Int) {
        guard events > 0 else { return }
        limit = min(max(bytes * events / max(size, 1), 1), 200)
    }
}
