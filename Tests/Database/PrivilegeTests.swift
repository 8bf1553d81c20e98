import Foundation
import Postgres
import TestSupport
import Testing

/// What each role may do with each table, asked of the server and compared with what is meant.
@Suite struct PrivilegeTests {
    /// S select, I insert, U update, D delete, T truncate; lower case: on some columns only. A table or role that is
    /// not named has nothing.
    private static let meant: [String: [String: String]] = [
        "closter.migrations": all("S", "operator", "command", "projector", "query", "worker"),
        "closter.shards": all("S", "operator", "command", "projector", "query", "worker").merging(["append": "Su"]) {
            $1
        },
        "closter.restores": ["operator": "S", "append": "SI"],
        "closter.tenants": ["operator": "S", "projector": "S", "append": "SI"],
        "main.events": ["append": "SI", "command": "S", "projector": "S", "operator": "S"],
        "main.aggregates": ["append": "SIU", "command": "S", "query": "S", "operator": "S"],
        "main.aggregates_import": ["append": "S"],
        "main.aggregates_consignor": ["append": "S"],
        "main.person_keys": ["append": "SUD", "command": "Si", "query": "S", "operator": "S"],
        "main.outcomes": ["append": "SI", "command": "S", "operator": "S"],
        "main.claims": ["append": "SID", "command": "S", "query": "s", "operator": "S"],
        "main.outbox": ["append": "SIu", "query": "s", "worker": "SU", "operator": "S"],
        "main.due_intents": ["append": "SIUD", "query": "S", "worker": "SI", "operator": "S"],
        "main.sequences": ["append": "SIU", "operator": "S"],
        "main.photos": ["command": "SiD", "query": "s", "operator": "S"],
        "main.import_chunks": ["append": "SID", "command": "S"],
        "main.import_lines": ["append": "SI", "command": "S", "query": "S", "operator": "S"],
        "main.generations": all("S", "projector", "query", "operator", "append"),
        "main.rebuilds": ["projector": "SIU", "operator": "S"],
        "main.rebuild_parts": ["projector": "SIU", "operator": "S"],
        "main.parked": ["projector": "SIUD", "query": "S", "operator": "S", "append": "SU"],
        "main.skipped": ["projector": "SI", "query": "S", "operator": "S"],
        "main.repairs": ["projector": "SIUD", "operator": "S", "append": "SI"],
        "main.checkpoints": ["projector": "SID", "query": "S", "operator": "S"],
        "main.changes": ["projector": "SID", "operator": "S", "append": "S"],
        "main.items_g1": ["projector": "SIUD", "query": "S", "operator": "S", "search": "S"],
        "main.locations_g1": ["projector": "SIUD", "query": "S", "operator": "S", "search": "S"],
        "main.intakes_g1": ["projector": "SIUD", "query": "S", "operator": "S", "search": "S"],
        "main.offers_g1": ["projector": "SIUD", "query": "S", "operator": "S", "search": "S"],
        "main.stocktakes_g1": ["projector": "SIUD", "query": "S", "operator": "S", "search": "S"],
        "main.contracts_g1": ["projector": "SIUD", "query": "S", "operator": "S", "search": "S"],
        "main.valuations_g1": ["projector": "SIUD", "query": "S", "operator": "S", "search": "S"],
        "main.decisions_g1": ["projector": "SIUD", "query": "S", "operator": "S", "search": "S"],
        "main.listings_g1": ["projector": "SIUD", "query": "S", "operator": "S", "search": "S"],
        "main.history": ["query": "S", "append": "SIUDT"],
    ]

    private static let roles = ["append", "search", "operator", "command", "projector", "query", "worker"]

    private static func all(_ verbs: String, _ roles: String...) -> [String: String] {
        Dictionary(uniqueKeysWithValues: roles.map { ($0, verbs) })
    }

    @Test func `each role may do to each table what is meant and no more`() async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            let rows = try await connection.query(
                """
                SELECT n.nspname || '.' || c.relname AS table, r.name AS role,
                       concat(
                           CASE WHEN has_table_privilege('closter_' || r.name, c.oid, 'SELECT') THEN 'S'
                                WHEN has_any_column_privilege('closter_' || r.name, c.oid, 'SELECT') THEN 's' END,
                           CASE WHEN has_table_privilege('closter_' || r.name, c.oid, 'INSERT') THEN 'I'
                                WHEN has_any_column_privilege('closter_' || r.name, c.oid, 'INSERT') THEN 'i' END,
                           CASE WHEN has_table_privilege('closter_' || r.name, c.oid, 'UPDATE') THEN 'U'
                                WHEN has_any_column_privilege('closter_' || r.name, c.oid, 'UPDATE') THEN 'u' END,
                           CASE WHEN has_table_privilege('closter_' || r.name, c.oid, 'DELETE') THEN 'D' END,
                           CASE WHEN has_table_privilege('closter_' || r.name, c.oid, 'TRUNCATE') THEN 'T' END) AS verbs
                FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                CROSS JOIN unnest(\(Self.roles)) AS r (name)
                WHERE n.nspname IN ('closter', 'main') AND c.relkind IN ('r', 'p', 'v')
                ORDER BY 1, 2
                """)
            #expect(rows.count > 100)
            for row in rows {
                let table = try row.decode(0, as: String.self)
                let role = try row.decode(1, as: String.self)
                let verbs = try row.decode(2, as: String.self)
                #expect(verbs == Self.meant[table]?[role] ?? "", "\(role) on \(table)")
            }
            await connection.close()
        }
    }

    @Test func `query can insert, update or delete nowhere`() async throws {
        try await TestDatabase.with { database in
            let administrator = try await database.connect()
            let tables = try await administrator.query(
                """
                SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname IN ('closter', 'main') AND c.relkind IN ('r', 'p', 'v')
                """
            ).map { try $0.decode(0, as: String.self) }
            let query = try await database.connect(as: "closter_query")
            for table in tables {
                for statement in ["INSERT INTO \(table) DEFAULT VALUES", "DELETE FROM \(table)"] {
                    let error = await #expect(throws: PostgresError.self, "\(statement)") {
                        try await query.simple(statement)
                    }
                    #expect(error?.sqlState == "42501", "\(statement)")
                }
            }
            for statement in [
                "CREATE TABLE main.mine (id int)", "CREATE TABLE public.mine (id int)", "CREATE SCHEMA mine",
                "CREATE TEMP TABLE mine (id int)", "SET ROLE closter_owner", "SET ROLE closter_append",
                "SELECT main.create_generation('items', 1)", "SELECT main.rotate_outcomes()",
                "SELECT * FROM main.events", "SELECT main.store_import_chunk(gen_random_uuid(), 0, 'x')",
            ] {
                let error = await #expect(throws: PostgresError.self, "\(statement)") {
                    try await query.simple(statement)
                }
                #expect(error?.sqlState == "42501", "\(statement)")
            }
            await query.close()
            await administrator.close()
        }
    }

    @Test func `every table with a tenant has row-level security, forced`() async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            let bare = try await connection.query(
                """
                SELECT c.relname FROM pg_class c
                JOIN pg_namespace n ON n.oid = c.relnamespace
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
                WHERE n.nspname IN ('closter', 'main') AND c.relkind IN ('r', 'p')
                  AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
                """)
            #expect(try bare.map { try $0.decode(0, as: String.self) } == [])
            await connection.close()
        }
    }

    @Test func `definer functions pin their search path and belong to the role they act for`() async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            let loose = try await connection.query(
                """
                SELECT p.oid::regprocedure::text FROM pg_proc p
                WHERE p.pronamespace IN ('closter'::regnamespace, 'main'::regnamespace) AND p.prosecdef
                  AND NOT coalesce(p.proconfig, '{}') && ARRAY[
                      'search_path=pg_catalog, pg_temp', 'search_path=pg_catalog, main, pg_temp']
                """)
            #expect(try loose.map { try $0.decode(0, as: String.self) } == [])
            let open = try await connection.query(
                """
                SELECT p.oid::regprocedure::text FROM pg_proc p
                WHERE p.pronamespace IN ('closter'::regnamespace, 'main'::regnamespace) AND p.prosecdef
                  AND has_function_privilege('public', p.oid, 'EXECUTE')
                """)
            #expect(try open.map { try $0.decode(0, as: String.self) } == [])
            await connection.close()
        }
    }
}
