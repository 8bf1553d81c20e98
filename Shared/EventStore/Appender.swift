import EventSourcing
import Foundation
public import Logging
public import Postgres
import Synchronization

/// Group commit: the intents that become ready while a batch is in flight form the next batch, and a batch of one is
/// sent at once, without a timer.
///
/// Guarantees:
/// - An outcome is told only after the server has committed it and said so.
/// - An append that was sent is never cancelled, whatever becomes of the task that waits for it.
/// - If the connection dies around the commit, the same batch is sent again on a new one. Each intent's outcome stands
///   under its key, looked up under the shard's lock: what had been committed is found, what had not is appended, and
///   nothing happens twice.
/// - Two intents on one stream, key or claim never share a batch.
///
/// The appender has a connection of its own, outside pipeline mode. What it does when is `AppenderMachine`'s to say.
public final class Appender: Sendable {
    public struct Limits: Sendable {
        public var batchCount = 64
        public var batchBytes = 4 << 20
        /// Intents waiting; beyond it an append is refused at once instead of waiting its turn for ever.
        public var queueCount = 10_000
        /// The deadline of one statement, kept by the server: past it the batch is rolled back.
        public var statement: Duration = .seconds(10)
        /// For how long a batch whose connection died is tried again before its outcome is called unknown.
        public var recovery: Duration = .seconds(8)

        public init() {}
    }

    /// What a batch, or a part of one that had to be divided, took: for metrics.
    public struct Report: Sendable {
        public var intents: Int
        public var events: Int
        public var conflicts: Int
        public var duration: Duration
    }

    private let configuration: PostgresConfiguration
    private let limits: Limits
    private let logger: Logger
    private let observe: @Sendable (Report) -> Void
    private let state: Mutex<State>

    private typealias Waiter = CheckedContinuation<Result<AppendOutcome, AppendFailure>, Never>

    private struct State {
        var machine: AppenderMachine<Waiter>
        /// While the appender rests.
        var rest: CheckedContinuation<Void, Never>?
    }

    /// - Parameter observe: called after each batch, on the appender's task; it must be quick.
    public init(
        _ configuration: PostgresConfiguration, limits: Limits = .init(), logger: Logger,
        observe: @escaping @Sendable (Report) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.limits = limits
        self.logger = logger
        self.observe = observe
        state = Mutex(State(machine: AppenderMachine(limits)))
    }

    /// Appends an intent and waits for its outcome.
    public func append(_ intent: Intent) async throws(AppendFailure) -> AppendOutcome {
        try await withCheckedContinuation { (waiter: Waiter) in
            do throws(AppendFailure) {
                try wake { machine throws(AppendFailure) in try machine.add(intent, waiter) }
            } catch {
                waiter.resume(returning: .failure(error))
            }
        }.get()
    }

    /// Sends batches until the task is cancelled; then what waits is still appended, and what comes is refused.
    public func run() async {
        var connection: PostgresConnection?
        await withTaskCancellationHandler {
            steps: while true {
                switch state.withLock({ $0.machine.next(at: .now) }) {
                case .send(let intents): settle(await send(intents, on: &connection))
                case .pause(let duration): await Self.pause(duration)
                case .rest: await rest()
                case .end: break steps
                }
            }
        } onCancel: {
            wake { $0.close() }
        }
        await connection?.close()
    }

    /// Changes what there is to do, and lets the appender look.
    private func wake<Failure>(
        _ change: (inout AppenderMachine<Waiter>) throws(Failure) -> Void
    ) throws(Failure) {
        let rest = try state.withLock { state throws(Failure) in
            try change(&state.machine)
            defer { state.rest = nil }
            return state.rest
        }
        rest?.resume()
    }

    private func rest() async {
        await withCheckedContinuation { (rest: CheckedContinuation<Void, Never>) in
            let isNeeded = state.withLock { state in
                let isNeeded = state.machine.canRest
                if isNeeded { state.rest = rest }
                return isNeeded
            }
            if !isNeeded { rest.resume() }
        }
    }

    private func send(
        _ intents: [Intent], on connection: inout PostgresConnection?
    ) async -> Result<[AppendOutcome], PostgresError> {
        do throws(PostgresError) {
            let live: PostgresConnection
            if let open = connection, open.isOpen {
                live = open
            } else {
                await connection?.close()
                connection = nil
                live = try await PostgresConnection.connect(configuration, logger: logger)
                connection = live
            }
            let rows = try await live.query(
                AppendStatement.make(intents), deadline: limits.statement, cancellable: false)
            return .success(try AppendStatement.outcomes(rows, of: intents))
        } catch {
            return .failure(error)
        }
    }

    private func settle(_ result: Result<[AppendOutcome], PostgresError>) {
        guard let settlement = state.withLock({ $0.machine.answered(result, at: .now) }) else {
            if case .failure(let error) = result {
                logger.warning("append is tried again", metadata: ["error": "\(error)"])
            }
            return
        }
        for (waiter, result) in settlement.answers { waiter.resume(returning: result) }
        observe(settlement.report)
    }

    /// A pause that cancelling does not shorten: a batch that was sent is seen through.
    private static func pause(_ duration: Duration) async {
        await Task.detached { try? await Task.sleep(for: duration) }.value
    }
}
