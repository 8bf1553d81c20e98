import EventSourcing
import EventStore
import Foundation
import Logging
import Postgres
import TestSupport
import Testing

@Suite struct TenancyTests {
    @Test func `a hundred thousand reads of mixed tenants over pooled connections leak no row`() async throws {
        try await TestDatabase.with { database in
            let tenants = (0..<50).map { _ in UUID.version7() }
            try await seed(tenants, in: database)
            for role in ["closter_query", "closter_command"] {
                try await read(50_000, as: role, tenants, in: database)
            }
        }
    }

    @Test func `with no tenant set there are no rows, also after a request that had one`() async throws {
        try await TestDatabase.with { database in
            let tenant = UUID.version7()
            try await seed([tenant], in: database)
            for role in ["closter_query", "closter_command", "closter_owner"] {
                let connection = try await database.connect(as: role == "closter_owner" ? nil : role)
                if role == "closter_owner" { try await connection.simple("SET ROLE closter_owner") }
                let count: SQL = "SELECT count(*) FROM main.aggregates"
                #expect(try await connection.query(count)[0].decode(0, as: Int.self) == 0, "\(role)")
                let inside = try await connection.execute([
                    "SELECT set_config('closter.tenant', \(tenant.uuidString), true)", count,
                ])
                #expect(try inside[1][0].decode(0, as: Int.self) == (role == "closter_owner" ? 0 : 20), "\(role)")
                #expect(try await connection.query(count)[0].decode(0, as: Int.self) == 0, "\(role)")
                await connection.close()
            }
        }
    }

    private func seed(_ tenants: [UUID], in database: TestDatabase) async throws {
        let connection = try await database.connect()
        for tenant in tenants {
            try await connection.execute([
                """
                INSERT INTO main.aggregates (tenant_id, category, stream_id, version, position, state, created_at, updated_at)
                SELECT \(tenant), 'item', gen_random_uuid(), 1, 1, '{}', now(), now() FROM generate_series(1, 20)
                """,
                """
                INSERT INTO main.import_lines (tenant_id, import_id, line, outcome, correlation_id)
                SELECT \(tenant), gen_random_uuid(), n, 'created', gen_random_uuid() FROM generate_series(1, 20) n
                """,
            ])
        }
        await connection.close()
    }

    private func read(_ count: Int, as role: String, _ tenants: [UUID], in database: TestDatabase) async throws {
        let pool = PostgresPool(try database.configuration(as: role), logger: Logger(label: "test"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await pool.run() }
            try await withThrowingTaskGroup(of: Int.self) { readers in
                let perReader = count / 64 + 1
                for _ in 0..<64 {
                    readers.addTask {
                        var foreign = 0
                        for _ in 0..<perReader {
                            let tenant = tenants.randomElement() ?? UUID()
                            // Asks for everything: only the policy keeps the others' rows away.
                            let rows = try await pool.query(
                                Bool.random()
                                    ? "SELECT tenant_id FROM main.aggregates"
                                    : "SELECT tenant_id FROM main.import_lines",
                                tenant: tenant)
                            guard rows.count == 20 else { return .max }
                            for row in rows where try row.decode(0, as: UUID.self) != tenant { foreign += 1 }
                        }
                        return foreign
                    }
                }
                for try await foreign in readers { #expect(foreign == 0) }
            }
            group.cancelAll()
        }
    }
}
