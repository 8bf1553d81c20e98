import EventSourcing
import EventStore
import Foundation
import Postgres
import Subprocess
import SystemPackage
import TestSupport
import Testing

@Suite struct ConcurrencyTests {
    @Test func `eight writers in two processes leave one history without gaps`() async throws {
        try await Store.with { store in
            let streams = (0..<5).map { _ in UUID.version7().uuidString }
            let program = Programs.path("closter-test-writer")
            let url = store.database.url(as: "closter_command")
            let reports = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<2 {
                    group.addTask {
                        let result = try await Subprocess.run(
                            .path(FilePath(program)),
                            arguments: .init([url, store.tenant.uuid.uuidString, "4", "100"] + streams),
                            output: .string(limit: 10_000), error: .string(limit: 100_000))
                        guard result.terminationStatus.isSuccess else {
                            throw Store.Broken(result.standardError)
                        }
                        return result.standardOutput
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let events = try await store.checkHistory()
            #expect(events.count == 800)
            // The writers share streams: a run without a conflict has shown nothing.
            #expect(reports.contains { !$0.hasSuffix("conflicts 0\n") })
            let commands = Set(events.map(\.metadata.commandID))
            #expect(commands.count == 800)
        }
    }

    @Test func `positions become visible in order`() async throws {
        try await Store.with { store in
            let reader = try await store.database.connect()
            let one = try store.appender(), two = try store.appender()
            let running = [one, two].map { appender in Task { await appender.run() } }
            let writing = Task {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for index in 0..<400 {
                        let intent = store.intent([(store.stream(), at: 0)], events: 1 + index % 3)
                        group.addTask { _ = try await (index % 2 == 0 ? one : two).append(intent) }
                    }
                    try await group.waitForAll()
                }
            }
            // A reader that takes what is there and never looks back must see every position.
            var seen: Int64 = 0
            var looks = 0
            while seen < 799 {
                for event in try EventReader.decode(
                    try await reader.query(EventReader.tail(after: seen, limit: 50)))
                {
                    #expect(event.position == seen + 1)
                    seen = event.position
                }
                looks += 1
                try #require(looks < 1_000_000)
            }
            try await writing.value
            running.forEach { $0.cancel() }
            for task in running { await task.value }
            #expect(try await store.checkHistory().count == 799)
            await reader.close()
        }
    }

    @Test func `connections killed around the commit neither lose nor double an intent`() async throws {
        try await Store.with { store in
            let killer = try await store.database.connect()
            var limits = Appender.Limits()
            limits.batchCount = 8
            limits.recovery = .seconds(60)
            let outcomes = try await store.appending(limits: limits) { appender in
                let writing = Task {
                    try await withThrowingTaskGroup(of: (UUID, AppendOutcome).self) { group in
                        for _ in 0..<16 {
                            group.addTask {
                                var last: (UUID, AppendOutcome)?
                                for _ in 0..<40 {
                                    let intent = store.intent([(store.stream(), at: 0)])
                                    let outcome = try await appender.append(intent)
                                    guard case .appended = outcome else { throw Store.Broken("\(outcome)") }
                                    last = (intent.metadata.commandID, outcome)
                                }
                                guard let last else { throw CancellationError() }
                                return last
                            }
                        }
                        return try await group.reduce(into: []) { $0.append($1) }
                    }
                }
                let killing = Task {
                    var kills = 0
                    while !Task.isCancelled {
                        // Long enough between kills for a batch to get through, at a moment that nothing agrees on.
                        _ = try await killer.query("SELECT pg_sleep(0.01 + random() * 0.05)", cancellable: false)
                        let rows = try await killer.query(
                            """
                            SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                            WHERE usename = 'closter_command' AND datname = current_database()
                            """, cancellable: false)
                        kills += try rows[0].decode(0, as: Int.self)
                    }
                    return kills
                }
                let outcomes = try await writing.value
                killing.cancel()
                let kills = try await killing.value
                #expect(kills > 3)
                return outcomes
            }
            #expect(outcomes.count == 16)
            let events = try await store.checkHistory()
            #expect(events.count == 640)
            #expect(Set(events.map(\.metadata.commandID)).count == 640)
            await killer.close()
        }
    }

    @Test func `no role can change history`() async throws {
        try await Store.with { store in
            try await store.appending { _ = try await $0.append(store.intent([(store.stream(), at: 0)])) }
            let roles = [
                nil, "closter_owner", "closter_append", "closter_search", "closter_operator", "closter_command",
                "closter_projector", "closter_query", "closter_worker",
            ]
            for role in roles {
                for statement in [
                    "UPDATE main.events SET type = 'Forged'", "DELETE FROM main.events", "TRUNCATE main.events",
                ] {
                    let connection = try await store.database.connect()
                    if let role { try await connection.simple("SET ROLE \(role)") }
                    let error = await #expect(throws: PostgresError.self, "\(statement) as \(role ?? "superuser")") {
                        try await connection.simple(statement)
                    }
                    #expect(error?.sqlState == "42501")
                    await connection.close()
                }
            }
            #expect(try await store.checkHistory().map(\.type) == ["Tested"])
        }
    }
}
