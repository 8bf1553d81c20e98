import EventSourcing
import Events
import Foundation
import Logging
import Postgres
import TestSupport
import Testing

@testable import Projector

/// The audit and the repairs of running engines.
@Suite(.serialized) struct AuditTests {
    /// Settings of an audit that is always at it.
    private static func settings(repairs: Bool) -> ProjectorEngine.Settings {
        var settings = Harness.settings
        settings.audit = Auditor.Settings(rate: 10_000, repairs: repairs)
        return settings
    }

    /// One row is changed, one is gone, one is there twice, and one is of a tenant and an item that never were.
    private static func damage(_ harness: Harness) async throws -> [UUID] {
        let ids = try await harness.administrator.query(
            "SELECT id FROM main.listings_g1 ORDER BY id LIMIT 3"
        ).map { try $0.decode(0, as: UUID.self) }
        try await harness.administrator.simple(
            """
            UPDATE main.listings_g1 SET price = price + 1, document = document || ' ' WHERE id = '\(ids[0])';
            DELETE FROM main.listings_g1 WHERE id = '\(ids[1])';
            CREATE TEMP TABLE copy AS SELECT * FROM main.listings_g1 WHERE id = '\(ids[2])';
            UPDATE copy SET id = '\(UUID(bits: 7))';
            INSERT INTO main.listings_g1 SELECT * FROM copy;
            UPDATE copy SET id = '\(UUID(bits: 8))', item_id = '\(UUID(bits: 9))', tenant_id = '\(UUID(bits: 999))';
            INSERT INTO main.listings_g1 SELECT * FROM copy;
            DROP TABLE copy;
            """)
        return ids
    }

    private static func drift(_ engine: RunningEngine) -> Set<String> {
        Set(
            engine.log.lines.filter { $0.message.hasPrefix("DRIFT") && $0.level == .error }.map {
                "\($0.metadata["row"] ?? "") \($0.metadata["difference"] ?? "") \($0.metadata["columns"] ?? "")"
            })
    }

    @Test func `what differs from the log is told by row and column, and left as it is`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 400, seed: 21)
            try await harness.append(story.entries)
            try await harness.running(Self.settings(repairs: false)) { engine in
                try await eventually { try await harness.reached(story.head) }
                let ids = try await Self.damage(harness)
                let rows = try await harness.dump("listings_g1")
                let expected: Set = [
                    "\(ids[0].text) different price, document", "\(ids[1].text) missing ",
                    "\(UUID(bits: 7).text) extra ", "\(UUID(bits: 8).text) extra ",
                ]
                try await eventually("\(expected)") { Self.drift(engine) == expected }
                #expect(try await harness.dump("listings_g1") == rows)
                #expect(try await harness.count("main.repairs") == 0)
            }
        }
    }

    @Test func `what differs is repaired where the audit may`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 400, seed: 22)
            try await harness.append(story.entries)
            try await harness.running(Self.settings(repairs: true)) { engine in
                try await eventually { try await harness.reached(story.head) }
                _ = try await Self.damage(harness)
                try await eventually {
                    try await harness.count("main.repairs WHERE outcome = 'mended' AND requested_by = 'audit'") == 4
                }
                try await eventually { try await harness.expectRows(of: story) }
                #expect(try await harness.count("main.repairs WHERE outcome = 'failed'") == 0)
            }
        }
    }

    @Test func `nothing differs while events are written`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 2000, seed: 23)
            var settings = Self.settings(repairs: true)
            settings.batch.events = 23
            try await harness.running(settings) { engine in
                var rest = story.entries[...]
                while !rest.isEmpty {
                    try await harness.append(rest.prefix(50), ring: true)
                    rest = rest.dropFirst(50)
                }
                try await eventually { try await harness.reached(story.head) }
                #expect(Self.drift(engine) == [])
                #expect(try await harness.count("main.repairs") == 0)
            }
        }
    }

    @Test func `repairs asked for are done by the leader while it goes on`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 800, seed: 24)
            try await harness.append(story.entries.prefix(400))
            var settings = Harness.settings
            settings.audit.rate = 0
            settings.batch.events = 5
            try await harness.running(settings) { engine in
                try await eventually { try await harness.reached(400) }
                _ = try await Self.damage(harness)
                try await harness.administrator.simple(
                    """
                    SELECT main.request_repair('listings', k.tenant_id, k.item_id, 'test') FROM (
                        SELECT tenant_id, item_id FROM main.listings_g1
                        UNION SELECT tenant_id, stream_id FROM main.events WHERE category = 'item' AND version = 1) k
                    """)
                for entries in story.entries.dropFirst(400).chunks(of: 40) {
                    try await harness.append(entries, ring: true)
                }
                try await eventually { try await harness.count("main.repairs WHERE done_at IS NULL") == 0 }
                #expect(try await harness.count("main.repairs WHERE outcome = 'mended'") == 4)
                #expect(try await harness.count("main.repairs WHERE outcome NOT IN ('mended', 'right')") == 0)
                #expect(
                    try await harness.count("main.repairs WHERE detail = '1 different (document, price)'") == 1)
                try await eventually { try await harness.reached(story.head) }
                #expect(try await harness.expectRows(of: story))
            }
        }
    }

    @Test func `a group that cannot be repaired is marked so, and nothing is held up`() async throws {
        try await Harness.with { harness in
            let coat = UUID(bits: 10)
            var story = Story()
            story.item(coat, .received("Coat"))
            story.item(UUID(bits: 11), .received("Hat"))
            try await harness.append(story.entries)
            try await harness.running { engine in
                try await eventually { try await harness.reached(2) }
                try await harness.administrator.simple(
                    """
                    DELETE FROM main.items_g1 WHERE id = '\(coat)';
                    ALTER TABLE main.items_g1 ADD CONSTRAINT no_coat CHECK (id <> '\(coat)') NOT VALID;
                    """)
                try await harness.administrator.simple(
                    "SELECT main.request_repair('items', '\(Story.tenant.uuid)', '\(coat)', 'test')")
                try await eventually { try await harness.count("main.repairs WHERE outcome = 'failed'") == 1 }
                let detail = try await harness.administrator.query("SELECT detail FROM main.repairs")[0][0]
                #expect(detail?.contains("no_coat") == true)
                story.item(UUID(bits: 12), .received("Scarf"))
                try await harness.append(story.entries.suffix(1))
                try await eventually { try await harness.reached(3) }
            }
        }
    }

    @Test func `a repair at another checkpoint than the leader's is refused`() async throws {
        try await Harness.with { harness in
            let coat = UUID(bits: 10)
            var story = Story()
            story.item(coat, .received("Coat"))
            try await harness.append(story.entries)
            try await harness.running { _ in try await eventually { try await harness.reached(1) } }
            try await harness.administrator.simple(
                """
                DELETE FROM main.items_g1;
                SELECT main.request_repair('items', '\(Story.tenant.uuid)', '\(coat)', 'test');
                """)
            let generation = GenerationID(projection: "items", number: 1)
            let repairs = Repairs<ItemsProjection>(shard: .main, generation: generation, table: "items_g1")
            func store(_ connection: PostgresConnection) -> ProjectionStore<ItemsProjection> {
                ProjectionStore(shard: .main, generation: generation, table: "items_g1", connection: connection)
            }
            let leader = try await harness.database.connect(as: "closter_projector")
            let other = try await harness.database.connect(as: "closter_projector")
            let lock = Shard.main.leadershipLock(generation)
            _ = try await leader.query("SELECT pg_advisory_lock(hashtextextended(\(lock), 0))")

            await #expect(throws: BatchFailure.self) { try await repairs.run(store(leader), at: 0) }
            await #expect(throws: BatchFailure.self) { try await repairs.run(store(other), at: 1) }
            #expect(try await harness.count("main.items_g1") == 0)
            let changes = "main.changes WHERE position = 1 AND projection = 'items' AND ids = ARRAY['\(coat)'::uuid]"
            #expect(try await harness.count(changes) == 1, "the batch's")
            #expect(try await repairs.run(store(leader), at: 1) == 1)
            #expect(try await harness.count("main.items_g1") == 1)
            #expect(try await harness.count(changes) == 2, "and the repair's")
            #expect(try await repairs.run(store(leader), at: 1) == 0)
            await leader.close()
            await other.close()
        }
    }
}

extension Collection {
    fileprivate func chunks(of count: Int) -> [SubSequence] {
        var chunks: [SubSequence] = []
        var rest = self[...]
        while !rest.isEmpty {
            chunks.append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        return chunks
    }
}
