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
/// The appender has a connection of its own, outside pipeline mode.
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

    /// What a batch took, for metrics.
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

    private struct Entry {
        var intent: Intent
        var waiter: Waiter
    }

    private struct State {
        var queue: BatchQueue<Entry>
        var idle: CheckedContinuation<Void, Never>?
        var isClosed = false
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
        state = Mutex(State(queue: BatchQueue(maximumCount: limits.batchCount, maximumBytes: limits.batchBytes)))
    }

    /// Appends an intent and waits for its outcome.
    public func append(_ intent: Intent) async throws(AppendFailure) -> AppendOutcome {
        try await withCheckedContinuation { (waiter: Waiter) in
            var refused: AppendFailure?
            let idle = state.withLock { state -> CheckedContinuation<Void, Never>? in
                guard !state.isClosed else {
                    refused = .closed
                    return nil
                }
                guard state.queue.count < limits.queueCount else {
                    refused = .overloaded
                    return nil
                }
                state.queue.enqueue(
                    .init(
                        entry: Entry(intent: intent, waiter: waiter), resources: intent.resources,
                        bytes: intent.byteCount))
                defer { state.idle = nil }
                return state.idle
            }
            if let refused { waiter.resume(returning: .failure(refused)) }
            idle?.resume()
        }.get()
    }

    /// Sends batches until the task is cancelled; then what waits is still appended, and what comes is refused.
    public func run() async {
        var connection: PostgresConnection?
        await withTaskCancellationHandler {
            while let batch = await nextBatch() {
                await perform(batch, on: &connection)
            }
        } onCancel: {
            close()
        }
        await connection?.close()
    }

    private func close() {
        let idle = state.withLock { state in
            state.isClosed = true
            defer { state.idle = nil }
            return state.idle
        }
        idle?.resume()
    }

    /// nil once closed and empty.
    private func nextBatch() async -> [Entry]? {
        while true {
            let (batch, isClosed) = state.withLock { ($0.queue.next(), $0.isClosed) }
            if !batch.isEmpty { return batch }
            if isClosed { return nil }
            await withCheckedContinuation { (idle: CheckedContinuation<Void, Never>) in
                let isNeeded = state.withLock { state in
                    let isNeeded = state.queue.count > 0 || state.isClosed
                    if !isNeeded { state.idle = idle }
                    return isNeeded
                }
                if isNeeded { idle.resume() }
            }
        }
    }

    private func perform(_ batch: [Entry], on connection: inout PostgresConnection?) async {
        let started = ContinuousClock.now
        let intents = batch.map(\.intent)
        let results = await send(intents[...], on: &connection)
        var conflicts = 0
        for (entry, result) in zip(batch, results) {
            if case .success(.conflict) = result { conflicts += 1 }
            entry.waiter.resume(returning: result)
        }
        observe(
            Report(
                intents: intents.count, events: intents.reduce(0) { $0 + $1.eventCount }, conflicts: conflicts,
                duration: .now - started))
    }

    /// One result per intent. A batch that Postgres refuses is halved until the intent it refuses stands alone.
    private func send(
        _ intents: ArraySlice<Intent>, on connection: inout PostgresConnection?
    ) async -> [Result<AppendOutcome, AppendFailure>] {
        do throws(AppendFailure) {
            return try await sendWhole(Array(intents), on: &connection).map { .success($0) }
        } catch .refused where intents.count > 1 {
            let middle = intents.startIndex + intents.count / 2
            let first = await send(intents[..<middle], on: &connection)
            return first + (await send(intents[middle...], on: &connection))
        } catch {
            return intents.map { _ in .failure(error) }
        }
    }

    private func sendWhole(
        _ intents: [Intent], on connection: inout PostgresConnection?
    ) async throws(AppendFailure) -> [AppendOutcome] {
        let statement = AppendStatement.make(intents)
        let deadline = ContinuousClock.now + limits.recovery
        var wasSent = false
        var backoff = Duration.milliseconds(20)
        while true {
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
                let rows = try await live.query(statement, deadline: limits.statement, cancellable: false)
                return try AppendStatement.outcomes(rows, of: intents)
            } catch {
                switch error.verdict {
                case .final: throw .refused(error)
                case .rolledBack: throw wasSent ? .outcomeUnknown(error) : .unavailable(error)
                case .lost: wasSent = true
                case .neverSent: break
                }
                guard ContinuousClock.now < deadline else {
                    throw wasSent ? .outcomeUnknown(error) : .unavailable(error)
                }
                logger.warning("append is tried again", metadata: ["error": "\(error)"])
                await Self.pause(backoff)
                backoff = min(backoff * 2, .milliseconds(500))
            }
        }
    }

    /// A pause that cancelling does not shorten: a batch that was sent is seen through.
    private static func pause(_ duration: Duration) async {
        await Task.detached { try? await Task.sleep(for: duration) }.value
    }
}

extension Intent {
    var eventCount: Int { changes.reduce(0) { $0 + $1.events.count } }
}

extension PostgresError {
    /// What a failure says about the batch that met it.
    enum Verdict {
        case neverSent
        /// The connection or the session ended around it: it may have been committed.
        case lost
        /// The server took it back for a reason that passes: a lock, a deadline, a full disk, a read-only standby.
        case rolledBack
        /// The server will never take it.
        case final
    }

    var verdict: Verdict {
        switch kind {
        case .connectionFailed, .closed, .poolWaitExceeded, .invalidConfiguration: .neverSent
        case .connectionLost: .lost
        case .deadlineExceeded, .cancelled: .rolledBack
        case .decoding: .final
        case .server(let state):
            switch state.prefix(2) {
            case "57" where state.hasPrefix("57P"), "08": .lost
            case "40", "53", "55", "57", "58", "25": .rolledBack
            default: .final
            }
        }
    }
}
