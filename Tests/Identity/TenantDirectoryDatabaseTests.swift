import EventSourcing
import Foundation
import Identity
import Logging
import Postgres
import TestSupport
import Testing

@Suite struct TenantDirectoryDatabaseTests {
    /// Lends a pool as the role that the services use, on a database with one tenant.
    private func withTenant(
        as role: String, _ body: (TenantDirectory, TenantRecord, TenantID) async throws -> Void
    ) async throws {
        let record = TenantRecord(
            slug: "demo", name: "Demo", currency: try #require(Currency(code: "PLN")), timeZone: "Europe/Warsaw",
            members: ["anna": .init(permissions: [.all])])
        let id = UUID.version7()
        try await TestDatabase.with { database in
            let administrator = try await database.connect()
            let state = String(decoding: record.bytes, as: UTF8.self)
            let shards = try await administrator.query(
                """
                INSERT INTO closter.tenants (tenant_id, slug, shard)
                VALUES (\(id), 'demo', 'main'), (\(UUID.version7()), 'begun', 'main')
                """)
            #expect(shards.affected == 2)
            _ = try await administrator.query(
                """
                INSERT INTO main.aggregates
                    (tenant_id, category, stream_id, version, position, state, created_at, updated_at)
                VALUES (\(id), 'tenant', \(id), 3, 9, \(state)::json, now(), now())
                """)
            await administrator.close()
            let pool = PostgresPool(try database.configuration(as: role), logger: silentLogger)
            let running = Task { await pool.run() }
            do {
                try await body(TenantDirectory(pool: pool), record, TenantID(id))
            } catch {
                running.cancel()
                throw error
            }
            running.cancel()
            await running.value
        }
    }

    @Test(arguments: ["closter_command", "closter_query"])
    func `a service's role finds a tenant by its slug`(role: String) async throws {
        try await withTenant(as: role) { directory, record, id in
            let tenant = try await directory.tenant(slug: "demo", for: .read)

            #expect(tenant == Tenant(id: id, shard: "main", version: 3, record: record))
        }
    }

    @Test func `a slug that was registered but never made a tenant is nobody's`() async throws {
        try await withTenant(as: "closter_command") { directory, _, _ in
            let begun = try await directory.tenant(slug: "begun", for: .write)
            let nobody = try await directory.tenant(slug: "nobody", for: .write)

            #expect(begun == nil)
            #expect(nobody == nil)
        }
    }
}

private let silentLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
