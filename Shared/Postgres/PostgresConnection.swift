public import Logging

/// One connection of one's own, outside pipeline mode: for the appender, leadership by advisory lock, migrations.
///
/// Requests are done one after the other, in the order of their calls. It does not reconnect: when `isOpen` is false
/// make a new one. Dropping the last reference closes it.
public final class PostgresConnection: Sendable {
    let worker: ConnectionWorker
    private let logger: Logger

    private init(worker: ConnectionWorker, logger: Logger) {
        self.worker = worker
        self.logger = logger
    }

    deinit { worker.close {} }

    /// - Throws: `.connectionFailed` after at most the configured `connectTimeout`; `.cancelled` is not among the
    ///   errors: an attempt is carried through.
    public static func connect(
        _ configuration: PostgresConfiguration, logger: Logger
    ) async throws(PostgresError) -> PostgresConnection {
        let worker = try await openWorker(configuration)
        logger.debug("connected to PostgreSQL", metadata: ["backend": "\(worker.backendProcess)"])
        return PostgresConnection(worker: worker, logger: logger)
    }

    static func openWorker(
        _ configuration: PostgresConfiguration, onNotification: (@Sendable (String, String) -> Void)? = nil
    ) async throws(PostgresError) -> ConnectionWorker {
        let result = await withUnsafeContinuation { continuation in
            startThread("pg-connect") {
                let result: Result<ConnectionWorker, PostgresError>
                do throws(PostgresError) {
                    let link = try Link.open(configuration)
                    result = .success(try ConnectionWorker(link: link, onNotification: onNotification))
                } catch {
                    result = .failure(error)
                }
                continuation.resume(returning: result)
            }
        }
        let worker = try result.get()
        worker.start()
        return worker
    }

    /// False as soon as the connection is known to be broken or closed.
    public var isOpen: Bool { worker.isOpen }

    /// The number of the server's process behind the connection (`pg_stat_activity.pid`).
    public var backendProcess: Int32 { worker.backendProcess }

    /// Runs one statement.
    ///
    /// - Parameters:
    ///   - deadline: the server's `statement_timeout` for it; nil leaves the session's.
    ///   - cancellable: whether cancelling the task cancels the statement on the server. False: the answer is
    ///     awaited whatever happens to the task.
    /// - Throws: `.connectionLost` when the outcome is unknown.
    public func query(
        _ sql: SQL, deadline: Duration? = nil, cancellable: Bool = true
    ) async throws(PostgresError) -> Rows {
        guard let rows = try await submit(.statements([sql]), deadline, cancellable, isControl: false).last else {
            throw PostgresError(.connectionLost, "no result")
        }
        return rows
    }

    /// Runs several statements as one implicit transaction (or as part of the one that is open), in one round trip.
    @discardableResult
    public func execute(
        _ statements: [SQL], deadline: Duration? = nil, cancellable: Bool = true
    ) async throws(PostgresError) -> [Rows] {
        try await submit(.statements(statements), deadline, cancellable, isControl: false)
    }

    /// Runs any number of statements, without values, by the simple protocol; unless they say otherwise they are one
    /// transaction. Task cancellation does not touch them.
    public func simple(_ text: String, deadline: Duration? = nil) async throws(PostgresError) {
        _ = try await submit(.simple(text), deadline, false, isControl: deadline == nil)
    }

    /// BEGIN, `body`, COMMIT; ROLLBACK if `body` throws. What else is run on the connection meanwhile is part of it.
    ///
    /// - Throws: what `body` throws; `PostgresError` if a transaction that had failed could not be committed, and with
    ///   `.connectionLost` if the outcome of the COMMIT is unknown.
    public func transaction<Value: Sendable>(
        isolation: TransactionIsolation = .readCommitted, readOnly: Bool = false,
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        try await control(isolation.begin(readOnly: readOnly))
        let value: Value
        do {
            value = try await body(self)
        } catch {
            // If this fails too the connection is broken, and the server rolls back by itself.
            _ = try? await control("ROLLBACK")
            throw error
        }
        let tag = try await control("COMMIT")
        guard tag == "COMMIT" else { throw PostgresError.rolledBack }
        return value
    }

    /// Ends the connection after what was asked for so far.
    public func close() async {
        await withUnsafeContinuation { continuation in worker.close { continuation.resume() } }
    }

    @discardableResult
    private func control(_ text: String) async throws(PostgresError) -> String {
        try await submit(.statements([SQL(unescaped: text)]), nil, false, isControl: true).last?.commandTag ?? ""
    }

    private func submit(
        _ work: ConnectionWorker.Job.Work, _ deadline: Duration?, _ cancellable: Bool, isControl: Bool
    ) async throws(PostgresError) -> [Rows] {
        let slot = Slot<Result<[Rows], PostgresError>>()
        let job = ConnectionWorker.Job(work, timeout: deadline, isControl: isControl) { slot.fill($0) }
        guard cancellable else {
            worker.submit(job)
            return try await slot.value().get()
        }
        return try await withTaskCancellationHandler {
            worker.submit(job)
            return await slot.value()
        } onCancel: {
            worker.cancel(job)
        }.get()
    }
}

/// The isolation of a transaction, as the SQL standard names it.
public enum TransactionIsolation: String, Sendable {
    case readCommitted = "READ COMMITTED"
    case repeatableRead = "REPEATABLE READ"
    case serializable = "SERIALIZABLE"

    func begin(readOnly: Bool) -> String {
        "BEGIN ISOLATION LEVEL \(rawValue)\(readOnly ? " READ ONLY" : "")"
    }
}

extension PostgresError {
    static let rolledBack = PostgresError(
        .server(sqlState: "25P02"), "the transaction had failed and was rolled back instead of committed")
}
