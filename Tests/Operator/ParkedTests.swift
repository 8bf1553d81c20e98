import EventSourcing
import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@testable import Operator

/// The projector is played by statements here, under its role.
@Suite struct `Parked events` {
    private struct Scene {
        let environment: [String: String]
        let projector: PostgresConnection
        let item = UUID.version7()
    }

    /// The event at 7 could not be applied by items, 9 and 12 wait behind it; listings could not take 8.
    private static func withScene(_ body: @Sendable (Scene) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            let tenant = UUID.version7()
            let administrator = try await database.connect()
            _ = try await administrator.query(
                "INSERT INTO closter.tenants (tenant_id, slug, shard) VALUES (\(tenant), 'acme', 'main')")
            await administrator.close()
            let scene = Scene(
                environment: ["CLOSTER_DATABASE_URL": database.url(as: "closter_operator")],
                projector: try await database.connect(as: "closter_projector"))
            for (projection, position, reason) in [
                ("items", 7, "a price is missing"), ("items", 9, nil), ("items", 12, nil), ("listings", 8, "no\nitem"),
            ] as [(String, Int64, String?)] {
                _ = try await scene.projector.query(
                    """
                    INSERT INTO main.parked (projection, generation, position, tenant_id, group_id, category, stream_id,
                        version, type, correlation_id, reason, attempts)
                    VALUES (\(projection), 1, \(position), \(tenant), \(scene.item), 'item', \(scene.item), 1,
                        'ItemReceived', \(UUID.version7()), \(reason), 6)
                    """)
            }
            try await body(scene)
            await scene.projector.close()
        }
    }

    @Test func `are listed with what waits behind them`() async throws {
        try await Self.withScene { scene in
            let run = await closter(["parked", "list", "--json"], environment: scene.environment)
            #expect(run.status == 1)
            #expect(run.err.isEmpty)
            let events = try JSONValue(parsing: run.out).arrayValue ?? []
            #expect(events.map { $0["position"] } == [7, 8])
            #expect(events[0]["waiting"] == 2)
            #expect(events[0]["tenant"] == "acme")
            #expect(events[0]["stream_id"] == .string(TypeID(prefix: "item", uuid: scene.item).description))
            #expect(events[0]["reason"] == "a price is missing")

            let table = await closter(["parked", "list", "--projection", "listings"], environment: scene.environment)
            #expect(table.out.split(separator: "\n").count == 2)
            #expect(table.out.contains("no; item"))
            let other = await closter(["parked", "list", "--projection", "none"], environment: scene.environment)
            #expect(other.status == 0)
            #expect(other.out == "nothing is parked\n")
            let stranger = await closter(["parked", "list", "--tenant", "nobody"], environment: scene.environment)
            #expect(stranger.status == 2)
        }
    }

    /// Runs the tool while a projector that sees the wish does `work`.
    private static func run(
        _ arguments: [String], _ scene: Scene, _ wish: String, work: SQL...
    ) async throws -> Run {
        async let running = closter(
            arguments, environment: scene.environment, pause: { _ in try await Task.sleep(for: .milliseconds(5)) })
        try await eventually("somebody wishes") {
            let rows = try await scene.projector.query(
                "SELECT wished_by FROM main.parked WHERE wish = \(wish) AND position = 7")
            return try rows.first?.decode(0, as: String.self) == Requester.name
        }
        try await scene.projector.execute(work)
        return await running
    }

    @Test func `are applied when they are tried again`() async throws {
        try await Self.withScene { scene in
            let run = try await Self.run(
                ["parked", "retry", "7", "--projection", "items"], scene, "retry",
                work: "DELETE FROM main.parked WHERE projection = 'items'")
            #expect(run.status == 0)
            #expect(run.out == "items #7: applied\n")
        }
    }

    @Test func `stay when they fail again, and it is told why`() async throws {
        try await Self.withScene { scene in
            let run = try await Self.run(
                ["parked", "retry", "7", "--projection", "items"], scene, "retry",
                work: """
                    UPDATE main.parked SET attempts = 7, reason = 'still no price', wish = NULL WHERE position = 7
                    """)
            #expect(run.status == 1)
            #expect(run.out == "items #7: still parked after 7 attempts: still no price\n")
        }
    }

    @Test func `are skipped for good, and only with a yes`() async throws {
        try await Self.withScene { scene in
            let unsure = await closter(
                ["parked", "skip", "7", "--projection", "items"], environment: scene.environment)
            #expect(unsure.status == 2)
            #expect(unsure.err == "closter: skipping is for good: say --yes\n")

            let run = try await Self.run(
                ["parked", "skip", "7", "--projection", "items", "--yes", "--json"], scene, "skip",
                work: """
                    INSERT INTO main.skipped
                        (projection, position, tenant_id, group_id, category, stream_id, type, reason, skipped_by)
                    SELECT projection, position, tenant_id, group_id, category, stream_id, type, reason, wished_by
                    FROM main.parked WHERE position = 7
                    """, "DELETE FROM main.parked WHERE projection = 'items'")
            #expect(run.status == 0)
            #expect(try JSONValue(parsing: run.out)["outcome"] == "skipped")
        }
    }

    @Test(arguments: [9, 10]) func `are only those that could not be applied`(position: Int) async throws {
        try await Self.withScene { scene in
            let run = await closter(
                ["parked", "retry", "\(position)", "--projection", "items"], environment: scene.environment)
            #expect(run.status == 2)
            #expect(run.err.contains("no event at position \(position)"))
        }
    }

    @Test func `are waited for only so long`() async throws {
        try await Self.withScene { scene in
            let run = await closter(["parked", "retry", "7", "--projection", "items"], environment: scene.environment)
            #expect(run.status == 2)
            #expect(run.err.contains("no projector has done it yet"))
            let wishes = try await scene.projector.query("SELECT FROM main.parked WHERE wish = 'retry'")
            #expect(wishes.count == 1)
        }
    }
}
