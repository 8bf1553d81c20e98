public import FoundationEssentials
public import Logging
import Synchronization

/// Connections shared by many tasks, by libpq's pipeline mode.
///
/// Reads that wait for the same tenant travel together; each lane has connections of its own; every request has a
/// deadline that the server keeps. `run` must be running for anything to be answered.
public final class PostgresPool: Sendable {
    private let configuration: PostgresConfiguration
    private let pool: PoolConfiguration
    private let logger: Logger
    private let reactor = Reactor()
    private let identifiers = Atomic<RequestID>(0)
    private let hasRun = Atomic(false)

    public init(_ configuration: PostgresConfiguration, pool: PoolConfiguration = .init(), logger: Logger) {
        self.configuration = configuration
        self.pool = pool
        self.logger = logger
    }

    deinit { reactor.close() }

    /// Serves requests until the task is cancelled; then refuses new ones, carries through what was accepted (at most
    /// for `drainDeadline`) and closes the connections. Once.
    public func run() async {
        guard !hasRun.exchange(true, ordering: .sequentiallyConsistent) else { return }
        let (reactor, configuration, pool, logger) = (reactor, configuration, pool, logger)
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                startThread("pg-reactor") {
                    var loop = ReactorLoop(reactor, configuration, pool, logger)
                    loop.run()
                    continuation.resume()
                }
            }
        } onCancel: {
            reactor.put(.drain(until: monotonicNow() + pool.drainDeadline.nanoseconds))
        }
    }

    /// A connection of one's own to the same database, which is none of the pool's.
    public func connection() async throws(PostgresError) -> PostgresConnection {
        try await PostgresConnection.connect(configuration, logger: logger)
    }

    /// Runs one read. It may travel with others and be run again when a neighbour fails or a connection is lost, so it
    /// must have no effects.
    ///
    /// - Parameters:
    ///   - tenant: whose rows may be seen; nil: none of a tenant's.
    ///   - deadline: the `statement_timeout`, and the time after which the caller is answered in any case (half a
    ///     second later if the server is silent).
    ///   - isCancellable: false: it is answered for others as well, whatever becomes of the task that asks.
    /// - Throws: `.server`, `.deadlineExceeded`, `.cancelled` (at once; the server is told), `.poolWaitExceeded`,
    ///   `.connectionFailed`, `.connectionLost` (after several attempts), `.closed`.
    public func query(
        _ sql: SQL, tenant: UUID? = nil, lane: Lane = .fast, deadline: Duration? = nil, isCancellable: Bool = true
    ) async throws(PostgresError) -> Rows {
        let request = request(.read, [sql], tenant, deadline)
        guard let rows = try await submit(request, lane, isCancellable: isCancellable).get().last else {
            throw .unanswered
        }
        return rows
    }

    /// Runs statements as one implicit transaction, in one round trip; they are sent once or not at all.
    ///
    /// The results come after the transaction has ended. With `.connectionLost` its outcome is unknown; with every
    /// other error nothing of it remains.
    @discardableResult
    public func execute(
        _ statements: [SQL], tenant: UUID? = nil, lane: Lane = .write, deadline: Duration? = nil
    ) async throws(PostgresError) -> [Rows] {
        guard !statements.isEmpty else { return [] }
        return try await submit(request(.write, statements, tenant, deadline), lane).get()
    }

    /// BEGIN, `body`, COMMIT on a connection of the lane `write` that nobody else uses meanwhile; ROLLBACK if `body`
    /// throws.
    ///
    /// - Parameter deadline: for each statement, and for the wait for a connection.
    /// - Throws: what `body` throws; `PostgresError` if there is no connection or the COMMIT fails (`.connectionLost`:
    ///   its outcome is unknown).
    public func transaction<Value: Sendable>(
        tenant: UUID? = nil, isolation: TransactionIsolation = .readCommitted, readOnly: Bool = false,
        deadline: Duration? = nil, _ body: (Transaction) async throws -> Value
    ) async throws -> Value {
        let lease = request(.lease, [], nil, deadline)
        _ = try await submit(lease, .write).get()
        defer { reactor.put(.release(.write, lease.id)) }
        let run: @Sendable ([SQL], Bool) async -> Result<[Rows], PostgresError> = { statements, isCancellable in
            let request = self.request(.leased(lease.id), statements, nil, deadline)
            return await self.submit(request, .write, isCancellable: isCancellable)
        }
        let timeout = "\((deadline ?? pool.defaultDeadline).milliseconds)"
        let settings: SQL = """
            SELECT set_config('closter.tenant', \(tenant?.postgresText ?? ""), true), \
            set_config('statement_timeout', \(timeout), true)
            """
        let value: Value
        do {
            _ = try await run([SQL(unescaped: isolation.begin(readOnly: readOnly)), settings], true).get()
            value = try await body(Transaction { await run($0, true) })
        } catch {
            _ = await run(["ROLLBACK"], false)
            throw error
        }
        // A transaction that had failed answers COMMIT with ROLLBACK.
        guard try await run(["COMMIT"], false).get().last?.commandTag == "COMMIT" else {
            throw PostgresError.rolledBack
        }
        return value
    }

    /// As of a moment ago.
    public var statistics: PoolStatistics { reactor.statistics }

    private func request(
        _ kind: PoolRequest.Kind, _ statements: [SQL], _ tenant: UUID?, _ deadline: Duration?
    ) -> PoolRequest {
        PoolRequest(
            id: identifiers.add(1, ordering: .relaxed).newValue, kind: kind, statements: statements, tenant: tenant,
            timeout: (deadline ?? pool.defaultDeadline).milliseconds, now: monotonicNow(),
            wait: pool.waitDeadline.nanoseconds)
    }

    private func submit(
        _ request: PoolRequest, _ lane: Lane, isCancellable: Bool = true
    ) async -> Result<[Rows], PostgresError> {
        let ticket = Reactor.Ticket()
        guard isCancellable else {
            return await withUnsafeContinuation { reactor.put(.submit(lane, request, ticket, $0)) }
        }
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { reactor.put(.submit(lane, request, ticket, $0)) }
        } onCancel: {
            ticket.isCancelled.store(true, ordering: .sequentiallyConsistent)
            reactor.put(.cancel(lane, request.id))
        }
    }
}
