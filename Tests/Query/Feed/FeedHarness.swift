import EventSourcing
import Foundation
import Logging
import NIOCore
import Postgres
import Runtime
import Synchronization
import TestSupport
import Testing

@testable import Query

/// The feed on a database of its own, with followers that are functions instead of sockets.
struct FeedHarness: Sendable {
    let feed: Feed
    let pool: PostgresPool
    let administrator: PostgresConnection
    let turns = Turns(4)

    static func with(
        _ limits: Feed.Limits = .init(), poll: Duration = .milliseconds(20), doorbell: Bool = false,
        _ body: (FeedHarness) async throws -> Void
    ) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        try await TestDatabase.with { database in
            let configuration = try database.configuration(as: "closter_query")
            let pool = PostgresPool(configuration, logger: logger)
            let bell = doorbell ? configuration : nil
            let shard = ShardFollower(shard: "main", poll: .milliseconds(20), doorbell: nil, pool: pool, logger: logger)
            let feed = Feed(limits)
            let tail = FeedTail(
                feed: feed, shard: shard, pool: pool,
                bell: Bell(channel: FeedTail.channel, poll: poll, database: bell, logger: logger), logger: logger)
            let harness = FeedHarness(feed: feed, pool: pool, administrator: try await database.connect())
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await pool.run() }
                group.addTask { await shard.run() }
                group.addTask { await tail.run() }
                try await body(harness)
                group.cancelAll()
            }
            await harness.administrator.close()
        }
    }

    /// Appends an event for each owner, at the positions after `position`, all at once.
    func append(_ owners: [TenantID], after position: Int64, type: String = "ItemReceived") async throws {
        let tenants = owners.map(\.uuid)
        _ = try await administrator.query(
            """
            INSERT INTO main.events (position, tenant_id, category, stream_id, version, type, schema_version,
                correlation_id, command_id, data, metadata, recorded_at)
            SELECT \(position) + t.n, t.tenant, 'item', gen_random_uuid(), 1, \(type), 1, gen_random_uuid(),
                gen_random_uuid(), '{"title": "Żakiet"}', '{"actor": "operator:ada"}', now()
            FROM unnest(\(tenants)) WITH ORDINALITY t (tenant, n)
            """)
    }

    /// Follows until `received` says that it is enough; the task ends with the stream.
    func follow(
        _ tenant: TenantID, after position: Int64 = 0, filter: FeedFilter = .init(), _ received: Received,
        _ beforeWriting: @escaping @Sendable () async throws -> Void = {}
    ) throws -> Task<Void, any Error> {
        let seat = try feed.join(tenant, filter: filter)
        let stream = FollowerStream(
            feed: feed, follower: seat.follower, history: HistoryReader(pool: pool), turns: turns)
        let task = Task {
            // The seat is given back at the end.
            defer { withExtendedLifetime(seat) {} }
            try await stream.run(after: position) { bytes in
                try await beforeWriting()
                received.add(bytes)
            }
        }
        seat.follower.attach(task)
        return task
    }
}

/// What a follower was sent.
final class Received: Sendable {
    private struct State {
        var positions: [Int64] = []
        var heartbeats = 0
        var text = ""
        /// Of a line whose end has not come: a socket cuts where it likes.
        var begun: [UInt8] = []
    }

    private let state = Mutex(State())
    private let keepsText: Bool

    init(keepsText: Bool = false) { self.keepsText = keepsText }

    var positions: [Int64] { state.withLock { $0.positions } }
    var heartbeats: Int { state.withLock { $0.heartbeats } }
    var text: String { state.withLock { $0.text } }

    func add(_ bytes: ByteBuffer) {
        state.withLock { state in
            var lines = (state.begun + bytes.readableBytesView).split(
                separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            state.begun = lines.popLast().map(Array.init) ?? []
            for line in lines.map({ String(decoding: $0, as: UTF8.self) }) {
                if keepsText { state.text += line + "\n" }
                if line == ":" { state.heartbeats += 1 }
                if line.hasPrefix("id: "), let position = Int64(line.dropFirst(4)) { state.positions.append(position) }
            }
        }
    }
}
