import EventSourcing
import Foundation
import Identity
import JSON
import Logging
import Postgres
import TestSupport
import Testing

@testable import Operator

@Suite struct `Commands on the database` {
    private static func environment(_ database: TestDatabase, as role: String? = nil) -> [String: String] {
        [
            "CLOSTER_DATABASE_URL": database.url(as: role), "CLOSTER_MIGRATIONS": TestDatabase.migrations,
            "CLOSTER_ROLES": TestDatabase.roles.deletingLastPathComponent().path, "CLOSTER_TENANT": "demo",
        ]
    }

    /// Holds the lock under which suites change the server's roles.
    private static func withEmptyDatabase(_ body: (TestDatabase) async throws -> Void) async throws {
        let database = try await TestDatabase.make(migrated: false)
        do {
            let url = try #require(ProcessInfo.processInfo.environment["CLOSTER_TEST_DATABASE_URL"])
            let turn = try await PostgresConnection.connect(
                PostgresConfiguration(url: url), logger: Logger(label: "test"))
            try await turn.simple("SELECT pg_advisory_lock(7041)")
            try await body(database)
            await turn.close()
        } catch {
            await database.drop()
            throw error
        }
        await database.drop()
    }

    @Test func `migrate brings an empty database up once`() async throws {
        try await Self.withEmptyDatabase { database in
            let environment = Self.environment(database)
            let count = try Migrator(directory: TestDatabase.migrations).version

            let before = await closter(["migrate", "--dry-run", "--json"], environment: environment)
            #expect(before.status == 0)
            let planned = try JSONValue(parsing: before.out)
            #expect(planned["dry_run"] == true && planned["migrations"]?.arrayValue?.count == count)

            let first = await closter(["migrate"], environment: environment)
            #expect(first.err.isEmpty)
            #expect(first.out == "schema \(count): \(count) migrations applied\n")

            let second = await closter(["migrate"], environment: environment)
            #expect(second.out == "schema \(count): nothing to do\n")
            #expect(second.status == 0)
        }
    }

    @Test func `migrate leaves the tables to their owner`() async throws {
        try await Self.withEmptyDatabase { database in
            _ = await closter(["migrate"], environment: Self.environment(database))
            let connection = try await database.connect()
            let owner = try await connection.query("SELECT tableowner FROM pg_tables WHERE tablename = 'events'")
            #expect(owner.first?[0] == "closter_owner")
            await connection.close()
        }
    }

    @Test func `migrate refuses a changed migration and a newer database in one line`() async throws {
        try await Self.withEmptyDatabase { database in
            try await withFolder { folder in
                var environment = Self.environment(database)
                environment["CLOSTER_MIGRATIONS"] = folder
                try write("CREATE TABLE public.a (a int);", to: folder + "/0001_a.sql")
                try write("CREATE TABLE public.b (b int);", to: folder + "/0002_b.sql")
                let owner = try await database.connect()
                try await owner.simple(
                    try String(contentsOf: TestDatabase.roles, encoding: .utf8)
                        + "GRANT CREATE ON SCHEMA public TO closter_owner;")
                await owner.close()
                let applied = await closter(["migrate"], environment: environment)
                #expect(applied.err.isEmpty)
                #expect(applied.out == "schema 2: 2 migrations applied\n")

                try write("CREATE TABLE public.a (a bigint);", to: folder + "/0001_a.sql")
                let changed = await closter(["migrate"], environment: environment)
                #expect(changed.status == 2)
                #expect(changed.err == "closter: migration 1 was changed after it was applied\n")

                try write("CREATE TABLE public.a (a int);", to: folder + "/0001_a.sql")
                try FileManager.default.removeItem(atPath: folder + "/0002_b.sql")
                let newer = await closter(["migrate"], environment: environment)
                #expect(newer.status == 2)
                #expect(newer.err == "closter: the database is at version 2, newer than this program's 1\n")
            }
        }
    }

    @Test func `migrate by somebody who is no administrator ends with 2`() async throws {
        try await Self.withEmptyDatabase { database in
            _ = await closter(["migrate"], environment: Self.environment(database))
            let run = await closter(["migrate"], environment: Self.environment(database, as: "closter_query"))
            #expect(run.status == 2)
            #expect(run.err.split(separator: "\n").count == 1)
        }
    }

    @Test func `a database that is away ends with 2 and no password`() async {
        let run = await closter(
            ["tenant", "list"], environment: ["CLOSTER_DATABASE_URL": "postgres://u:geheim@127.0.0.1:1/x"])
        #expect(run.status == 2)
        #expect(run.err.hasPrefix("closter: cannot connect to PostgreSQL: "))
        #expect(!run.err.contains("geheim"))
    }

    /// A tenant with a member and two keys, put where append puts it.
    private static func withTenant(_ body: (TestDatabase, UUID) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            let id = UUID.version7()
            var record = TenantRecord(
                slug: "demo", name: "Closter Demo", currency: try #require(Currency(code: "PLN")),
                timeZone: "Europe/Warsaw")
            record.members["ann"] = .init(name: "Ann", permissions: ["items:write", "listings:write"])
            record.keys["key_1"] = .init(
                kind: .publishable, name: "Storefront", hash: "ab12", allowedOrigins: ["https://shop.example"])
            record.keys["key_2"] = .init(kind: .secret, hash: "cd34", permissions: ["offers:create"], isRevoked: true)
            let connection = try await database.connect()
            _ = try await connection.query(
                "INSERT INTO closter.tenants (tenant_id, slug, shard) VALUES (\(id), 'demo', 'main')")
            _ = try await connection.query(
                """
                INSERT INTO main.aggregates (tenant_id, category, stream_id, version, position, state, created_at,
                    updated_at)
                VALUES (\(id), 'tenant', \(id), 1, 1, \(JSONText(bytes: record.bytes))::json, now(), now())
                """)
            await connection.close()
            try await body(database, id)
        }
    }

    @Test(arguments: [nil, "closter_operator"])
    func `tenants and keys are listed, as administrator and as operator`(role: String?) async throws {
        try await Self.withTenant { database, id in
            let environment = Self.environment(database, as: role)

            let list = await closter(["tenant", "list"], environment: environment)
            #expect(list.err.isEmpty)
            let columns = list.out.split(separator: "\n").last?.split(separator: " ", omittingEmptySubsequences: true)
            #expect(columns?.prefix(2) == ["demo", "\(TypeID(prefix: "tenant", uuid: id))"])

            let show = await closter(["tenant", "show"], environment: environment)
            #expect(show.out.contains("currency PLN, time zone Europe/Warsaw, shard main"))
            #expect(show.out.contains("  ann  Ann  items:write listings:write"))
            #expect(show.out.contains("keys: 1 in use, 1 revoked"))

            let keys = await closter(["key", "list", "--json"], environment: environment)
            let parsed = try JSONValue(parsing: keys.out)
            #expect(parsed[0]?["id"] == "key_1" && parsed[1]?["revoked"] == true)
            #expect(!keys.out.contains("ab12"))
        }
    }

    @Test func `a tenant that is none ends with 2`() async throws {
        try await Self.withTenant { database, _ in
            let run = await closter(["tenant", "show", "x' OR '1'='1"], environment: Self.environment(database))
            #expect(run.status == 2)
            #expect(run.err == "closter: there is no tenant x' OR '1'='1\n")
        }
    }
}
