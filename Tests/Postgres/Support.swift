import Foundation
import Logging
import Postgres
import TestSupport

let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// An empty database of the test's own.
func withDatabase<Value>(_ body: (TestDatabase) async throws -> Value) async throws -> Value {
    let database = try await TestDatabase.make(migrated: false)
    do {
        let value = try await body(database)
        await database.drop()
        return value
    } catch {
        await database.drop()
        throw error
    }
}

func withConnection<Value>(_ body: (PostgresConnection) async throws -> Value) async throws -> Value {
    try await withDatabase { database in
        let connection = try await database.connect()
        let value = try await body(connection)
        await connection.close()
        return value
    }
}

func withPool<Value: Sendable>(
    _ configuration: PostgresConfiguration, _ pool: PoolConfiguration = .init(),
    _ body: (PostgresPool) async throws -> Value
) async throws -> Value {
    let pool = PostgresPool(configuration, pool: pool, logger: logger)
    let running = Task { await pool.run() }
    let result: Result<Value, any Error>
    do { result = .success(try await body(pool)) } catch { result = .failure(error) }
    running.cancel()
    await running.value
    return try result.get()
}

@discardableResult
func withPool<Value: Sendable>(
    _ pool: PoolConfiguration = .init(), _ body: (PostgresPool, TestDatabase) async throws -> Value
) async throws -> Value {
    try await withDatabase { database in
        try await withPool(database.configuration(), pool) { try await body($0, database) }
    }
}

/// The error that `body` throws, or nil.
func postgresError<Value>(_ body: () async throws -> Value) async -> PostgresError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? PostgresError
    }
}

extension PostgresConnection {
    /// True while a statement that contains `text` runs in another session.
    func isRunning(_ text: String) async throws -> Bool {
        let rows = try await query(
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid() AND position(\(text) IN query) > 0
            """)
        return try rows[0].decode(0, as: Int.self) > 0
    }
}
