import EventSourcing
import Events
import Foundation
import JSON
import Logging
import Postgres
import TestSupport
import Testing

@testable import Projector

/// Who may write, and what happens when that changes.
@Suite(.serialized) struct LeadershipTests {
    @Test func `one process leads, the other stands by and takes over`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 200, seed: 11)
            let first = try harness.start()
            try await eventually { first.has(.leading) }
            let second = try harness.start()
            try await eventually { second.has(.standby) }
            #expect(second.status.readiness(bound: 30).isReady)
            #expect(second.status.readiness(bound: 30).detail.contains("standby"))
            try await harness.append(story.entries[..<100])
            try await eventually { try await harness.reached(100) }
            #expect(second.has(.standby))
            await first.stop()
            try await harness.append(story.entries[100...])
            try await eventually { second.has(.leading) }
            try await eventually { try await harness.reached(200) }
            await second.stop()
            #expect(try await harness.expectRows(of: story))
        }
    }

    /// The session of a frozen process: it has the lock, and its client says nothing.
    @Test func `a leader that is silent for too long is succeeded`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 50, seed: 17)
            let frozen = try await harness.database.connect(as: "closter_projector")
            for projection in ["items", "listings"] {
                let lock = Shard.main.leadershipLock(GenerationID(projection: projection, number: 1))
                _ = try await frozen.query("SELECT pg_advisory_lock(hashtextextended(\(lock), 0))")
            }
            var settings = Harness.settings
            settings.patience = .seconds(1)
            let engine = try harness.start(settings)
            try await eventually { engine.has(.standby) }
            try await harness.append(story.entries)
            try await eventually { try await harness.reached(story.head) }
            await engine.stop()
            #expect(try await harness.expectRows(of: story))
            await #expect(throws: PostgresError.self) { _ = try await frozen.query("SELECT 1") }
            await frozen.close()
        }
    }

    @Test func `a leader with nothing to do is not silent`() async throws {
        try await Harness.with { harness in
            var settings = Harness.settings
            settings.patience = .seconds(2)
            let first = try harness.start(settings)
            try await eventually { first.has(.leading) }
            let second = try harness.start(settings)
            try await eventually { second.has(.standby) }
            let started = ContinuousClock.now
            try await eventually("it was idle for longer than the patience") {
                #expect(first.has(.leading))
                return ContinuousClock.now - started > .seconds(4)
            }
            #expect(second.has(.standby))
            await first.stop()
            await second.stop()
        }
    }

    @Test func `backends killed in the middle of the work cost nothing`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 2000, seed: 12)
            var settings = Harness.settings
            settings.batch.events = 20
            let engines = [try harness.start(settings), try harness.start(settings)]
            var rest = story.entries[...]
            while !rest.isEmpty {
                try await harness.append(rest.prefix(100))
                rest = rest.dropFirst(100)
                try await harness.killBackends()
            }
            try await eventually { try await harness.reached(story.head) }
            for engine in engines { await engine.stop() }
            #expect(try await harness.expectRows(of: story))
            let steps = try await harness.administrator.query(
                """
                SELECT count(*), sum(position - previous) FROM main.checkpoints WHERE projection = 'items'
                """)
            #expect(try steps[0].decode(1, as: Int64.self) == story.head, "each position was passed exactly once")
        }
    }

    @Test func `of two writers at the same checkpoint one writes, and the other writes nothing`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 20, seed: 13)
            try await harness.append(story.entries)
            let stores = [try await store(harness), try await store(harness)]
            var wins = 0
            for store in stores {
                var fold = try BatchFold<ItemsProjection>(
                    EventBatch(after: 0, Array(story.events.prefix(10)), tailedAt: .now))
                let rows = try fold.fold()
                if try await store.write(rows, batch: fold.batch) { wins += 1 }
            }
            #expect(wins == 1)
            // One that was frozen so long that the checkpoint it has in mind is forgotten.
            var next = try BatchFold<ItemsProjection>(
                EventBatch(after: 0, story.events, tailedAt: .now).suffix(after: 10))
            #expect(try await stores[0].write([], batch: next.batch))
            _ = try await harness.administrator.query("DELETE FROM main.checkpoints WHERE position < 20")
            next = try BatchFold(EventBatch(after: 0, Array(story.events.prefix(5)), tailedAt: .now))
            let rows = try next.fold()
            #expect(try await !stores[1].write(rows, batch: next.batch))
            #expect(try await harness.checkpoint("items") == 20)
            #expect(try await harness.count("main.checkpoints WHERE projection = 'items'") == 1)
        }
    }

    @Test func `two leaders at once, without a lock between them, apply each event once`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 1500, seed: 14)
            try await harness.append(story.entries)
            let fenced = try await withThrowingTaskGroup(of: Int.self) { group in
                for seed in 1...2 {
                    group.addTask { try await lead(harness, story, seed: UInt64(seed)) }
                }
                return try await group.reduce(0, +)
            }
            #expect(fenced > 0, "they met")
            var expected = MemoryTable<ItemsProjection>(story.events)
            try expected.advanceToEnd()
            let rows = try await harness.administrator.query("SELECT record FROM main.items_g1")
            #expect(try Set(rows.map { try $0.decode(0, as: String.self) }) == Set(expected.rows.map(\.record.text)))
        }
    }

    /// Leads as if nobody else did, up to the end of the story.
    ///
    /// - Returns: how often it was fenced.
    private func lead(_ harness: Harness, _ story: Story, seed: UInt64) async throws -> Int {
        let store = try await store(harness)
        let database = harness.database
        let reader = LogReader(shard: .main) { () async throws(PostgresError) in
            do { return try await database.connect(as: "closter_projector") } catch {
                throw error as? PostgresError ?? PostgresError(.connectionFailed, "\(error)")
            }
        }
        var sizes = SeededGenerator(seed: seed)
        var fenced = 0
        var position = try await store.checkpoint()
        while position < story.head {
            let count = Int.random(in: 1...30, using: &sizes)
            let events = Array(story.events.dropFirst(Int(position)).prefix(count))
            var fold = try BatchFold<ItemsProjection>(EventBatch(after: position, events, tailedAt: .now))
            fold.restore(try await store.load(fold.toLoad, on: reader))
            do {
                let rows = try fold.fold()
                guard try await store.write(rows, batch: fold.batch) else {
                    throw BatchFailure.fenced
                }
                position = fold.batch.last
            } catch {
                // What was loaded may be newer than the checkpoint in mind: nothing but a new look helps.
                fenced += 1
                position = try await store.checkpoint()
            }
        }
        return fenced
    }

    private func store(_ harness: Harness) async throws -> ProjectionStore<ItemsProjection> {
        ProjectionStore(
            shard: .main, generation: GenerationID(projection: "items", number: 1), table: "items_g1",
            connection: try await harness.database.connect(as: "closter_projector"))
    }

    @Test func `old checkpoints and changes are forgotten, the newest checkpoint never`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 300, seed: 15)
            var settings = Harness.settings
            settings.batch.events = 10
            try await harness.append(story.entries)
            try await harness.running(settings) { _ in try await eventually { try await harness.reached(300) } }
            let pool = PostgresPool(
                try harness.database.configuration(as: "closter_projector"), logger: Logger(label: "test"))
            let running = Task { await pool.run() }
            let generation = GenerationID(projection: "items", number: 1)
            let before = try await harness.count("main.checkpoints WHERE projection = 'items'")
            #expect(before >= 30)
            var trimmer = Trimmer(shard: .main, pool: pool, logger: Logger(label: "test"), portion: 7)
            try await trimmer.trim(generation)
            #expect(try await harness.count("main.checkpoints WHERE projection = 'items'") == before)
            _ = try await harness.administrator.query(
                """
                UPDATE main.checkpoints SET committed_at = clock_timestamp() - interval '2 hours' WHERE position < 200
                """)
            _ = try await harness.administrator.query(
                "UPDATE main.changes SET changed_at = clock_timestamp() - interval '2 hours' WHERE position < 200")
            trimmer.ages.checkpoints = .seconds(3 * 3600)
            try await trimmer.trim(generation)
            try await trimmer.trimChanges()
            #expect(try await harness.count("main.checkpoints WHERE projection = 'items'") == before)
            #expect(try await harness.count("main.changes WHERE projection = 'items' AND position < 200") == 0)
            #expect(try await harness.count("main.changes WHERE projection = 'items'") > 0)
            trimmer.ages.checkpoints = .seconds(3600)
            try await trimmer.trim(generation)
            #expect(try await harness.count("main.checkpoints WHERE projection = 'items' AND position < 200") == 0)
            trimmer.ages = Trimmer.Ages(checkpoints: .zero, changes: .zero)
            try await trimmer.trim(generation)
            #expect(try await harness.count("main.checkpoints WHERE projection = 'items'") == 1)
            #expect(try await harness.checkpoint("items") == 300)
            #expect(try await harness.count("main.checkpoints WHERE projection = 'listings'") > 1)
            running.cancel()
            await running.value
        }
    }
}
