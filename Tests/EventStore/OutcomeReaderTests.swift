import EventSourcing
import Foundation
import Postgres
import TestSupport
import Testing

@testable import EventStore

/// What is known under keys, asked for by many at once.
@Suite struct OutcomeReaderTests {
    private func reading<Value: Sendable>(
        _ store: Store, _ body: @Sendable @escaping (OutcomeReader, PostgresPool) async throws -> Value
    ) async throws -> Value {
        let pool = PostgresPool(try store.database.configuration(as: "closter_command"), logger: store.logger)
        let running = Task { await pool.run() }
        let result: Result<Value, any Error>
        do { result = .success(try await body(OutcomeReader(pool: pool), pool)) } catch { result = .failure(error) }
        running.cancel()
        await running.value
        return try result.get()
    }

    /// One outcome under each key, and the command that led to it.
    private func write(_ keys: [String], _ tenant: TenantID, _ store: Store) async throws -> [String: UUID] {
        try await store.appending { appender in
            var commands: [String: UUID] = [:]
            for key in keys {
                let intent = store.intent([(store.stream(), at: 0)], key: key, fingerprint: [7], tenant: tenant)
                _ = try await appender.append(intent)
                commands[key] = intent.metadata.commandID
            }
            return commands
        }
    }

    @Test func `each gets what is known under its key, of its tenant, however old it is`() async throws {
        try await Store.with { store in
            let other = TenantID(UUID.version7())
            let keys = (0..<40).map { "key-\($0)" }
            let mine = try await write(keys, store.tenant, store)
            let theirs = try await write(Array(keys.prefix(20)), other, store)
            let connection = try await store.database.connect()
            try await connection.simple("UPDATE main.outcomes SET day = day - 80 WHERE key LIKE 'key-1%'")
            await connection.close()
            try await reading(store) { reader, _ in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for tenant in [store.tenant, other] {
                        for key in keys + ["unknown"] + keys {
                            group.addTask {
                                let outcome = try await reader.outcome(tenant, key: key)
                                let expected = tenant == other ? theirs[key] : mine[key]
                                #expect(outcome?.commandID == expected, "\(key)")
                                #expect(outcome.map { $0.fingerprint == [7] && $0.receipt.version == 1 } ?? true)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test func `all who ask during a look are in the next one; who gives up takes nobody along`() async throws {
        try await Store.with { store in
            let keys = (0..<300).map { "key-\($0)" }
            let commands = try await write(keys, store.tenant, store)
            let gate = try await store.database.connect()
            let watch = try await store.database.connect()
            // Looks that are held up at the gate, and the keys that they ask for.
            @Sendable func held() async throws -> Int {
                try await watch.query(
                    """
                    SELECT count(*) FROM pg_stat_activity
                    WHERE query LIKE '%outcomes_of%' AND wait_event_type = 'Lock' AND datname = current_database()
                    """)[0].decode(0, as: Int.self)
            }
            try await reading(store) { reader, pool in
                try await gate.simple("BEGIN; LOCK TABLE main.outcomes IN ACCESS EXCLUSIVE MODE")
                let first = Task { try await reader.outcome(store.tenant, key: "key-0") }
                try await eventually("the first look") { try await held() == 1 }
                let others = keys.dropFirst().map { key in
                    (key, Task { try await reader.outcome(store.tenant, key: key) })
                }
                first.cancel()
                others[0].1.cancel()
                others[20].1.cancel()
                try await eventually("the others wait") { reader.waiting == others.count }
                #expect(try await held() == 1, "nobody looks beside it")
                try await gate.simple("COMMIT")
                #expect(try await first.value?.commandID == commands["key-0"])
                for (key, task) in others { #expect(try await task.value?.commandID == commands[key], "\(key)") }
                #expect(pool.statistics.fast.queries == 2)
            }
            await gate.close()
            await watch.close()
        }
    }

    @Test func `a look that fails fails all who are in it, and none after it`() async throws {
        try await Store.with { store in
            let commands = try await write(["key"], store.tenant, store)
            let gate = try await store.database.connect()
            try await gate.simple("ALTER FUNCTION main.outcomes_of RENAME TO gone")
            try await reading(store) { reader, _ in
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<100 {
                        group.addTask {
                            let error = await #expect(throws: PostgresError.self) {
                                try await reader.outcome(store.tenant, key: "key")
                            }
                            #expect(error?.sqlState == "42883")
                        }
                    }
                }
                try await gate.simple("ALTER FUNCTION main.gone RENAME TO outcomes_of")
                #expect(try await reader.outcome(store.tenant, key: "key")?.commandID == commands["key"])
            }
            await gate.close()
        }
    }
}
