import EventSourcing
import Foundation
import JSON
import Logging
import Postgres
import TestSupport
import Testing

@testable import Projector

/// Events that cannot be applied, and those behind them.
@Suite(.serialized) struct ParkingTests {
    let coat = UUID(bits: 10)
    let hat = UUID(bits: 11)
    let offer = UUID(bits: 20)
    let lost = UUID(bits: 21)

    /// Listings cannot take position 3, which is of a listing that was never created; items do not ask.
    private var orphaned: Story {
        var story = Story()
        story.item(coat, .received("Coat"))
        story.listing(offer, .created(coat))
        story.listing(lost, .priced(coat, 5))
        story.item(hat, .received("Hat"))
        story.listing(offer, .published(coat))
        story.listing(UUID(bits: 22), .created(hat))
        story.item(coat, .edited(["size": "L"]))
        return story
    }

    /// Where the table of items takes nothing of the brand `Moth`, it cannot take position 3.
    private var moth: Story {
        var story = Story()
        story.item(coat, .received("Coat"))
        story.item(hat, .received("Hat"))
        story.item(coat, .edited(["brand": "Moth"]))
        story.item(hat, .edited(["size": "S"]))
        story.listing(offer, .created(coat))
        story.item(coat, .edited(["size": "L"]))
        return story
    }

    private func refuseMoths(_ harness: Harness) async throws {
        try await harness.administrator.simple(
            "ALTER TABLE main.items_g1 ADD CONSTRAINT no_moths CHECK (brand IS DISTINCT FROM 'Moth')")
    }

    private func allowMoths(_ harness: Harness) async throws {
        try await harness.administrator.simple("ALTER TABLE main.items_g1 DROP CONSTRAINT no_moths")
    }

    // MARK: Parking

    @Test func `an event that cannot be folded holds up its item alone, and what comes for the item queues`()
        async throws
    {
        try await Harness.with { harness in
            let story = orphaned
            try await harness.append(story.entries[..<5])
            try await harness.running { engine in
                try await eventually { try await harness.reached(5) }
                try await harness.append(story.entries[5...])
                try await eventually { try await harness.reached(7) }
                #expect(engine.has(.leading))
                #expect(engine.log.lines.contains { $0.level == .error && $0.message == "parked" })
                try await eventually {
                    engine.status.readiness(bound: 30).detail.contains("listings_g1: leading, 3 events parked")
                }
                #expect(engine.status.readiness(bound: 30).isReady)
            }
            let parked = try await harness.parked("listings")
            #expect(parked.map(\.position) == [3, 5, 7])
            #expect(parked.map(\.attempts) == [1, 0, 0])
            #expect(parked[0].reason == "position 3: ListingPriceChanged of a listing that is not there")
            #expect(parked[1...].allSatisfy { $0.reason == nil })
            let header = try await harness.administrator.query(
                """
                SELECT tenant_id, group_id, category, stream_id, version, type, correlation_id FROM main.parked
                WHERE position = 3
                """)[0]
            #expect(try header.decode(0, as: UUID.self) == Story.tenant.uuid)
            #expect(try header.decode(1, as: UUID.self) == coat)
            #expect(header[2] == "listing")
            #expect(try header.decode(3, as: UUID.self) == lost)
            #expect(header[4] == "1")
            #expect(header[5] == "ListingPriceChanged")
            #expect(try header.decode(6, as: UUID.self) == UUID(bits: 3))
            #expect(try await harness.parked("items").isEmpty)
            let rows = try await harness.administrator.query("SELECT position FROM main.listings_g1 ORDER BY 1")
            #expect(try rows.map { try $0.decode(0, as: Int64.self) } == [2, 6], "one as it was, the other as it is")
        }
    }

    @Test(arguments: [1, 2, 1000])
    func `what is prepared while an event is being parked queues behind it`(size: Int) async throws {
        try await Harness.with { harness in
            var story = Story()
            story.item(coat, .received("Coat"))
            story.listing(offer, .created(coat))
            story.listing(lost, .priced(coat, 5))
            for size in ["S", "M", "L"] { story.item(coat, .edited(["size": .string(size)])) }
            try await harness.append(story.entries)
            var settings = Harness.settings
            settings.batch.events = size
            try await harness.running(settings) { _ in try await eventually { try await harness.reached(6) } }
            #expect(try await harness.parked("listings").map(\.position) == [3, 4, 5, 6])
            let row = try await harness.administrator.query("SELECT position FROM main.listings_g1")[0]
            #expect(row[0] == "2")
        }
    }

    @Test func `an event that cannot be read is parked where its item is known`() async throws {
        try await Harness.with { harness in
            var story = Story()
            story.item(coat, .received("Coat"))
            story.broken("item", coat, "ProductUpdated")
            story.broken("listing", offer, "ListingCreated", of: hat)
            story.item(hat, .received("Hat"))
            try await harness.append(story.entries)
            try await harness.running { _ in try await eventually { try await harness.reached(4) } }
            for projection in ["items", "listings"] {
                #expect(try await harness.parked(projection).map(\.position) == [2, 3, 4])
            }
        }
    }

    @Test func `an event that does not even tell its item stops every projection that reads it`() async throws {
        try await Harness.with { harness in
            var story = Story()
            story.item(coat, .received("Coat"))
            story.broken("listing", offer, "ListingCreated")
            story.item(coat, .edited(["size": "L"]))
            try await harness.append(story.entries)
            try await harness.running { engine in
                try await eventually { engine.has(.stopped) }
                #expect(try await harness.reached(1))
                let readiness = engine.status.readiness(bound: 30)
                #expect(!readiness.isReady)
                #expect(readiness.detail.contains("listings_g1: stopped after position 1"))
                #expect(engine.log.lines.contains { $0.level == .critical })
            }
        }
    }

    @Test func `a row that is not as a fold has left it parks what comes for its item`() async throws {
        try await Harness.with { harness in
            let story = moth
            try await harness.append(story.entries[..<2])
            try await harness.running { _ in
                try await eventually { try await harness.reached(2) }
                let spoil = "UPDATE main.items_g1 SET record = '{}' WHERE brand IS NULL AND document LIKE '%Coat%'"
                #expect(try await harness.administrator.query(SQL(unescaped: spoil)).affected == 1)
                try await harness.append(story.entries[2...])
                try await eventually { try await harness.reached(6) }
            }
            #expect(try await harness.parked("items").map(\.position) == [3, 5, 6])
        }
    }

    @Test func `beyond the limit the projection stops; a wish is done before anything else when it is started anew`()
        async throws
    {
        try await Harness.with { harness in
            var settings = Harness.settings
            settings.parkedLimit = 2
            var story = orphaned
            story.item(coat, .edited(["size": "XL"]))
            try await harness.append(story.entries[..<5])
            try await harness.running(settings) { engine in
                try await eventually { try await harness.reached(5) }
                try await harness.append(story.entries[5...])
                try await eventually { engine.role("listings") == .stopped }
                try await eventually { try await harness.checkpoint("items") == 8 }
                #expect(try await harness.checkpoint("listings") == 5)
                #expect(engine.status.readiness(bound: 30).detail.contains("more than 2 events would be parked"))
                #expect(!engine.status.readiness(bound: 30).isReady)
                #expect(engine.log.lines.contains { $0.level == .critical })
            }
            try await harness.ask("listings", 3, "skip")
            try await harness.running(settings) { _ in try await eventually { try await harness.reached(8) } }
            #expect(try await harness.expectRows(of: story, skipped: [3]))
        }
    }

    @Test func `a generation that is being built stops instead, and parks once it is live`() async throws {
        try await Harness.with { harness in
            _ = try await harness.administrator.query("SELECT main.create_generation('listings', 1)")
            let second = GenerationID(projection: "listings", number: 2)
            try await harness.append(orphaned.entries)
            try await harness.running { engine in
                try await eventually { try await harness.reached(7) }
                try await eventually { engine.status.generations[second]?.role == .stopped }
                #expect(try await harness.checkpoint("listings", 2) == 2)
            }
            #expect(try await harness.parked("listings").count == 3)
            #expect(try await harness.count("main.parked WHERE generation = 2") == 0)
        }
        try await Harness.with { harness in
            _ = try await harness.administrator.query("SELECT main.create_generation('listings', 1)")
            try await harness.append(orphaned.entries[..<2])
            try await harness.running { engine in
                try await eventually {
                    let first = try await harness.reached(2)
                    let second = try await harness.checkpoint("listings", 2)
                    return first && second == 2
                }
                let promoted = try await harness.administrator.query(
                    "SELECT main.promote_generation('listings', 2, '1 hour')")
                #expect(promoted[0][0] == "t")
                try await harness.append(orphaned.entries[2...])
                try await eventually { try await harness.checkpoint("listings", 2) == 7 }
                try await eventually { try await harness.checkpoint("listings", 1) == 7 }
                let leads = engine.log.lines.filter { $0.message == "leading" && $0.metadata["generation"] == "2" }
                #expect(leads.count == 1, "the same leader")
            }
            #expect(try await harness.count("main.parked WHERE generation = 2") == 3)
            #expect(try await harness.dump("listings_g2") == harness.dump("listings_g1"))
        }
    }

    @Test func `a runner whose generation was dropped ends, and blames no event`() async throws {
        try await Harness.with { harness in
            _ = try await harness.administrator.query("SELECT main.create_generation('listings', 1)")
            let story = orphaned
            try await harness.append(story.entries[..<2])
            var settings = Harness.settings
            settings.census = .seconds(3600)
            try await harness.running(settings) { engine in
                try await eventually { try await harness.checkpoint("listings", 2) == 2 }
                try await harness.administrator.simple(
                    """
                    DELETE FROM main.generations WHERE projection = 'listings' AND generation = 2;
                    DROP TABLE main.listings_g2
                    """)
                try await harness.append([story.entries[3].at(3)])
                try await eventually { engine.log.contains("the generation has been dropped") }
                try await eventually { try await harness.reached(3) }
                #expect(!engine.log.lines.contains { $0.level == .critical })
            }
        }
    }

    // MARK: Wishes

    @Test func `a row that the table refuses is parked, and when the cause is gone a retry drains the queue in order`()
        async throws
    {
        try await Harness.with { harness in
            let story = moth
            try await refuseMoths(harness)
            try await harness.append(story.entries)
            try await harness.running { engine in
                try await eventually { try await harness.reached(6) }
                let parked = try await harness.parked("items")
                #expect(parked.map(\.position) == [3, 5, 6])
                #expect(parked[0].reason?.contains("no_moths") == true)
                let before = try await harness.administrator.query(
                    "SELECT position FROM main.items_g1 ORDER BY position")
                #expect(try before.map { try $0.decode(0, as: Int64.self) } == [1, 4])

                try await harness.ask("items", 3, "retry")
                try await eventually { try await harness.parked("items")[0].attempts == 2 }
                let still = try await harness.parked("items")
                #expect(still.map(\.position) == [3, 5, 6])
                #expect(still[0].reason?.contains("no_moths") == true)
                #expect(still.allSatisfy { $0.wish == nil })
                let changes = "main.changes WHERE projection = 'items' AND position = 6"
                _ = try await harness.administrator.query(SQL(unescaped: "DELETE FROM \(changes)"))

                try await allowMoths(harness)
                try await harness.ask("items", 3, "retry")
                try await eventually { try await harness.parked("items").isEmpty }
                #expect(try await harness.count(changes) == 1, "caches are told")
                #expect(try await harness.checkpoint("items") == 6, "the checkpoint stays where it is")
                try await eventually { engine.status.readiness(bound: 30).detail.contains("items_g1: leading, lag") }
                #expect(try await harness.expectRows(of: story))

                var longer = story
                longer.item(coat, .edited(["size": "XL"]))
                try await harness.append(longer.entries[6...])
                try await eventually { try await harness.reached(7) }
                #expect(try await harness.expectRows(of: longer), "the item is no longer parked")
            }
        }
    }

    @Test func `an event that waits behind another cannot be asked for, and the operator's role can ask`() async throws
    {
        try await Harness.with { harness in
            try await refuseMoths(harness)
            try await harness.append(moth.entries)
            try await harness.running { _ in try await eventually { try await harness.reached(6) } }
            let operatorConnection = try await harness.database.connect(as: "closter_operator")
            for (position, isThere) in [(Int64(3), "t"), (5, "f"), (4, "f")] {
                let answer = try await operatorConnection.query(
                    "SELECT main.request_parked('items', \(position), 'retry', 'ann')")
                #expect(answer[0][0] == isThere)
            }
            await operatorConnection.close()
        }
    }

    @Test func `a skip is recorded, and every later generation passes the event over`() async throws {
        try await Harness.with { harness in
            let story = orphaned
            try await harness.append(story.entries)
            var settings = Harness.settings
            // The NOTIFY alone.
            settings.requests = .seconds(3600)
            try await harness.running(settings) { engine in
                try await eventually { try await harness.reached(7) }
                try await harness.ask("listings", 3, "skip")
                try await eventually { try await harness.parked("listings").isEmpty }
                #expect(engine.log.contains("a parked event is passed over for good"))
                #expect(try await harness.expectRows(of: story, skipped: [3]))
                _ = try await harness.administrator.query("SELECT main.create_generation('listings', 1)")
                try await eventually { try await harness.checkpoint("listings", 2) == 7 }
            }
            let skipped = try await harness.administrator.query(
                "SELECT position, group_id, type, reason, skipped_by, skipped_at IS NOT NULL FROM main.skipped")
            #expect(skipped.count == 1)
            #expect(try skipped[0].decode(0, as: Int64.self) == 3)
            #expect(try skipped[0].decode(1, as: UUID.self) == coat)
            #expect(skipped[0][2] == "ListingPriceChanged")
            #expect(skipped[0][3]?.contains("not there") == true)
            #expect(skipped[0][4] == "ann")
            #expect(try await harness.dump("listings_g2") == harness.dump("listings_g1"))
        }
    }

    @Test func `a queue that cannot be drained whole is drained as far as it can be, and its next event says why`()
        async throws
    {
        try await Harness.with { harness in
            var story = orphaned
            story.listing(lost, .priced(coat, 6))
            story.item(coat, .edited(["size": "XL"]))
            try await harness.append(story.entries)
            try await harness.running { _ in
                try await eventually { try await harness.reached(9) }
                try await harness.ask("listings", 3, "skip")
                try await eventually { try await harness.parked("listings").first?.position == 8 }
                let parked = try await harness.parked("listings")
                #expect(parked.map(\.position) == [8, 9])
                #expect(parked[0].reason == "position 8: ListingPriceChanged of a listing that is not there")
                #expect(parked.map(\.attempts) == [1, 0])
                #expect(parked.allSatisfy { $0.wish == nil })
                try await harness.ask("listings", 8, "skip")
                try await eventually { try await harness.parked("listings").isEmpty }
            }
            #expect(try await harness.expectRows(of: story, skipped: [3, 8]))
        }
    }

    @Test func `who leads next knows what is parked, and goes on with a wish that was half done`() async throws {
        try await Harness.with { harness in
            let story = orphaned
            try await harness.append(story.entries[..<5])
            let first = try harness.start()
            try await eventually { try await harness.reached(5) }
            try await harness.killBackends()
            await first.stop()
            // The skip was committed, and the leader died before it had drained the queue.
            let generation = GenerationID(projection: "listings", number: 1)
            let store = ProjectionStore<ListingsProjection>(
                shard: .main, generation: generation, table: "listings_g1",
                connection: try await harness.database.connect(as: "closter_projector"))
            try await harness.ask("listings", 3, "skip")
            let wish = try #require(try await store.wishes().first)
            try await store.skip(wish, at: 5)
            await store.connection.close()
            let half = try await harness.parked("listings")
            #expect(half.map(\.position) == [5])
            #expect(half.map(\.wish) == ["retry"])

            try await harness.append(story.entries[5...])
            try await harness.running { _ in
                try await eventually { try await harness.reached(7) }
                try await eventually { try await harness.parked("listings").isEmpty }
            }
            #expect(try await harness.expectRows(of: story, skipped: [3]))
        }
    }

    @Test func `a leader killed between park and retry leaves the same queue to the next`() async throws {
        try await Harness.with { harness in
            let story = moth
            try await refuseMoths(harness)
            try await harness.append(story.entries[..<5])
            let first = try harness.start()
            try await eventually { try await harness.reached(5) }
            try await harness.killBackends()
            await first.stop()
            try await harness.append(story.entries[5...])
            try await harness.running { _ in
                try await eventually { try await harness.reached(6) }
                let parked = try await harness.parked("items")
                #expect(parked.map(\.position) == [3, 5, 6])
                #expect(parked.map(\.attempts) == [1, 0, 0], "the last was not tried: it has queued")
                try await allowMoths(harness)
                try await harness.ask("items", 3, "retry")
                try await eventually { try await harness.parked("items").isEmpty }
            }
            #expect(try await harness.expectRows(of: story))
        }
    }

    @Test func `of two that lead, or at another checkpoint, nothing is done to what is parked`() async throws {
        try await Harness.with { harness in
            try await refuseMoths(harness)
            try await harness.append(moth.entries)
            try await harness.running { _ in try await eventually { try await harness.reached(6) } }
            try await harness.ask("items", 3, "skip")
            let generation = GenerationID(projection: "items", number: 1)
            let store = ProjectionStore<ItemsProjection>(
                shard: .main, generation: generation, table: "items_g1",
                connection: try await harness.database.connect(as: "closter_projector"))
            let wish = try #require(try await store.wishes().first)
            await #expect(throws: BatchFailure.self) { try await store.skip(wish, at: 5) }
            let lock = Shard.main.leadershipLock(generation)
            _ = try await harness.administrator.query("SELECT pg_advisory_lock(hashtextextended(\(lock), 0))")
            await #expect(throws: BatchFailure.self) { try await store.skip(wish, at: 6) }
            #expect(try await harness.parked("items").map(\.position) == [3, 5, 6])
            #expect(try await harness.count("main.skipped") == 0)
            _ = try await harness.administrator.query("SELECT pg_advisory_unlock(hashtextextended(\(lock), 0))")
            try await store.skip(wish, at: 6)
            #expect(try await harness.parked("items").map(\.position) == [5, 6])
            await store.connection.close()
        }
    }

    // MARK: All of it at once

    @Test func `rows refused here and there, backends killed meanwhile: after a retry all is as if nothing had been`()
        async throws
    {
        try await Harness.with { harness in
            let story = Story.random(events: 600, seed: 51)
            var settings = Harness.settings
            settings.batch.events = 20
            let tables = ["items_g1", "listings_g1"]
            for table in tables {
                try await harness.administrator.simple(
                    "ALTER TABLE main.\(table) ADD CONSTRAINT moody CHECK (position NOT IN (60, 61, 62, 300, 301))")
            }
            try await harness.running(settings) { _ in
                var rest = story.entries[...]
                while !rest.isEmpty {
                    try await harness.append(rest.prefix(150))
                    rest = rest.dropFirst(150)
                    try await harness.killBackends()
                }
                try await eventually { try await harness.reached(story.head) }
                #expect(try await harness.count("main.parked WHERE reason IS NOT NULL") > 2)
                #expect(try await harness.count("main.parked WHERE reason IS NULL") > 2)
                for table in tables {
                    try await harness.administrator.simple("ALTER TABLE main.\(table) DROP CONSTRAINT moody")
                }
                for projection in ["items", "listings"] {
                    for head in try await harness.parked(projection) where head.reason != nil {
                        try await harness.ask(projection, head.position, "retry")
                    }
                }
                try await eventually { try await harness.count("main.parked") == 0 }
            }
            #expect(try await harness.expectRows(of: story))
        }
    }
}

extension Harness {
    struct Parked {
        var position: Int64
        var reason: String?
        var attempts: Int
        var wish: String?
    }

    /// Of the first generation, in order.
    fileprivate func parked(_ projection: String) async throws -> [Parked] {
        let rows = try await administrator.query(
            """
            SELECT position, reason, attempts, wish FROM main.parked
            WHERE projection = \(projection) AND generation = 1 ORDER BY position
            """)
        return try rows.map {
            Parked(
                position: try $0.decode(0, as: Int64.self), reason: $0[1], attempts: try $0.decode(2, as: Int.self),
                wish: $0[3])
        }
    }

    fileprivate func ask(_ projection: String, _ position: Int64, _ action: String) async throws {
        let rows = try await administrator.query(
            "SELECT main.request_parked(\(projection), \(position), \(action), 'ann')")
        #expect(rows[0][0] == "t")
    }
}
