import EventSourcing
import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@testable import Operator

@Suite struct `A restore` {
    private struct Scene {
        let database: TestDatabase
        let administrator: PostgresConnection
        let tenant = UUID.version7()
        var environment: [String: String] { ["CLOSTER_DATABASE_URL": database.url(as: "closter_operator")] }

        func epoch() async throws -> Int64 {
            try await administrator.query("SELECT epoch FROM closter.shards WHERE name = 'main'")[0].decode(0)
        }

        @discardableResult
        func task(_ state: SQL) async throws -> UUID {
            let id = UUID.version7()
            _ = try await administrator.query(
                """
                INSERT INTO main.outbox (task_id, tenant_id, kind, payload, position, correlation_id, command_id,
                    created_at, run_at, completed_at)
                SELECT \(id), \(tenant), 'shop.publish', '{}', 1, \(UUID.version7()), \(UUID.version7()), now(), \(state)
                """)
            return id
        }
    }

    /// A log of two events.
    private static func withScene(_ body: @Sendable (Scene) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            let administrator = try await database.connect()
            let scene = Scene(database: database, administrator: administrator)
            _ = try await administrator.query(
                "INSERT INTO closter.tenants (tenant_id, slug, shard) VALUES (\(scene.tenant), 'acme', 'main')")
            _ = try await administrator.query(
                """
                INSERT INTO main.events (position, tenant_id, category, stream_id, version, type, schema_version,
                    correlation_id, command_id, data, metadata, recorded_at)
                SELECT n, \(scene.tenant), 'item', \(UUID.version7()), n, 'ItemReceived', 1, gen_random_uuid(),
                       gen_random_uuid(), '{}', '{}', '2026-11-28T12:00:00Z'::timestamptz FROM generate_series(1, 2) n
                """)
            try await body(scene)
            await administrator.close()
        }
    }

    @Test(arguments: [nil, "closter_operator"])
    func `is declared with a new epoch, and due tasks are held`(role: String?) async throws {
        try await Self.withScene { scene in
            let environment = ["CLOSTER_DATABASE_URL": scene.database.url(as: role)]
            let due = try await scene.task("now() - interval '1 hour', NULL")
            try await scene.task("now() + interval '1 hour', NULL")
            try await scene.task("now() - interval '1 hour', now()")
            let before = try await scene.epoch()

            let dry = await closter(["restored", "--dry-run", "--json"], environment: environment)
            #expect(dry.status == 0 && dry.err.isEmpty)
            let planned = try JSONValue(parsing: dry.out)
            #expect(planned["dry_run"] == true && planned["epoch"] == .null && planned["position"] == 2)
            #expect(planned["tasks"] == ["held": 1, "held_before": 0, "not_due": 1])
            #expect(try await scene.epoch() == before)

            let run = await closter(["restored"], environment: environment)
            #expect(run.status == 0 && run.err.isEmpty)
            #expect(
                run.out == """
                    the log ends at position 2, of 2026-11-28T12:00:00.000000Z
                    a new epoch is drawn: position tokens from before are refused
                    outbox: 1 open task held now
                    outbox: 1 task not due yet, and left alone

                    """)
            let first = try await scene.epoch()
            #expect(first != before)
            let held = try await scene.administrator.query("SELECT task_id FROM main.outbox WHERE held_at IS NOT NULL")
            #expect(try held.map { try $0.decode(0, as: UUID.self) } == [due])

            let again = await closter(["restored", "--json"], environment: environment)
            #expect(again.status == 0)
            let second = try await scene.epoch()
            #expect(second != first && second != before)
            let told = try JSONValue(parsing: again.out)
            #expect(told["epoch"] == JSONValue(Int(second)))
            #expect(told["tasks"] == ["held": 0, "held_before": 1, "not_due": 1])
            let kept = try await scene.administrator.query(
                "SELECT epoch, head, tasks_held, declared_by FROM closter.restores ORDER BY restore_id")
            #expect(try kept.map { try $0.decode(0, as: Int64.self) } == [first, second])
            #expect(try kept.map { try $0.decode(2, as: Int.self) } == [1, 0])
            #expect(try kept[0].decode(3, as: String.self) == Requester.name)
        }
    }

    @Test func `of pieces is told by what is ahead of the log`() async throws {
        try await Self.withScene { scene in
            let connection = scene.administrator
            _ = try await connection.query(
                """
                INSERT INTO main.checkpoints (projection, generation, previous, position, tailed_at)
                VALUES ('items', 1, 0, 2, now()), ('listings', 1, 0, 9, now())
                """)
            _ = try await connection.query(
                """
                INSERT INTO main.claims (tenant_id, kind, value, category, stream_id, position)
                VALUES (\(scene.tenant), 'sku', 'A', 'item', \(UUID.version7()), 3)
                """)
            for arguments in [["restored", "--dry-run"], ["restored"]] {
                let run = await closter(arguments, environment: scene.environment)
                #expect(run.status == 1)
                #expect(
                    run.out.hasSuffix(
                        """
                        ahead of the log: claims, up to position 3
                        ahead of the log: listings, generation 1 (live), up to position 9

                        """))
            }
        }
    }

    @Test func `is not declared while services are connected, unless told`() async throws {
        try await Self.withScene { scene in
            let before = try await scene.epoch()
            let command = try await scene.database.connect(as: "closter_command")
            let query = try await scene.database.connect(as: "closter_query")
            let refused = await closter(["restored"], environment: scene.environment)
            #expect(refused.status == 2)
            #expect(
                refused.err == """
                    closter: services are connected: command (1 session), query (1 session); stop them first, they \
                    remember what is no more

                    """)
            let dry = await closter(["restored", "--dry-run"], environment: scene.environment)
            #expect(dry.status == 0)
            #expect(dry.err.contains("they must be stopped first"))
            #expect(try await scene.epoch() == before)

            let forced = await closter(["restored", "--force"], environment: scene.environment)
            #expect(forced.status == 0)
            #expect(forced.err.contains("start them anew"))
            #expect(try await scene.epoch() != before)
            await command.close()
            await query.close()
        }
    }

    /// Writes that come before the partition would keep it from being made.
    @Test func `of an old backup has a partition for today before anything is written`() async throws {
        try await Self.withScene { scene in
            try await scene.administrator.dropOutcomePartitions()
            #expect(await closter(["restored"], environment: scene.environment).status == 0)
            let today = try await scene.administrator.query(
                """
                SELECT to_regclass('main.outcomes_' || to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYYMMDD')) IS NOT NULL
                """)
            #expect(try today[0].decode(0, as: Bool.self))
        }
    }

    @Test func `to a schema that knows none asks for the migrations`() async throws {
        try await Self.withScene { scene in
            try await scene.administrator.simple("DELETE FROM closter.migrations WHERE version > 7")
            let run = await closter(["restored"], environment: scene.environment)
            #expect(run.status == 2)
            #expect(run.err == "closter: the schema is at version 7, and 8 is needed: run closter migrate\n")
        }
    }

    @Test func `leaves tasks that somebody decides about`() async throws {
        try await Self.withScene { scene in
            let environment = scene.environment
            var tasks: [UUID] = []
            for _ in 0..<3 { tasks.append(try await scene.task("now(), NULL")) }
            let none = await closter(["outbox", "list"], environment: environment)
            #expect(none.status == 0 && none.out == "no task is held\n")
            _ = await closter(["restored"], environment: environment)

            let list = await closter(["outbox", "list", "--json"], environment: environment)
            #expect(list.status == 1)
            let told = try JSONValue(parsing: list.out).arrayValue ?? []
            #expect(Set(told.compactMap { $0["task"]?.stringValue }) == Set(tasks.map(\.lowercase)))
            #expect(told[0]["tenant"] == "acme" && told[0]["kind"] == "shop.publish")
            let other = await closter(["outbox", "list", "--kind", "other"], environment: environment)
            #expect(other.status == 0)
            let table = await closter(["outbox", "list", "--tenant", "acme"], environment: environment)
            #expect(table.out.split(separator: "\n").count == 4)

            let unsure = await closter(["outbox", "settle", tasks[0].lowercase], environment: environment)
            #expect(unsure.status == 2 && unsure.err == "closter: settling is for good: say --yes\n")
            let settled = await closter(["outbox", "settle", tasks[0].lowercase, "--yes"], environment: environment)
            #expect(settled.status == 0 && settled.out == "1 task settled\n")
            let twice = await closter(["outbox", "release", tasks[0].lowercase, "--json"], environment: environment)
            #expect(twice.status == 1)
            #expect(
                try JSONValue(parsing: twice.out) == [
                    "decision": "released", "tasks": [], "not_held": [.string(tasks[0].lowercase)],
                ])
            let released = await closter(["outbox", "release", "--all", "--tenant", "acme"], environment: environment)
            #expect(released.status == 0 && released.out == "2 tasks released\n")

            // What a worker would find.
            let ready = try await scene.administrator.query(
                """
                SELECT task_id FROM main.outbox WHERE completed_at IS NULL AND held_at IS NULL ORDER BY task_id
                """)
            #expect(try ready.map { try $0.decode(0, as: UUID.self) } == Array(tasks.dropFirst()))
            let decided = try await scene.administrator.query(
                """
                SELECT count(*) FROM main.outbox
                WHERE decided_by = \(Requester.name) AND decision = CASE WHEN task_id = \(tasks[0]) THEN 'settled'
                                                                         ELSE 'released' END
                """)
            #expect(try decided[0].decode(0, as: Int.self) == 3)
        }
    }
}
