import EventSourcing
import Events
import Foundation
import Logging
import Postgres
import TestSupport
import Testing

@testable import Projector

/// Rebuilds, against a real database.
@Suite(.serialized) struct RebuildTests {
    @Test func `a generation is rebuilt while the log grows, byte for byte as the live one`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 6000, seed: 21)
            try await harness.append(story.entries.prefix(3000))
            try await harness.running { engine in
                try await eventually { try await harness.reached(3000) }
                try await harness.request("listings")
                try await harness.request("items")
                var sizes = SeededGenerator(seed: 8)
                var rest = story.entries.dropFirst(3000)
                while !rest.isEmpty {
                    let count = min(rest.count, Int.random(in: 1...40, using: &sizes))
                    try await harness.append(rest.prefix(count))
                    rest = rest.dropFirst(count)
                }
                for projection in ["listings", "items"] {
                    let seen = try await harness.rebuilt(projection)
                    #expect(seen.counts.different + seen.counts.added + seen.counts.removed == 0)
                    #expect(seen.counts.compared > 100)
                    #expect(seen.rowsTotal >= seen.counts.compared)
                    #expect(try await harness.live(projection) == 2)
                }
                try await eventually { try await harness.reached(story.head, 2) }
                // The old ones still tail.
                try await eventually { try await harness.reached(story.head, 1) }
                #expect(engine.log.lines.contains { $0.metadata["events_per_second"] != nil })
            }
            #expect(try await harness.expectRows(of: story, 2))
            #expect(try await harness.dump("listings_g2") == harness.dump("listings_g1"))
            #expect(try await harness.dump("items_g2") == harness.dump("items_g1"))
            #expect(try await harness.count("pg_indexes WHERE tablename = 'listings_g2'") == 8)
            // One can go back.
            #expect(try await harness.count("main.return_generation('listings', '1 hour') r WHERE r = 1") == 1)
            #expect(try await harness.live("listings") == 1)
        }
    }

    @Test func `it goes on where it was, wherever it is interrupted, and puts nothing in twice`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 3000, seed: 5)
            try await harness.append(story.entries)
            try await harness.running { _ in try await eventually { try await harness.reached(story.head) } }
            try await harness.request("listings", batch: 3)
            var random = SeededGenerator(seed: 77)
            var interruptions = 0
            // 3000 events in pieces of 75 on average.
            while interruptions < 150, let status = try await harness.rebuild("listings")?.status, status != "done" {
                let engine = try harness.start()
                let goal = try await harness.filled() + Int64.random(in: 1...150, using: &random)
                try await eventually {
                    let (filled, now) = (try await harness.filled(), try await harness.rebuild("listings")?.status)
                    return filled >= goal || now != status
                }
                interruptions += 1
                if Bool.random(using: &random) { try await harness.killBackends() }
                await engine.stop()
            }
            #expect(interruptions > 5)
            #expect(try await harness.rebuild("listings")?.status == "done")
            #expect(try await harness.dump("listings_g2") == harness.dump("listings_g1"))
            let parts = try await harness.administrator.query(
                "SELECT sum(rows)::bigint, count(*) FROM main.rebuild_parts WHERE is_done")[0]
            let rows = try await harness.count("main.listings_g1")
            #expect(try parts.decode(0, as: Int.self) == rows)
            #expect(try parts.decode(1, as: Int.self) == 2)
        }
    }

    @Test func `a worker that was frozen while another went on puts nothing in`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 400, seed: 6)
            try await harness.append(story.entries)
            try await harness.request("listings", batch: 10, workers: 1)
            try await harness.withStore { store in
                let open = try #require(try await store.connection.query(RebuildStore.open("listings", .main)).first)
                try await store.begin(try RebuildStore.rebuild(open), foldVersion: 1, of: .items)
                let rebuild = try await store.reload(try RebuildStore.rebuild(open))
                let part = try #require(try await store.parts(rebuild).first)
                let fill = PartFill<ListingsProjection>(
                    shard: .main, rebuild: rebuild, table: try await store.table(of: rebuild), skipped: [],
                    connect: harness.connect, throttle: Throttle(share: 2, workers: 1),
                    metrics: RebuildMetrics("listings"))
                try await fill.run(part)
                let rows = try await harness.count("main.listings_g2")
                #expect(rows > 10)
                // It still believes the part to be where it was.
                await #expect(throws: BatchFailure.self) { try await fill.run(part) }
                #expect(try await harness.count("main.listings_g2") == rows)
            }
        }
    }

    @Test func `it ends when somebody wants it to, and its generation is dropped`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 1000, seed: 9)
            try await harness.append(story.entries)
            try await harness.running { engine in
                // So slow that it would take hours.
                try await harness.request("listings", share: 0.0001, batch: 1)
                try await eventually { try await harness.filled() > 0 }
                _ = try await harness.administrator.query("SELECT main.cancel_rebuild('listings', 'test')")
                try await harness.rebuilt("listings", "cancelled")
                try await eventually { try await !harness.exists("listings_g2") }
                #expect(try await harness.live("listings") == 1)
                #expect(engine.log.contains("rebuild ends without a new generation"))
                // The number is not used again.
                try await harness.request("listings")
                #expect(try await harness.rebuilt("listings").generation == 3)
            }
        }
    }

    @Test func `a generation that does not catch up is not compared, and can be given up`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 1000, seed: 9)
            try await harness.append(story.entries.prefix(500))
            let leader = try await harness.database.connect(as: "closter_projector")
            let lock = Shard.main.leadershipLock(GenerationID(projection: "listings", number: 2))
            _ = try await leader.query("SELECT pg_advisory_lock(hashtextextended(\(lock), 0))")
            try await harness.running { _ in
                try await eventually { try await harness.reached(500) }
                try await harness.request("listings", share: 0.0001, batch: 1)
                try await eventually { try await harness.rebuild("listings")?.status == "filling" }
            }
            try await harness.append(story.entries.dropFirst(500))
            _ = try await harness.administrator.query("UPDATE main.rebuilds SET share = 64, batch = 100")
            try await harness.running { _ in
                try await eventually { try await harness.checkpoint("listings") == story.head }
                try await eventually { try await harness.rebuild("listings")?.status == "catching_up" }
                _ = try await harness.administrator.query("SELECT main.cancel_rebuild('listings', 'test')")
                try await harness.rebuilt("listings", "cancelled")
                #expect(try await harness.checkpoint("listings", 2) == 500)
                // As long as somebody leads it, it is there.
                #expect(try await harness.exists("listings_g2"))
                await leader.close()
                try await eventually { try await !harness.exists("listings_g2") }
            }
        }
    }

    @Test func `an event that cannot be applied fails it, unless it is skipped, and the live one goes on`() async throws
    {
        try await Harness.with { harness in
            var story = Story.random(events: 300, seed: 3)
            let (coat, offer) = (UUID(bits: 900_001), UUID(bits: 900_002))
            story.item(coat, .received("Coat"))
            story.broken("item", coat, "ProductUpdated")
            story.listing(offer, .created(coat))
            let poisoned = story.head - 1
            try await harness.append(story.entries)
            try await harness.running { engine in
                try await eventually { try await harness.reached(story.head) }
                try await harness.request("listings")
                let seen = try await harness.rebuilt("listings", "failed")
                #expect(seen.detail?.contains("position \(poisoned)") == true)
                try await eventually { try await !harness.exists("listings_g2") }
                #expect(try await harness.live("listings") == 1)
                #expect(engine.role("listings") == .leading)

                _ = try await harness.administrator.query(
                    """
                    INSERT INTO main.skipped (projection, position, tenant_id, group_id, category, stream_id, type, skipped_by)
                    VALUES ('listings', \(poisoned), \(Story.tenant.uuid), \(coat), 'item', \(coat), 'ProductUpdated', 'test')
                    """)
                try await harness.request("listings")
                // The live one has parked what waits behind the event.
                #expect(try await harness.rebuilt("listings").counts.added <= 1)
                #expect(try await harness.count("main.listings_g3 WHERE id = '\(offer.text)'") == 1)
            }
        }
    }

    @Test func `rows that had drifted are counted, named, and put right by the switch`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 1500, seed: 14)
            try await harness.append(story.entries)
            try await harness.running { engine in
                try await eventually { try await harness.reached(story.head) }
                _ = try await harness.administrator.query(
                    """
                    WITH victims AS (SELECT tenant_id, id, row_number() OVER (ORDER BY id) AS n FROM main.listings_g1)
                    UPDATE main.listings_g1 t SET price = price + 1 FROM victims v
                    WHERE v.tenant_id = t.tenant_id AND v.id = t.id AND v.n <= 2
                    """)
                _ = try await harness.administrator.query(
                    "DELETE FROM main.listings_g1 WHERE id = (SELECT max(id::text)::uuid FROM main.listings_g1)")
                _ = try await harness.administrator.query(
                    """
                    INSERT INTO main.listings_g1
                    SELECT (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid()))).*
                    FROM main.listings_g1 t LIMIT 1
                    """)
                try await harness.request("listings")
                try await harness.request("items")
                try await harness.rebuilt("items")
                let seen = try await harness.rebuilt("listings")
                #expect(
                    seen.counts
                        == RebuildCounts(compared: seen.counts.compared, different: 2, added: 1, removed: 1))
                let named = engine.log.lines.filter { $0.message == "the generations differ" }
                #expect(named.count == 4)
                #expect(named.filter { $0.metadata["columns"] == "price" }.count == 2)
            }
            #expect(try await harness.expectRows(of: story, 2))
        }
    }

    @Test func `a row is compared only where both generations have come as far as it says`() async throws {
        try await Harness.with { harness in
            try await harness.fillTwo(Story.random(events: 500, seed: 16))
            try await harness.request("listings")
            try await harness.review("listings")
            let all = try #require(try await harness.rebuild("listings")).counts
            _ = try await harness.administrator.query(
                """
                UPDATE main.listings_g1 SET position = 501, price = price + 1
                WHERE id = (SELECT min(id::text)::uuid FROM main.listings_g1)
                """)
            try await harness.review("listings")
            let counts = try await harness.rebuild("listings")?.counts
            #expect(counts == RebuildCounts(compared: all.compared - 1))
        }
    }

    @Test func `a new generation that is not what the log says does not go live`() async throws {
        try await Harness.with { harness in
            try await harness.fillTwo(Story.random(events: 500, seed: 15))
            _ = try await harness.administrator.query(
                "UPDATE main.listings_g2 SET price = price + 1 WHERE id = (SELECT min(id::text)::uuid FROM main.listings_g2)"
            )
            try await harness.request("listings")
            let failure = await #expect(throws: RebuildEnd.self) { try await harness.review("listings") }
            guard case .failed(let reason) = failure else {
                Issue.record("it is not failed: \(failure.map { "\($0)" } ?? "nothing")")
                return
            }
            #expect(reason.contains("different price"))
            #expect(try await harness.rebuild("listings")?.counts.different == 0)
        }
    }

    @Test func `a generation that is behind the live one is not promoted`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 50, seed: 2)
            try await harness.append(story.entries)
            try await harness.running { _ in try await eventually { try await harness.reached(story.head) } }
            _ = try await harness.administrator.query("SELECT main.create_generation('listings', 1)")
            #expect(try await harness.count("main.promote_generation('listings', 2, '1 hour') p WHERE p") == 0)
            #expect(try await harness.live("listings") == 1)
            try await harness.running { _ in try await eventually { try await harness.reached(story.head) } }
            try await harness.running { _ in
                try await eventually { try await harness.checkpoint("listings", 2) == story.head }
            }
            #expect(try await harness.count("main.promote_generation('listings', 2, '1 hour') p WHERE p") == 1)
            #expect(try await harness.live("listings") == 2)
        }
    }

    @Test func `the old generation is dropped when its time of grace is over`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 200, seed: 4)
            try await harness.append(story.entries)
            // Another process leads it as well as this one may.
            try await harness.running { _ in
                try await harness.running { _ in
                    try await eventually { try await harness.reached(story.head) }
                    try await harness.request("listings", grace: "0 s")
                    try await harness.rebuilt("listings")
                    try await eventually { try await !harness.exists("listings_g1") }
                }
            }
            #expect(try await harness.live("listings") == 2)
            #expect(try await harness.count("main.generations WHERE projection = 'listings'") == 1)
            await #expect(throws: PostgresError.self) {
                try await harness.administrator.query("SELECT main.return_generation('listings', '1 hour')")
            }
        }
    }

    @Test func `of two projectors one works on a rebuild`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 2000, seed: 31)
            try await harness.append(story.entries)
            try await harness.running { first in
                try await harness.running { second in
                    try await eventually { try await harness.reached(story.head) }
                    try await harness.request("items", batch: 5)
                    try await harness.rebuilt("items")
                    let working = [first, second].filter { $0.log.contains("rebuild goes on") }
                    #expect(working.count == 1)
                }
            }
            #expect(try await harness.dump("items_g2") == harness.dump("items_g1"))
        }
    }

    @Test func `a fold of a newer version is rebuilt by itself, where that is wanted, and once`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 800, seed: 41)
            try await harness.append(story.entries)
            try await harness.running { _ in try await eventually { try await harness.reached(story.head) } }
            let newer: [any Projection.Type] = [ItemsProjection.self, NewerListings.self]
            try await harness.running(Harness.settings, newer) { engine in
                try await eventually { engine.log.contains("a generation is left alone") }
                #expect(try await harness.rebuild("listings") == nil)
            }
            var settings = Harness.settings
            settings.rebuilds = RebuildSurroundings.Automatic(share: 8)
            try await harness.running(settings, newer) { engine in
                let seen = try await harness.rebuilt("listings")
                #expect(seen.counts.different == seen.counts.compared)
                #expect(engine.log.lines.filter { $0.message == "the generations differ" }.count <= 100)
                #expect(try await harness.live("listings") == 2)
                #expect(try await harness.count("main.listings_g2 WHERE search::text LIKE '%zzz%'") > 100)
                // Somebody goes back, and it is not asked for again.
                _ = try await harness.administrator.query("SELECT main.return_generation('listings', '1 hour')")
                try await harness.request("items")
                try await harness.rebuilt("items")
                #expect(try await harness.count("main.rebuilds") == 2)
            }
        }
    }

    @Test func `a rebuild that a newer program has begun is left alone, and one of an older program is given up`()
        async throws
    {
        try await Harness.with { harness in
            try await harness.request("listings")
            _ = try await harness.administrator.query("UPDATE main.rebuilds SET fold_version = 9")
            try await harness.request("items")
            _ = try await harness.administrator.query(
                "UPDATE main.rebuilds SET fold_version = 0 WHERE projection = 'items'")
            try await harness.running { _ in
                try await harness.rebuilt("items", "failed")
                #expect(try await harness.rebuild("listings")?.status == "requested")
                _ = try await harness.administrator.query("SELECT main.cancel_rebuild('listings', 'test')")
                try await harness.rebuilt("listings", "cancelled")
            }
        }
    }

    @Test func `an empty log makes an empty generation`() async throws {
        try await Harness.with { harness in
            try await harness.running { _ in
                try await harness.request("items")
                let seen = try await harness.rebuilt("items")
                #expect(seen.counts == RebuildCounts())
                #expect(try await harness.live("items") == 2)
                var story = Story()
                story.item(UUID(bits: 10), .received("Coat"))
                try await harness.append(story.entries)
                try await eventually { try await harness.reached(1) }
                try await eventually { try await harness.checkpoint("items", 2) == 1 }
                #expect(try await harness.dump("items_g2") == harness.dump("items_g1"))
            }
        }
    }
}

struct ThrottleTests {
    @Test func `the workers together take no more than their share of a core`() {
        let throttle = Throttle(share: 0.5, workers: 2)
        // Each works a quarter of the time.
        #expect(throttle.pause(after: .seconds(1)) == .seconds(3))
        #expect(!throttle.isUnlimited)
        #expect(Throttle(share: 2, workers: 2).pause(after: .seconds(1)) == .zero)
        #expect(Throttle(share: 2, workers: 2).isUnlimited)
        #expect(Throttle(share: 1, workers: 1).pause(after: .seconds(1)) == .zero)
        #expect(Throttle(share: 0.25, workers: 1).pause(after: .milliseconds(10)) == .milliseconds(30))
    }
}

extension Harness {
    /// Events that are in.
    fileprivate func filled() async throws -> Int64 {
        let rows = try await administrator.query(
            "SELECT coalesce(sum(events), 0)::bigint FROM main.rebuild_parts")
        return try rows[0].decode(0)
    }

    /// Two generations of the listings with the whole story in them.
    fileprivate func fillTwo(_ story: Story) async throws {
        try await append(story.entries)
        _ = try await administrator.query("SELECT main.create_generation('listings', 1)")
        try await running { _ in
            for number in 1...2 { try await eventually { try await checkpoint("listings", number) == story.head } }
        }
    }

    /// Compares generation 2 with generation 1, as the requested rebuild would.
    fileprivate func review(_ projection: String) async throws {
        try await withStore { store in
            let rows = try await store.connection.query(RebuildStore.open(projection, .main))
            let entries = (1...2).map { number in
                CensusEntry(
                    generation: GenerationID(projection: projection, number: number), table: "\(projection)_g\(number)",
                    foldVersion: 1, status: number == 1 ? .live : .building, position: 0, head: 0, lagSeconds: 0)
            }
            let review = RebuildReview<ListingsProjection>(
                rebuild: try RebuildStore.rebuild(rows[0]), old: entries[0], new: entries[1], shard: .main,
                store: store, connect: connect, metrics: RebuildMetrics(projection), logger: Logger(label: "test"))
            _ = try await review.run()
        }
    }

    fileprivate var connect: Connect {
        { [database] () async throws(PostgresError) in
            guard let configuration = try? database.configuration(as: "closter_projector") else {
                throw PostgresError(.invalidConfiguration, "no database")
            }
            return try await PostgresConnection.connect(configuration, logger: Logger(label: "test"))
        }
    }
}
