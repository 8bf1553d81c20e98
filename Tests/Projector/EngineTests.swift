import EventSourcing
import Events
import Foundation
import JSON
import Logging
import Postgres
import TestSupport
import Testing

@testable import Projector

/// The engine against a real database.
@Suite(.serialized) struct EngineTests {
    let coat = UUID(bits: 10)
    let offer = UUID(bits: 20)

    private var small: Story {
        var story = Story()
        story.item(coat, .received("Żółty płaszcz", brand: "ACME", sku: "K-1"))
        story.listing(offer, .created(coat))
        story.listing(offer, .published(coat))
        return story
    }

    @Test func `events become rows, a checkpoint and changes`() async throws {
        try await Harness.with { harness in
            let story = small
            try await harness.append(story.entries)
            try await harness.running { _ in
                try await eventually { try await harness.reached(3) }
            }
            #expect(try await harness.expectRows(of: story))
            let row = try await harness.administrator.query(
                """
                SELECT brand, search::text, price, published_at, created_at, status FROM main.listings_g1
                """
            )[0]
            #expect(row[0] == "ACME")
            #expect(row[1] == "'acme' 'plaszcz' 'zolty'")
            #expect(try row.decode(2, as: Int64.self) == 12_000)
            #expect(try row.decode(3, as: PostgresTimestamp.self) == PostgresTimestamp(Story.time(3)))
            #expect(try row.decode(4, as: PostgresTimestamp.self) == PostgresTimestamp(Story.time(2)))
            #expect(row[5] == "published")
            #expect(
                try await harness.count(
                    "main.changes c JOIN main.checkpoints p USING (projection, generation, position)") >= 2)
        }
    }

    @Test func `a replay from zero gives the very rows that live tailing in batches of any size gave`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 3000, seed: 42)
            var settings = Harness.settings
            settings.batch.events = 37
            settings.window.events = 150
            try await harness.running(settings) { _ in
                var sizes = SeededGenerator(seed: 3)
                var rest = story.entries[...]
                while !rest.isEmpty {
                    let count = min(rest.count, Int.random(in: 1...120, using: &sizes))
                    try await harness.append(rest.prefix(count), ring: Bool.random(using: &sizes))
                    rest = rest.dropFirst(count)
                }
                try await eventually { try await harness.reached(story.head) }
                for (projection, fold) in [
                    (ItemsProjection.name, ItemsProjection.foldVersion),
                    (ListingsProjection.name, ListingsProjection.foldVersion),
                ] {
                    _ = try await harness.administrator.query(
                        "SELECT main.create_generation(\(projection), \(Int32(fold)))")
                }
                try await eventually { try await harness.reached(story.head, 2) }
            }
            #expect(try await harness.expectRows(of: story))
            #expect(try await harness.count("main.listings_g1") > 100)
            #expect(try await harness.dump("items_g2") == harness.dump("items_g1"))
            #expect(try await harness.dump("listings_g2") == harness.dump("listings_g1"))
        }
    }

    @Test func `a hole in the log stops everything until it is filled, and nothing is skipped`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 10, seed: 5)
            try await harness.append(story.entries[..<3])
            try await harness.running { engine in
                try await eventually { try await harness.reached(3) }
                try await harness.append(story.entries[4...])
                try await eventually { engine.log.contains("the log has a gap") }
                #expect(try await harness.reached(3))
                try await harness.append(story.entries[3...3])
                try await eventually { try await harness.reached(10) }
            }
            #expect(try await harness.expectRows(of: story))
        }
    }

    @Test func `without a doorbell everything is seen within the poll, and nobody listens or rings`() async throws {
        try await Harness.with { harness in
            var settings = Harness.settings
            settings.doorbell = false
            let story = small
            try await harness.running(settings) { engine in
                try await eventually { engine.has(.leading) }
                for entry in story.entries {
                    try await harness.append([entry])
                    try await eventually { try await harness.reached(entry.event.position) }
                }
                let doorbells = try await harness.count(
                    "pg_stat_activity WHERE datname = current_database() AND query ~* '^(LISTEN|NOTIFY|SELECT pg_notify)'"
                )
                #expect(doorbells == 0)
            }
            #expect(try await harness.expectRows(of: story))
        }
    }

    @Test func `a ring is enough where the poll is far away, also after the listener was lost`() async throws {
        try await Harness.with { harness in
            var settings = Harness.settings
            settings.poll = .seconds(3600)
            let story = small
            try await harness.running(settings) { engine in
                try await eventually { engine.has(.leading) }
                let listening = "pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                try await eventually { try await harness.count(listening) == 1 }
                try await harness.append([story.entries[0]], ring: true)
                try await eventually { try await harness.reached(1) }
                try await harness.killBackends("query LIKE 'LISTEN%'")
                try await eventually { try await harness.count(listening) == 0 }
                // Nobody hears this one: the new LISTEN is the sign to catch up.
                try await harness.append([story.entries[1]], ring: true)
                try await eventually { try await harness.reached(2) }
            }
        }
    }

    @Test func `readers are rung after a commit`() async throws {
        try await Harness.with { harness in
            let story = small
            let listener = PostgresListener(
                try harness.database.configuration(as: "closter_query"), channels: ["closter_main_read"],
                logger: Logger(label: "test"))
            let events = listener.makeAsyncIterator()
            #expect(await events.next() == .listening)
            try await harness.running { _ in
                try await harness.append(story.entries)
                var rung = false
                while !rung {
                    guard let event = await events.next() else { break }
                    rung = event == .notification(channel: "closter_main_read", payload: "")
                }
                #expect(rung)
                try await eventually { try await harness.reached(3) }
            }
        }
    }

    @Test func `each event and batch is logged with its correlation and positions at debug level`() async throws {
        try await Harness.with { harness in
            try await harness.append(small.entries)
            try await harness.running { engine in
                try await eventually { try await harness.reached(3) }
                try await eventually { engine.log.lines.filter { $0.message == "projected" }.count >= 6 }
                let line = try #require(engine.log.lines.first { $0.message == "projected" })
                #expect(line.metadata["correlation_id"] == "00000000-0000-0000-0000-000000000001")
                #expect(line.metadata["position"] == "1")
                #expect(
                    engine.log.lines.contains { $0.message == "batch projected" && $0.metadata["duration_ms"] != nil })
            }
        }
    }

    @Test func `lag is measured whoever leads, and readiness tells it`() async throws {
        try await Harness.with { harness in
            try await harness.append(small.entries)
            let pool = PostgresPool(
                try harness.database.configuration(as: "closter_projector"), logger: Logger(label: "test"))
            let running = Task { await pool.run() }
            let status = ProjectorStatus()
            #expect(!status.readiness(bound: 30).isReady)
            let census = Census(shard: .main, pool: pool)
            let before = try await census.take()
            #expect(
                before.map(\.generation.description) == [
                    "contracts_g1", "decisions_g1", "intakes_g1", "items_g1", "listings_g1", "locations_g1",
                    "offers_g1",
                    "stocktakes_g1", "valuations_g1",
                ])
            #expect(before.allSatisfy { $0.status == .live && $0.position == 0 && $0.head == 3 && $0.lagSeconds >= 0 })
            status.refresh(before)
            for entry in before { status.set(entry.generation, .leading) }
            #expect(status.readiness(bound: 30).isReady)
            #expect(!status.readiness(bound: -1).isReady)
            #expect(status.readiness(bound: 30).detail.contains("items_g1: leading, lag 3 positions"))
            status.refresh(
                before.map {
                    var entry = $0; entry.parked = 2; return entry
                })
            #expect(status.readiness(bound: 30).isReady)
            #expect(status.readiness(bound: 30).detail.contains("items_g1: leading, 2 events parked, lag 3 positions"))
            try await harness.running(Harness.settings, ProjectorEngine.all) { _ in
                try await eventually { try await census.take().allSatisfy { $0.position == 3 } }
            }
            #expect(try await census.take().allSatisfy { $0.lagSeconds == 0 })
            running.cancel()
            await running.value
        }
    }
}
