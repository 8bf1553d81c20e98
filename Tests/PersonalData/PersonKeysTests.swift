import Crypto
import EventSourcing
import Foundation
import JSON
import Logging
import Postgres
import TestSupport
import Testing

@testable import PersonalData

@Suite struct PersonKeysTests {
    private static let masters = "m \(Data(repeating: 1, count: 32).base64EncodedString())"

    private func with(
        _ body: (PersonKeys, TestDatabase, PostgresConnection) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            let pool = PostgresPool(try database.configuration(as: "closter_command"), logger: Logger(label: "test"))
            let administrator = try await database.connect()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await pool.run() }
                try await body(
                    PersonKeys(pool: pool, masters: try MasterKeys(parsing: Self.masters)), database, administrator)
                group.cancelAll()
            }
            await administrator.close()
        }
    }

    private func owner(_ scope: PersonScope = .contact) -> KeyOwner {
        KeyOwner(tenant: TenantID(.version7()), person: .version7(), scope: scope)
    }

    @Test func `many that make a key at once all get the same one`() async throws {
        try await with { keys, _, _ in
            let owner = owner()
            #expect(try await keys.find(owner) == nil)
            let made = try await withThrowingTaskGroup(of: DataKey.self) { group in
                for _ in 0..<16 { group.addTask { try await keys.obtain(owner) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let sealed = try made[0].seal("Jan", as: "name")
            for key in made { #expect(try key.open(sealed, as: "name") == "Jan") }
            let found = try await keys.find(owner)
            #expect(try found?.open(sealed, as: "name") == "Jan")
        }
    }

    @Test func `a tenant has no key of another's person`() async throws {
        try await with { keys, _, _ in
            var owner = owner()
            _ = try await keys.obtain(owner)
            owner.tenant = TenantID(.version7())
            #expect(try await keys.find(owner) == nil)
        }
    }

    @Test func `keys lie wrapped, and none is deleted but of the erased`() async throws {
        try await with { keys, _, administrator in
            let owner = owner()
            let key = try await keys.obtain(owner)
            let rows = try await administrator.query("SELECT wrapped FROM main.person_keys")
            let wrapped = try rows[0].decode(0, as: PostgresBytes.self).bytes
            let bare = key.key.withUnsafeBytes { Array($0) }
            #expect(wrapped.count == 12 + 32 + 16)
            #expect(!wrapped.contains(bare))
            for status in ["active", "merged", "erased"] {
                try await administrator.execute([
                    """
                    INSERT INTO main.aggregates (tenant_id, category, stream_id, version, position, state, created_at, updated_at)
                    VALUES (\(owner.tenant.uuid), 'consignor', \(owner.person), 1, 1,
                            json_build_object('status', \(status)::text), now(), now())
                    ON CONFLICT (tenant_id, category, stream_id) DO UPDATE SET state = excluded.state
                    """
                ])
                _ = try await administrator.query("SELECT main.shred_due()")
                #expect((try await keys.find(owner) != nil) == (status != "erased"), "\(status)")
            }
        }
    }

    @Test func `a tax key stays until the last day of its retention is over everywhere`() async throws {
        try await with { keys, _, administrator in
            let (owner, other) = (owner(.tax), owner(.tax))
            for owner in [owner, other] { _ = try await keys.obtain(owner) }
            try await administrator.execute([
                """
                INSERT INTO main.aggregates (tenant_id, category, stream_id, version, position, state, created_at, updated_at)
                VALUES (\(owner.tenant.uuid), 'consignor', \(owner.person), 1, 1,
                        '{"status": "erased", "erasure": {"tax_kept_until": "2031-12-31"}}', now(), now()),
                       (\(other.tenant.uuid), 'consignor', \(other.person), 1, 1,
                        '{"status": "erased", "erasure": {"tax_kept_until": null}}', now(), now())
                """
            ])
            _ = try await administrator.query("SELECT main.shred_due('2031-12-31')")
            #expect(try await keys.find(owner) != nil)
            #expect(try await keys.find(other) == nil)
            _ = try await administrator.query("SELECT main.shred_due('2032-01-01')")
            #expect(try await keys.find(owner) == nil)
        }
    }

    @Test func `keys of nobody are swept after a day`() async throws {
        try await with { keys, _, administrator in
            let owner = owner()
            _ = try await keys.obtain(owner)
            _ = try await administrator.query("SELECT main.shred_due()")
            #expect(try await keys.find(owner) != nil)
            try await administrator.execute(["UPDATE main.person_keys SET created_at = now() - interval '25 hours'"])
            _ = try await administrator.query("SELECT main.shred_due()")
            #expect(try await keys.find(owner) == nil)
        }
    }
}
