import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@testable import Operator

/// The projector is played by statements here, under its role.
@Suite struct `Rebuilds` {
    private struct Scene: Sendable {
        let environment: [String: String]
        let administrator: PostgresConnection
        let projector: PostgresConnection

        /// Runs the tool while a projector that sees a request does `work`.
        func run(
            _ arguments: [String], when asked: SQL = "SELECT FROM main.rebuilds WHERE ended_at IS NULL", work: SQL...
        ) async throws -> Run {
            async let running = closter(
                arguments, environment: environment, interactive: true,
                pause: { _ in try await Task.sleep(for: .milliseconds(2)) })
            try await eventually("it is asked for") { try await projector.query(asked).count == 1 }
            try await projector.execute(work)
            return await running
        }

        func open() async throws -> Int {
            try await projector.query("SELECT FROM main.rebuilds WHERE ended_at IS NULL").count
        }
    }

    private static func withScene(_ body: @Sendable (Scene) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            let scene = Scene(
                environment: ["CLOSTER_DATABASE_URL": database.url(as: "closter_operator")],
                administrator: try await database.connect(),
                projector: try await database.connect(as: "closter_projector"))
            try await body(scene)
            await scene.administrator.close()
            await scene.projector.close()
        }
    }

    /// Makes generation 2 of items, complete as of `target`.
    private static func fill(_ scene: Scene, target: Int64 = 0) async throws {
        try await scene.projector.simple(
            """
            SELECT main.begin_generation('items', 1);
            SELECT main.index_generation('items', 2, n) FROM generate_series(1, main.generation_indexes('items')) n;
            SELECT main.complete_generation('items', 2, \(target));
            """)
    }

    @Test func `are followed to their end, and told in figures`() async throws {
        try await Self.withScene { scene in
            let run = try await scene.run(
                ["rebuild", "items", "--share", "1.5", "--batch", "50", "--workers", "3", "--grace", "1h30m"],
                work: """
                    INSERT INTO main.rebuild_parts (rebuild_id, part, events, rows, is_done)
                    SELECT rebuild_id, part, 1500, 600, true FROM main.rebuilds, generate_series(0, 1) part
                    """,
                """
                UPDATE main.rebuilds SET status = 'done', generation = 2, target = 3000, rows_total = 1200,
                    rows_compared = 1200, rows_different = 2, rows_added = 1,
                    started_at = clock_timestamp() - interval '2 s', ended_at = clock_timestamp()
                """)
            #expect(run.status == 0)
            let lines = run.out.split(separator: "\n")
            #expect(lines.first == "items: generation 2 is live")
            #expect(
                lines[1] == "  3,000 events and 1,200 rows in 2.0 s: 1,499 events/s"
                    || lines[1].hasSuffix(" 1,500 events/s"))
            #expect(lines.last == "  compared 1,200 rows: 2 different, 1 added, 0 removed")

            let asked = try await scene.projector.query(
                "SELECT requested_by, share, batch, workers, extract(epoch FROM grace)::int8 FROM main.rebuilds")[0]
            #expect(try asked.decode(0, as: String.self) == Requester.name)
            #expect(try asked.decode(1, as: Double.self) == 1.5)
            #expect(try asked.decode(2, as: Int.self) == 50)
            #expect(try asked.decode(3, as: Int.self) == 3)
            #expect(try asked.decode(4, as: Int.self) == 5_400)
        }
    }

    @Test func `that fail end with 2 and the reason`() async throws {
        try await Self.withScene { scene in
            let run = try await scene.run(
                ["rebuild", "items", "--json"],
                work: """
                    UPDATE main.rebuilds SET status = 'failed', detail = 'the event at 7 cannot be folded',
                        ended_at = clock_timestamp()
                    """)
            #expect(run.status == 2)
            #expect(try JSONValue(parsing: run.out)["detail"] == "the event at 7 cannot be folded")
            #expect(run.err.contains("closter: the rebuild of items failed: the event at 7 cannot be folded\n"))
        }
    }

    @Test func `that somebody cancels end with 1`() async throws {
        try await Self.withScene { scene in
            let run = try await scene.run(
                ["rebuild", "items"],
                work: """
                    UPDATE main.rebuilds SET status = 'cancelled', cancelled_by = 'ann', ended_at = clock_timestamp()
                    """)
            #expect(run.status == 1)
            #expect(run.out == "items: the rebuild was cancelled by ann; nothing has changed\n")
        }
    }

    @Test func `are read in every phase, with how far it has come`() async throws {
        try await Self.withScene { scene in
            let id = UUID()
            _ = try await scene.projector.query(
                """
                INSERT INTO main.rebuilds (rebuild_id, projection, requested_by, share, batch, workers, grace)
                VALUES (\(id), 'items', 'ann', 1, 10, 2, '1h')
                """)
            func progress(after change: SQL) async throws -> Operator.Progress {
                _ = try await scene.projector.query(change)
                let state = try await RebuildFollower(
                    context: Context(
                        settings: Settings(scene.environment), console: Console(out: { _ in }, err: { _ in }),
                        transport: NetworkTransport(), pause: { _ in }, interruption: {})
                ).state(id)
                return state.progress
            }
            #expect(try await progress(after: "SELECT 1").label == "waiting for a projector")

            _ = try await scene.projector.query("SELECT main.begin_generation('items', 1)")
            _ = try await scene.projector.query(
                "INSERT INTO main.rebuild_parts (rebuild_id, part, events) VALUES (\(id), 0, 3), (\(id), 1, 4)")
            let filling = try await progress(
                after: "UPDATE main.rebuilds SET status = 'filling', generation = 2, target = 10")
            #expect(filling == .init(label: "filling", done: 7, total: 10, unit: "events"))

            _ = try await scene.projector.query("SELECT main.index_generation('items', 2, 1)")
            let wanted: Int = try await scene.projector.query("SELECT main.generation_indexes('items')")[0].decode(0)
            let indexing = try await progress(after: "UPDATE main.rebuilds SET status = 'indexing'")
            #expect(indexing == .init(label: "indexing", done: 1, total: wanted, unit: "indexes"))

            try await scene.projector.simple(
                """
                INSERT INTO main.checkpoints (projection, generation, previous, position, tailed_at)
                VALUES ('items', 2, 0, 12, now())
                """)
            let catching = try await progress(after: "UPDATE main.rebuilds SET status = 'catching_up'")
            #expect(catching.label == "catching up" && catching.done == 2)

            let comparing = try await progress(
                after: "UPDATE main.rebuilds SET status = 'comparing', rows_total = 5, rows_compared = 2")
            #expect(comparing == .init(label: "comparing", done: 2, total: 5, unit: "rows"))
        }
    }

    @Test func `that nobody takes up are warned of, and go on after Ctrl-C`() async throws {
        try await Self.withScene { scene in
            let id = UUID()
            _ = try await scene.projector.query(
                """
                INSERT INTO main.rebuilds
                    (rebuild_id, projection, requested_by, requested_at, share, batch, workers, grace)
                VALUES (\(id), 'items', 'ann', clock_timestamp() - interval '11 s', 1, 10, 2, '1h')
                """)
            let (looked, look) = AsyncStream.makeStream(of: Void.self)
            let run = await closter(
                ["rebuild", "items"], environment: scene.environment,
                pause: { _ in
                    look.yield()
                    try await Task.sleep(for: .milliseconds(2))
                },
                interruption: { for await _ in looked { break } })
            #expect(run.status == 0)
            #expect(run.err.contains("warning: a rebuild is open already, asked for by ann"))
            #expect(run.err.contains("warning: no projector has taken the rebuild up: is one running?"))
            #expect(run.err.contains("warning: no longer followed; the rebuild goes on"))
            #expect(run.out == "items: a rebuild is asked for; it is requested\n")
            #expect(try await scene.open() == 1)
        }
    }

    @Test func `go on when the process that follows them is interrupted`() async throws {
        try await Self.withScene { scene in
            let process = Process()
            process.executableURL = URL(filePath: Programs.path("closter"))
            process.arguments = ["rebuild", "items", "--json"]
            process.environment = ProcessInfo.processInfo.environment.merging(scene.environment) { $1 }
            let out = Pipe(), err = Pipe()
            process.standardOutput = out
            process.standardError = err
            let (ends, ended) = AsyncStream.makeStream(of: Int32.self)
            process.terminationHandler = { ended.yield($0.terminationStatus) }
            try process.run()
            // The signal is heeded once the following has begun: until then it ends the process, and the test.
            try await eventually("it follows") {
                let rows = try await scene.administrator.query(
                    """
                    SELECT FROM pg_stat_activity
                    WHERE query LIKE '%main.rebuild_parts%' AND datname = current_database() AND usename = 'closter_operator'
                    """)
                return rows.count > 0
            }
            kill(process.processIdentifier, SIGINT)
            for await status in ends {
                #expect(status == 0)
                break
            }
            let said = String(decoding: err.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            #expect(said.contains("no longer followed"))
            let told = try JSONValue(parsing: Array(out.fileHandleForReading.readDataToEndOfFile()))
            #expect(told["status"] == "requested")
            #expect(try await scene.open() == 1)
        }
    }

    @Test func `are planned without changing anything`() async throws {
        try await Self.withScene { scene in
            let run = await closter(["rebuild", "items", "--dry-run"], environment: scene.environment)
            #expect(run.status == 0)
            #expect(run.out.hasPrefix("items: a rebuild would fill a new generation from 0 events\n"))
            #expect(run.out.contains("  live: generation 1, fold version 3, 0 rows, "))
            let plan = try JSONValue(
                parsing: await closter(["rebuild", "items", "--dry-run", "--json"], environment: scene.environment).out)
            #expect(plan["generation"] == 1 && plan["rows"] == 0 && plan["open_by"] == .null)
            #expect(try await scene.open() == 0)
            #expect(try await scene.projector.query("SELECT FROM main.generations WHERE generation > 1").isEmpty)
        }
    }

    @Test(arguments: [[], ["--dry-run"], ["--detach"], ["--back"], ["--cancel"]])
    func `of what is no projection end with 2`(option: [String]) async throws {
        try await Self.withScene { scene in
            let run = await closter(["rebuild", "no'thing"] + option, environment: scene.environment)
            #expect(run.status == 2)
            #expect(run.out.isEmpty)
            #expect(run.err.hasPrefix("closter: ") && run.err.contains("no'thing"))
        }
    }

    @Test func `are left alone when they are only to be asked for`() async throws {
        try await Self.withScene { scene in
            let run = await closter(["rebuild", "listings", "--detach", "--json"], environment: scene.environment)
            #expect(run.status == 0)
            let state = try JSONValue(parsing: run.out)
            #expect(state["status"] == "requested")
            #expect(try await scene.open() == 1)
        }
    }

    @Test func `are cancelled, where there is one and somebody who does it`() async throws {
        try await Self.withScene { scene in
            let none = await closter(["rebuild", "items", "--cancel"], environment: scene.environment)
            #expect(none.status == 2)
            #expect(none.err == "closter: there is no open rebuild of items to cancel\n")

            _ = await closter(["rebuild", "items", "--detach"], environment: scene.environment)
            let alone = await closter(["rebuild", "items", "--cancel"], environment: scene.environment)
            #expect(alone.status == 2)
            #expect(alone.err.contains("no projector has done so yet"))
            let wishes = try await scene.projector.query("SELECT cancelled_by FROM main.rebuilds")
            #expect(try wishes[0].decode(0, as: String.self) == Requester.name)

            _ = try await scene.projector.query("UPDATE main.rebuilds SET cancelled_by = NULL")
            let run = try await scene.run(
                ["rebuild", "items", "--cancel"],
                when: "SELECT FROM main.rebuilds WHERE ended_at IS NULL AND cancelled_by IS NOT NULL",
                work: "UPDATE main.rebuilds SET status = 'cancelled', ended_at = clock_timestamp()")
            #expect(run.status == 0)
            #expect(run.out == "items: the rebuild is cancelled\n")
        }
    }

    @Test func `are taken back to the generation before`() async throws {
        try await Self.withScene { scene in
            let none = await closter(["rebuild", "items", "--back"], environment: scene.environment)
            #expect(none.status == 2)
            #expect(none.err == "closter: items has no generation to go back to\n")

            try await Self.fill(scene)
            _ = try await scene.projector.query("SELECT main.promote_generation('items', 2, '1 hour')")
            let run = await closter(["rebuild", "items", "--back", "--grace", "15m"], environment: scene.environment)
            #expect(run.status == 0)
            #expect(run.out == "items: generation 1 is live again; the one that was is kept for 15m\n")
            let again = await closter(["rebuild", "items", "--back", "--json"], environment: scene.environment)
            #expect(try JSONValue(parsing: again.out)["generation"] == 2)
        }
    }

    @Test func `are not taken back to a generation that stays behind`() async throws {
        try await Self.withScene { scene in
            try await Self.fill(scene, target: 5)
            _ = try await scene.projector.query("SELECT main.promote_generation('items', 2, '1 hour')")
            let run = await closter(["rebuild", "items", "--back"], environment: scene.environment)
            #expect(run.status == 2)
            #expect(run.err.contains("is behind the live one"))
            let live = try await scene.projector.query(
                "SELECT generation FROM main.generations WHERE projection = 'items' AND status = 'live'")
            #expect(try live[0].decode(0, as: Int.self) == 2)
        }
    }

    @Test func `are followed through an outage, but not for ever`() async throws {
        let context = Context(
            settings: Settings(["CLOSTER_DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"]),
            console: Console(out: { _ in }, err: { _ in }), transport: NetworkTransport(), pause: { _ in },
            interruption: {})
        let failure = await #expect(throws: ToolFailure.self) {
            try await RebuildFollower(context: context).untilEnded(UUID())
        }
        #expect(failure?.message.hasPrefix("cannot connect to PostgreSQL") == true)
    }
}
