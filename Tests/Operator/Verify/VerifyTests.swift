import EventSourcing
import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@testable import Operator

@Suite(.serialized) struct `closter verify` {
    private static func verify(_ shop: Shop, _ arguments: String..., as role: String? = nil) async -> Run {
        await closter(["verify"] + arguments, environment: ["CLOSTER_DATABASE_URL": shop.database.url(as: role)])
    }

    private static func item(_ id: UUID) -> String { TypeID(prefix: "item", uuid: id).description }
    private static func listing(_ id: UUID) -> String { TypeID(prefix: "listing", uuid: id).description }

    private static func lines(_ run: Run) -> [String] { run.out.split(separator: "\n").map(String.init) }

    /// A shop that has traded, and whose projections are up to date.
    private static func withTrade(
        _ body: (Shop, (items: [UUID], listings: [UUID])) async throws -> Void
    ) async throws {
        try await Shop.with { shop in
            let ids = try await shop.trade()
            try await shop.projecting { try await eventually { try await shop.isProjected() } }
            try await body(shop, ids)
        }
    }

    @Test(arguments: [nil, "closter_operator"])
    func `finds nothing where all is well, as administrator and as operator`(role: String?) async throws {
        try await Self.withTrade { shop, ids in
            let run = await Self.verify(shop, as: role)
            #expect(run.err.isEmpty)
            #expect(run.status == 0)
            #expect(
                run.out
                    == """
                    nothing differs: 30 events, 14 streams, 7 groups of items, 7 groups of listings, 0 groups of \
                    locations, 0 groups of intakes, 0 groups of stocktakes, 0 groups of contracts, 0 groups of \
                    offers, 0 groups of valuations, 0 groups of decisions, up to position 30

                    """)
        }
    }

    @Test func `finds nothing while writes go on, and none of an empty database`() async throws {
        try await Shop.with { shop in
            try await shop.projecting {
                let writer = Task {
                    for number in 0..<60 {
                        let item = try await shop.receive("Item \(number)", sku: "S-\(number)")
                        let listing = try await shop.list(item)
                        if number.isMultiple(of: 3) { try await shop.sell(listing) }
                    }
                }
                for _ in 0..<8 {
                    let run = await Self.verify(shop)
                    #expect(run.status == 0, "\(run.out)\(run.err)")
                }
                try await writer.value
            }
        }
        try await TestDatabase.with { database in
            let run = await closter(["verify"], environment: ["CLOSTER_DATABASE_URL": database.url()])
            #expect(run.status == 0)
            #expect(run.out.hasPrefix("nothing differs: 0 events, "))
        }
    }

    @Test func `names each thing that differs`() async throws {
        try await Self.withTrade { shop, ids in
            let (items, listings) = ids
            try await shop.administrator.simple(
                """
                UPDATE main.listings_g1 SET price = 1 WHERE id = '\(listings[0])';
                DELETE FROM main.items_g1 WHERE id = '\(items[4])';
                CREATE TEMP TABLE copy AS SELECT * FROM main.items_g1 WHERE id = '\(items[5])';
                UPDATE copy SET id = '\(UUID(bits: 5))';
                INSERT INTO main.items_g1 SELECT * FROM copy;
                UPDATE main.aggregates SET state = replace(state::text, 'Coat', 'Goat')::json
                WHERE stream_id = '\(items[0])';
                UPDATE main.aggregates SET version = 9 WHERE stream_id = '\(items[1])';
                UPDATE main.aggregates SET position = position - 1 WHERE stream_id = '\(listings[2])';
                DELETE FROM main.aggregates WHERE stream_id = '\(listings[4])';
                UPDATE main.aggregates SET stream_id = '\(UUID(bits: 6))' WHERE stream_id = '\(items[5])';
                DELETE FROM main.claims WHERE kind = 'sku' AND value = 'K-4';
                INSERT INTO main.claims (tenant_id, kind, value, category, stream_id, position)
                VALUES ('\(shop.tenant)', 'sku', 'K-99', 'item', '\(items[6])', 1);
                UPDATE main.checkpoints SET previous = previous - 1, position = 99 WHERE projection = 'items'
                    AND position = (SELECT max(position) FROM main.checkpoints WHERE projection = 'items');
                """)
            let run = await Self.verify(shop)
            #expect(run.status == 1)
            let found = Set(Self.lines(run).dropLast())
            let expected: Set = [
                "projection listings: demo \(Self.listing(listings[0])): differs in price",
                "projection items: demo \(Self.item(items[4])): missing: it has events and no row",
                "projection items: demo \(Self.item(UUID(bits: 5))): extra: it has a row that no event explains",
                "table item: demo \(Self.item(items[0])): differs in state",
                "table item: demo \(Self.item(items[1])): differs in version (9, not 2)",
                "table listing: demo \(Self.listing(listings[2])): differs in position",
                "table listing: demo \(Self.listing(listings[4])): missing: it has events and no row",
                "table item: demo \(Self.item(items[5])): missing: it has events and no row",
                "table item: demo \(Self.item(UUID(bits: 6))): extra: it has a row and no events",
                "claims: demo \(Self.item(items[3])): missing: it should hold sku",
                "claims: demo \(Self.item(items[6])): extra: it holds sku and should not",
                "checkpoints items: items_g1: the one at 99 is beyond the log, which ends at 30",
            ]
            #expect(found.isSuperset(of: expected), "\(found.subtracting(expected)) \(expected.subtracting(found))")
            #expect(
                found.subtracting(expected).allSatisfy { $0.hasPrefix("checkpoints items: items_g1: the one at 99") })
            #expect(run.out.contains(" differences: 30 events"))
            #expect(!run.out.contains("Goat") && !run.out.contains("K-"))
        }
    }

    @Test func `names holes and what cannot be read in the log`() async throws {
        try await Self.withTrade { shop, ids in
            let item = ids.items[1]
            try await shop.administrator.simple(
                """
                SET session_replication_role = replica;
                ALTER TABLE main.events DISABLE TRIGGER append_only;
                DELETE FROM main.events WHERE stream_id = '\(item)' AND version = 1;
                UPDATE main.events SET data = '{}' WHERE stream_id = '\(ids.items[2])' AND version = 1;
                """)
            let run = await Self.verify(shop)
            #expect(run.status == 1)
            #expect(run.out.contains("log: position 5 is missing\n"))
            #expect(run.out.contains("log: demo \(Self.item(item)): version 1 is missing before 2\n"))
            #expect(run.out.contains("log: demo \(Self.item(ids.items[2])): version 1 cannot be read: "))
            #expect(run.out.contains("projection items: demo \(Self.item(item)): cannot be folded: "))
        }
    }

    @Test func `has projections mended, and says what is not its to mend`() async throws {
        try await Self.withTrade { shop, ids in
            try await shop.administrator.simple(
                """
                UPDATE main.listings_g1 SET price = 1, status = 'draft' WHERE id = '\(ids.listings[0])';
                DELETE FROM main.items_g1 WHERE id = '\(ids.items[4])';
                UPDATE main.aggregates SET state = '{}' WHERE stream_id = '\(ids.items[0])';
                """)
            try await shop.projecting {
                let run = await Self.verify(shop, "--repair")
                #expect(run.status == 1)
                #expect(run.out.contains("mended: projection items: demo \(Self.item(ids.items[4])): 1 missing\n"))
                #expect(
                    run.out.contains(
                        "mended: projection listings: demo \(Self.item(ids.items[0])): 1 different (price, status)\n"))
                #expect(run.out.contains("not mended: the log, the operational tables,"))
            }
            let after = await Self.verify(shop)
            #expect(Self.lines(after).dropLast() == ["table item: demo \(Self.item(ids.items[0])): differs in state"])
            let projections = await Self.verify(shop, "--projection", "items", "--projection", "listings", "--repair")
            #expect(projections.status == 0)
            #expect(
                projections.out
                    == "nothing differs: 30 events, 7 groups of items, 7 groups of listings, up to position 30\n")
        }
    }

    @Test func `gives up where no projector mends`() async throws {
        try await Self.withTrade { shop, ids in
            _ = try await shop.administrator.query(
                "UPDATE main.items_g1 SET status = 'x' WHERE id = ANY (\(Array(ids.items.prefix(2))))")
            let alone = await Self.verify(shop, "--repair", "--patience", "0")
            #expect(alone.status == 2)
            #expect(alone.err.contains("2 of 2 repairs were not done"))
            #expect(alone.err.contains("is a projector running"))
            try await shop.projecting {
                try await eventually { await Self.verify(shop).status == 0 }
            }
        }
    }

    @Test func `compares parked groups as of before their first parked event, and notes them`() async throws {
        try await Self.withTrade { shop, ids in
            try await shop.projecting {
                try await shop.update(ids.items[6], ["title": "Parked"])
                try await eventually { try await shop.isProjected() }
            }
            try await shop.administrator.simple(
                """
                INSERT INTO main.parked (projection, generation, position, tenant_id, group_id, category, stream_id,
                                         version, type, correlation_id, reason)
                VALUES ('items', 1, 31, '\(shop.tenant)', '\(ids.items[6])', 'item', '\(ids.items[6])', 2,
                        'ProductUpdated', '\(ids.items[6])', 'test');
                """)
            let drifted = await Self.verify(shop)
            #expect(drifted.out.contains("projection items: demo \(Self.item(ids.items[6])): differs in "))
            #expect(drifted.out.contains("note: items: 1 events are parked; the 1 groups that wait for them are"))
            _ = try await shop.administrator.query(
                "DELETE FROM main.items_g1 WHERE id = \(ids.items[6])")
            try await shop.projecting {
                let run = await Self.verify(shop, "--repair")
                #expect(run.out.contains("mended: "))
            }
            let run = await Self.verify(shop)
            #expect(run.status == 0)
            #expect(run.out.contains("note: items: 1 events are parked"))
        }
    }

    @Test func `looks at one tenant, or at a sample, the same for the same seed`() async throws {
        try await Self.withTrade { shop, ids in
            for _ in 0..<40 { try await shop.receive("More") }
            try await shop.projecting { try await eventually { try await shop.isProjected() } }
            try await shop.administrator.simple("UPDATE main.items_g1 SET status = 'x'")
            func count(_ arguments: String...) async throws -> Int {
                let run = await closter(
                    ["verify", "--json"] + arguments, environment: ["CLOSTER_DATABASE_URL": shop.database.url()])
                return Int(try JSONValue(parsing: run.out)["differences"]?.integerValue ?? -1)
            }
            #expect(try await count() == 47)
            #expect(try await count("--tenant", "demo") == 47)
            let some = try await count("--sample", "40", "--seed", "5")
            #expect((5..<40).contains(some))
            #expect(try await count("--sample", "40", "--seed", "5") == some)
            _ = try await shop.administrator.query(
                "INSERT INTO closter.tenants (tenant_id, slug, shard) VALUES (\(UUID.version7()), 'other', 'main')")
            #expect(try await count("--tenant", "other") == 0)
            let unknown = await Self.verify(shop, "--tenant", "nobody")
            #expect(unknown.status == 2)
            #expect(unknown.err == "closter: there is no tenant nobody\n")
        }
    }

    @Test func `tells all of it as JSON`() async throws {
        try await Self.withTrade { shop, ids in
            _ = try await shop.administrator.query("DELETE FROM main.items_g1 WHERE id = \(ids.items[4])")
            try await shop.projecting {
                let run = await Self.verify(shop, "--json", "--repair")
                let json = try JSONValue(parsing: run.out)
                #expect(json["position"] == 30 && json["differences"] == 1 && json["groups"]?["items"] == 7)
                #expect(json["told"]?[0]?["place"] == "projection items" && json["told"]?[0]?["tenant"] == "demo")
                #expect(json["repairs"]?[0]?["outcome"] == "mended")
            }
        }
    }

    @Test func `refuses what makes no sense`() async {
        for arguments in [["--sample", "0"], ["--sample", "101"], ["--projection", "moon"], ["--patience", "-1"]] {
            let run = await closter(["verify"] + arguments, environment: ["CLOSTER_DATABASE_URL": "postgres://x"])
            #expect(run.status == 2, "\(arguments)")
        }
    }
}
