import EventSourcing
import Foundation
import Logging
import Postgres
import TestSupport
import Testing

@testable import Query

@Suite struct ShardFollowerTests {
    private let logger = Logger(label: "test")

    /// A follower of a database of its own, and the administrator's connection to it.
    private func withFollower(
        poll: Duration = .milliseconds(20), doorbell: Bool = false,
        _ body: (ShardFollower, Log) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            let administrator = try await database.connect()
            let configuration = try database.configuration(as: "closter_query")
            let pool = PostgresPool(configuration, logger: logger)
            let follower = ShardFollower(
                shard: "main", poll: poll, doorbell: doorbell ? configuration : nil, pool: pool, logger: logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await pool.run() }
                group.addTask { await follower.run() }
                // Reaching the beginning takes a first look, no more.
                while await !follower.reached(0, by: .items, within: .seconds(10)) {}
                try await body(follower, Log(connection: administrator))
                group.cancelAll()
            }
            await administrator.close()
        }
    }

    @Test func `it knows the live generations from the database`() async throws {
        try await withFollower { follower, _ in
            let view = try #require(follower.view)
            #expect(view.generations[.items]?.table == "main.\"items_g1\"")
            #expect(view.generations[.listings]?.number == 1)
            #expect(view.head == 0)
        }
    }

    @Test func `a waiting reader goes on when the checkpoint is there, with no doorbell`() async throws {
        try await withFollower { follower, log in
            async let isReached = follower.reached(7, by: .items, within: .seconds(60))
            try await log.checkpoint(.items, from: 0, to: 7, ring: false)
            #expect(await isReached)
        }
    }

    @Test func `the doorbell is heard between two polls`() async throws {
        try await withFollower(poll: .seconds(3600), doorbell: true) { follower, log in
            // Nobody waits, so nothing else makes it look. One ring may come before the LISTEN; its own look then sees
            // the checkpoint.
            try await log.checkpoint(.items, from: 0, to: 7)
            try await eventually("the ring is heard") { follower.view?.generations[.items]?.checkpoint == 7 }
        }
    }

    @Test func `a waiting reader waits for no poll of the query service`() async throws {
        try await withFollower(poll: .seconds(3600)) { follower, log in
            async let isReached = follower.reached(7, by: .items, within: .seconds(60))
            try await log.checkpoint(.items, from: 0, to: 7, ring: false)
            #expect(await isReached)
        }
    }

    @Test func `a reader that waits for what does not come is told so`() async throws {
        try await withFollower { follower, log in
            try await log.checkpoint(.listings, from: 0, to: 9)
            #expect(await !follower.reached(9, by: .items, within: .milliseconds(50)))
            #expect(await !follower.reached(9, by: .items, within: .zero))
        }
    }

    @Test func `another generation that goes live is followed`() async throws {
        try await withFollower { follower, log in
            try await log.connection.simple(
                """
                SELECT main.create_generation('items', 2);
                UPDATE main.generations SET status = 'retired' WHERE projection = 'items' AND generation = 1;
                UPDATE main.generations SET status = 'live', live_at = now() WHERE projection = 'items' AND generation = 2;
                INSERT INTO main.checkpoints (projection, generation, previous, position, tailed_at)
                    VALUES ('items', 2, 0, 5, now());
                """)
            #expect(await follower.reached(5, by: .items, within: .seconds(60)))
            #expect(follower.view?.generations[.items]?.tableName == "items_g2")
        }
    }

    @Test func `in another session it goes by what is there, also where that is less`() async throws {
        try await withFollower { follower, log in
            try await log.checkpoint(.items, from: 0, to: 7)
            #expect(await follower.reached(7, by: .items, within: .seconds(60)))
            // As a crash leaves it that has lost what was committed last.
            try await log.connection.simple("UPDATE main.checkpoints SET position = 5 WHERE position = 7")
            try await follower.look()
            #expect(follower.view?.generations[.items]?.checkpoint == 7)
            _ = try await log.connection.query(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND query LIKE '%main.generations%' AND pid <> pg_backend_pid()
                """)
            try await eventually("what was lost is known") {
                follower.view?.generations[.items]?.checkpoint == 5
            }
        }
    }

    @Test func `a generation that went live a batch behind is waited for`() async throws {
        try await withFollower { follower, log in
            try await log.checkpoint(.items, from: 0, to: 9)
            #expect(await follower.reached(9, by: .items, within: .seconds(60)))
            try await log.connection.simple(
                """
                SELECT main.create_generation('items', 2);
                UPDATE main.generations SET status = 'retired' WHERE projection = 'items' AND generation = 1;
                UPDATE main.generations SET status = 'live', live_at = now() WHERE projection = 'items' AND generation = 2;
                INSERT INTO main.checkpoints (projection, generation, previous, position, tailed_at)
                    VALUES ('items', 2, 0, 7, now());
                """)
            try await follower.look()
            #expect(follower.view?.generations[.items]?.number == 1)
            try await follower.look(isGone: true)
            #expect(follower.view?.generations[.items]?.number == 2)
            #expect(follower.view?.generations[.items]?.checkpoint == 7)
        }
    }

    @Test func `lag counts from the moment a head was seen that the checkpoint has not reached`() {
        var gauge = LagGauge()
        let start = ContinuousClock().now
        func view(head: Int64, checkpoint: Int64) -> ShardView {
            let items = Generation(projection: .items, number: 1, tableName: "items_g1", checkpoint: checkpoint)
            return ShardView(epoch: 1, head: head, generations: items.map { [.items: $0] } ?? [:])
        }
        gauge.observe(view(head: 5, checkpoint: 5), at: start)
        #expect(gauge.lags(of: view(head: 5, checkpoint: 5), at: start + .seconds(9)).map(\.duration) == [.zero])
        gauge.observe(view(head: 8, checkpoint: 5), at: start + .seconds(10))
        gauge.observe(view(head: 20, checkpoint: 6), at: start + .seconds(12))
        let behind = gauge.lags(of: view(head: 20, checkpoint: 6), at: start + .seconds(13))
        #expect(behind == [Lag(projection: .items, positions: 14, duration: .seconds(3))])
        gauge.observe(view(head: 20, checkpoint: 8), at: start + .seconds(14))
        let later = gauge.lags(of: view(head: 20, checkpoint: 8), at: start + .seconds(15))
        #expect(later == [Lag(projection: .items, positions: 12, duration: .seconds(1))])
    }
}
