import Documents
import EventSourcing
import Events
import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@testable import Projector

/// A fresh fold of the log, and the rows of a generation held against it.
@Suite struct `A fresh fold` {
    private static let items = GenerationID(projection: "items", number: 1)
    private static let listings = GenerationID(projection: "listings", number: 1)

    /// Every group of a story.
    private static func keys(_ story: Story) -> [GroupKey] {
        let events = story.events.filter { $0.stream.category == "item" }
        return Array(Set(events.map { GroupKey(tenant: $0.tenant, id: $0.stream.id) }))
            .sorted { ($0.tenant.uuid.bits, $0.id.bits) < ($1.tenant.uuid.bits, $1.id.bits) }
    }

    private static func differences<P: Projection>(
        _ projection: P.Type, _ keys: [GroupKey], through position: Int64, on connection: PostgresConnection
    ) async throws -> [RowDifference] {
        let generation = GenerationID(projection: P.name, number: 1)
        let fresh = try await FreshFold<P>(shard: .main, generation: generation)
            .rows(of: keys, through: position, on: connection)
        #expect(fresh.failures.isEmpty)
        return try await RowComparison<P>(shard: .main, table: generation.description)
            .differences(keys, fresh.rows, on: connection)
    }

    /// A database whose projections have taken in the story.
    private static func with(
        _ story: Story, _ body: (Harness, PostgresConnection) async throws -> Void
    ) async throws {
        try await Harness.with { harness in
            try await harness.append(story.entries)
            try await harness.running { _ in try await eventually { try await harness.reached(story.head) } }
            let connection = try await harness.database.connect(as: "closter_operator")
            try await body(harness, connection)
            await connection.close()
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `gives the rows that tailing has written`(seed: UInt64) async throws {
        let story = Story.random(events: 1500, seed: seed)
        try await Self.with(story) { harness, connection in
            let keys = Self.keys(story)
            let fresh = try await FreshFold<ListingsProjection>(shard: .main, generation: Self.listings)
                .rows(of: keys, through: story.head, on: connection)
            #expect(try await harness.count("main.listings_g1") == fresh.rows.count)
            #expect(fresh.rows.count > 50)
            let items = try await Self.differences(ItemsProjection.self, keys, through: story.head, on: connection)
            #expect(items == [])
            let listings = try await Self.differences(
                ListingsProjection.self, keys, through: story.head, on: connection)
            #expect(listings == [])
        }
    }

    @Test func `ends at its position`() async throws {
        let story = Story.random(events: 400, seed: 9)
        try await Harness.with { harness in
            try await harness.append(story.entries)
            for position in [0, 1, 150, 399] as [Int64] {
                var memory = MemoryTable<ListingsProjection>(story.events)
                try memory.advance(Int(position))
                let fresh = try await FreshFold<ListingsProjection>(shard: .main, generation: Self.listings)
                    .rows(of: Self.keys(story), through: position, on: harness.administrator)
                let expected = memory.rows.sorted { $0.listing.id.bits < $1.listing.id.bits }
                #expect(fresh.rows.sorted { $0.listing.id.bits < $1.listing.id.bits } == expected)
            }
        }
    }

    @Test func `says which rows differ, and in which columns`() async throws {
        let story = Story.random(events: 600, seed: 4)
        try await Self.with(story) { harness, connection in
            let ids = try await harness.administrator.query(
                "SELECT id, tenant_id, item_id FROM main.listings_g1 ORDER BY id LIMIT 4"
            ).map { (id: try $0.decode(0, as: UUID.self), tenant: try $0.decode(1, as: UUID.self)) }
            let stranger = UUID(bits: 7)
            try await harness.administrator.simple(
                """
                UPDATE main.listings_g1 SET price = price + 1, record = replace(record::text, ':', ' :')::json
                WHERE id = '\(ids[0].id)';
                DELETE FROM main.listings_g1 WHERE id = '\(ids[1].id)';
                UPDATE main.listings_g1 SET item_id = '\(stranger)' WHERE id = '\(ids[2].id)';
                UPDATE main.listings_g1 SET id = '\(stranger)' WHERE id = '\(ids[3].id)';
                """)
            let found = try await Self.differences(
                ListingsProjection.self, Self.keys(story), through: story.head, on: connection)
            let told = Set(found.map { "\($0.row.bits) \($0.kind) \($0.columns.joined(separator: ","))" })
            #expect(
                told == [
                    "\(ids[0].id.bits) different price,record", "\(ids[1].id.bits) missing ",
                    "\(ids[2].id.bits) different item_id", "\(ids[3].id.bits) missing ", "7 extra ",
                ])
            #expect(found.first { $0.row == ids[0].id }?.tenant == TenantID(ids[0].tenant))
        }
    }

    @Test func `passes over what was skipped, and ends before what is parked`() async throws {
        let coat = UUID(bits: 10)
        let hat = UUID(bits: 11)
        let group = Story.tenant.uuid
        var story = Story()
        story.item(coat, .received("Coat"))
        story.item(hat, .received("Hat"))
        story.item(coat, .edited(["title": "Skipped"]))
        story.item(hat, .edited(["title": "Seen"]))
        story.item(hat, .edited(["title": "Parked"]))
        story.item(hat, .edited(["title": "Behind it"]))
        let (entries, keys) = (story.entries, Self.keys(story))
        try await Harness.with { harness in
            try await harness.append(entries)
            try await harness.administrator.simple(
                """
                INSERT INTO main.skipped (projection, position, tenant_id, group_id, category, stream_id, type, skipped_by)
                VALUES ('items', 3, '\(group)', '\(coat)', 'item', '\(coat)', 'ProductUpdated', 'test'),
                       ('listings', 4, '\(group)', '\(hat)', 'item', '\(hat)', 'ProductUpdated', 'test');
                INSERT INTO main.parked (projection, generation, position, tenant_id, group_id, category, stream_id,
                                         version, type, correlation_id, reason)
                SELECT 'items', 1, p, '\(group)', '\(hat)', 'item', '\(hat)', 3, 'ProductUpdated', '\(hat)', 'test'
                FROM generate_series(5, 6) AS p;
                """)
            let fresh = try await FreshFold<ItemsProjection>(shard: .main, generation: Self.items)
                .rows(of: keys, through: 6, on: harness.administrator)
            #expect(fresh.rows.map { $0.item.title } == ["Coat", "Seen"])
            #expect(fresh.rows.map(\.position) == [1, 4])
        }
    }

    @Test func `tells what it cannot fold, and folds the rest`() async throws {
        let coat = UUID(bits: 10)
        let hat = UUID(bits: 11)
        var story = Story()
        story.item(coat, .received("Coat"))
        story.item(hat, .received("Hat"))
        story.broken("item", coat, "ProductUpdated")
        let (entries, keys) = (story.entries, Self.keys(story))
        try await Harness.with { harness in
            try await harness.append(entries)
            let fresh = try await FreshFold<ItemsProjection>(shard: .main, generation: Self.items)
                .rows(of: keys, through: 3, on: harness.administrator)
            #expect(fresh.rows.map { $0.item.id } == [hat])
            #expect(fresh.failures.mapValues(\.position) == [GroupKey(tenant: Story.tenant, id: coat): 3])
        }
    }
}
