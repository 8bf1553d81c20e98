public import FoundationEssentials
public import Logging
import Synchronization

/// Connections for many tasks.
public final class PostgresPool: Sendable {
    private let configuration: PostgresConfiguration
    private let pool: PoolConfiguration
    private let logger: Logger
    private struct State {
        var idle: [PostgresConnection] = []
        var count = 0
        var waiting: [UnsafeContinuation<PostgresConnection?, Never>] = []
    }
    private let state = Mutex(State())

    public init(_ configuration: PostgresConfiguration, pool: PoolConfiguration = .init(), logger: Logger) {
        self.configuration = configuration
        self.pool = pool
        self.logger = logger
    }

    public func run() async {
        let forever = Slot<Void>()
        await withTaskCancellationHandler { await forever.value() } onCancel: { forever.fill(()) }
    }

    private func lease() async throws(PostgresError) -> PostgresConnection {
        let connection: PostgresConnection? = await withUnsafeContinuation { continuation in
            let ready: PostgresConnection?? = state.withLock { state in
                while let connection = state.idle.popLast() {
                    if connection.isOpen { return connection }
                    state.count -= 1
                }
                if state.count < 8 { state.count += 1; return .some(nil) }
                state.waiting.append(continuation)
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
        if let connection, connection.isOpen { return connection }
        do throws(PostgresError) { return try await PostgresConnection.connect(configuration, logger: logger) } catch {
            state.withLock { $0.count -= 1 }
            throw error
        }
    }

    private func release(_ connection: PostgresConnection) {
        let waiting = state.withLock { state -> UnsafeContinuation<PostgresConnection?, Never>? in
            if !state.waiting.isEmpty { return state.waiting.removeFirst() }
            state.idle.append(connection)
            return nil
        }
        waiting?.resume(returning: connection)
    }

    /// A read, which may be grouped with others and run again: it must have no side effects.
    public func query(
        _ sql: SQL, tenant: UUID? = nil, lane: Lane = .fast, deadline: Duration? = nil
    ) async throws(PostgresError) -> Rows {
        guard let rows = try await execute([sql], tenant: tenant, lane: lane, deadline: deadline).last else {
            throw PostgresError(.connectionLost, "no result")
        }
        return rows
    }

    /// Several statements as one implicit transaction.
    @discardableResult
    public func execute(
        _ statements: [SQL], tenant: UUID? = nil, lane: Lane = .write, deadline: Duration? = nil
    ) async throws(PostgresError) -> [Rows] {
        let connection = try await lease()
        defer { release(connection) }
        let setting: SQL =
            "SELECT set_config('closter.tenant', \(tenant.map { $0.uuidString.lowercased() } ?? ""), true)"
        return Array(
            try await connection.execute([setting] + statements, deadline: deadline ?? pool.defaultDeadline)
                .dropFirst())
    }

    public func transaction<Value: Sendable>(
        tenant: UUID? = nil, isolation: TransactionIsolation = .readCommitted, readOnly: Bool = false,
        deadline: Duration? = nil, _ body: (Transaction) async throws -> Value
    ) async throws -> Value {
        let connection = try await lease()
        defer { release(connection) }
        let deadline = deadline ?? pool.defaultDeadline
        return try await connection.transaction(isolation: isolation, readOnly: readOnly) { connection in
            try await connection.execute([
                "SELECT set_config('closter.tenant', \(tenant.map { $0.uuidString.lowercased() } ?? ""), true)"
            ])
            return try await body(
                Transaction { statements in
                    do throws(PostgresError) {
                        return .success(try await connection.execute(statements, deadline: deadline))
                    } catch { return .failure(error) }
                })
        }
    }

    public var statistics: PoolStatistics { PoolStatistics() }
}
