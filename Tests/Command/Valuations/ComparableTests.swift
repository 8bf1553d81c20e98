import Documents
import EventSourcing
import Events
import Foundation
import JSON
import Logging
import Postgres
import TestSupport
import Testing

@testable import Command
@testable import EventStore

/// What was sold is found by what it is alike in.
@Suite struct ComparableTests {
    private static func dress(_ id: UUID, brand: String = "Ganni", _ condition: String = "good") -> Item.Event {
        Fact(
            id: id, at: noon,
            event: .received(ItemReceived(title: "Dress", condition: condition, brand: brand, category: "Dresses")))
    }

    private static let sold = fact(.allocationChanged(ItemAllocationChanged(allocation: .sold, listingID: listingID)))

    @Test func `a sold item holds what it is alike in, as it is described`() {
        func claim(_ brand: String, _ condition: String = "good") -> String {
            #"["Dresses","\#(brand)","\#(condition)"]/\#(itemID.claimed)"#
        }
        let received = Item.fold([Self.dress(itemID)])
        let sold = Item.fold([Self.sold], from: received)
        #expect(Item.claims(before: nil, after: received) == [])
        #expect(Item.claims(before: received, after: sold) == [.take(kind: "comparable", value: claim("Ganni"))])
        let corrected = Item.fold([fact(.updated(ProductUpdated(changes: ["brand": "A\"B"])))], from: sold)
        #expect(
            Item.claims(before: sold, after: corrected) == [
                .release(kind: "comparable", value: claim("Ganni")), .take(kind: "comparable", value: claim(#"A\"B"#)),
            ])
        for change in [["condition": "ungraded"], ["category": .null], ["brand": .null]] as [JSONObject] {
            let unknown = Item.fold([fact(.updated(ProductUpdated(changes: change)))], from: sold)
            #expect(
                Item.claims(before: sold, after: unknown) == [.release(kind: "comparable", value: claim("Ganni"))])
        }
        let deleted = Item.fold([fact(.deleted(ProductDeleted(reason: "twice")))], from: sold)
        #expect(
            Item.claims(before: sold, after: deleted).contains(.release(kind: "comparable", value: claim("Ganni"))))
    }

    @Test func `what was sold before there were such claims takes them with the migration`() async throws {
        let folder = URL(filePath: TestDatabase.migrations)
        let name = try #require(
            FileManager.default.contentsOfDirectory(atPath: folder.path).first {
                $0.hasSuffix("_decisions_and_valuations.sql")
            })
        let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
        let start = try #require(text.range(of: "INSERT INTO main.claims"))
        let end = try #require(text.range(of: ";\n", range: start.lowerBound..<text.endIndex))

        let brands = ["Ganni", "Żółć & Söhne", "\"/\\", "a\tb\u{1}\u{7F}\u{1F}", "👗"]
        var items = brands.enumerated().map { number, brand in
            Item.fold([Self.dress(UUID(bits: UInt128(number)), brand: brand), Self.sold])
        }
        items.append(Item.fold([Self.dress(UUID(bits: 100), "ungraded"), Self.sold]))
        items.append(Item.fold([Self.dress(UUID(bits: 101))]))
        items.append(Item.fold([Self.dress(UUID(bits: 102)), Self.sold, fact(.deleted(ProductDeleted(reason: "x")))]))
        let expected = items.compactMap { $0?.comparableClaim }
        #expect(expected.count == brands.count)

        let tenant = UUID.version7()
        try await TestDatabase.with { database in
            let administrator = try await database.connect()
            for item in items.compactMap(\.self) {
                _ = try await administrator.query(
                    """
                    INSERT INTO main.aggregates (tenant_id, category, stream_id, version, position, state, created_at,
                        updated_at)
                    VALUES (\(tenant), 'item', \(item.id), 1, 1, \(JSONText(bytes: item.bytes)), now(), now())
                    """)
            }
            try await administrator.simple(
                "SET ROLE closter_append; \(text[start.lowerBound..<end.upperBound]) RESET ROLE")
            let claims = try await administrator.query(
                "SELECT value FROM main.claims WHERE kind = 'comparable' AND tenant_id = \(tenant)")
            #expect(try Set(claims.map { try $0.decode(0, as: String.self) }) == Set(expected))
            await administrator.close()
        }
    }

    /// 100,000 that were sold, of two tenants, half of them alike.
    private static func rows(_ tenant: UUID, _ other: UUID) -> String {
        """
        INSERT INTO main.claims (tenant_id, kind, value, category, stream_id, position)
        SELECT CASE n % 5 WHEN 0 THEN '\(other.text)'::uuid ELSE '\(tenant.text)'::uuid END, 'comparable',
            CASE n % 2 WHEN 0 THEN '["Dresses","Ganni","good"]/' ELSE '["Coats","B' || n % 97 || '","fair"]/' END
                || lpad(to_hex(n), 8, '0') || '-0000-7000-8000-000000000000', 'item',
            (lpad(to_hex(n), 8, '0') || '-0000-7000-8000-000000000000')::uuid, n
        FROM generate_series(1, 100000) n;
        ANALYZE main.claims;
        """
    }

    @Test func `of very many sold the last are read and no other, and of no other tenant`() async throws {
        try await TestDatabase.with { database in
            let (tenant, other) = (TenantID(.version7()), TenantID(.version7()))
            let administrator = try await database.connect()
            try await administrator.simple(Self.rows(tenant.uuid, other.uuid))
            let prefix = try #require(
                Likeness(
                    ItemRecord(
                        id: itemID, values: ["category": "Dresses", "brand": "Ganni", "condition": "good"], at: noon))
            ).prefix

            let command = try await database.connect(as: "closter_command")
            _ = try await command.query("SELECT set_config('closter.tenant', \(tenant.uuid.text), false)")
            let statement = StateReader.lastHolders(tenant, kind: "comparable", prefix: prefix, limit: 200)
            let lines = try await command.query("EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) " + statement)
                .compactMap { $0[0] }
            let plan = lines.joined(separator: "\n")
            #expect(plan.contains("Index Scan Backward using claims_value on claims (actual rows=200"), "\(plan)")
            #expect(!plan.contains("Sort"), "\(plan)")
            #expect(!plan.contains("Rows Removed"), "\(plan)")
            await command.close()
            await administrator.close()

            let pool = PostgresPool(
                try database.configuration(as: "closter_command"),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let running = Task { await pool.run() }
            let reader = StateReader(pool: pool)
            let last = try await reader.holders(tenant, kind: "comparable", prefix: prefix, last: 3)
            #expect(last.map { $0.bits >> 96 } == [99_998, 99_996, 99_994])
            let theirs = try await reader.holders(other, kind: "comparable", prefix: prefix, last: 1)
            #expect(theirs.map { $0.bits >> 96 } == [100_000])
            #expect(try await reader.holders(TenantID(.version7()), kind: "comparable", prefix: prefix, last: 1) == [])
            running.cancel()
            await running.value
        }
    }
}
