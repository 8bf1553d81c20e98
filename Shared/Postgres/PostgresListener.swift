public import Logging
import Synchronization

/// LISTEN that survives lost connections, on a connection of its own.
///
/// After every LISTEN, the first and those after reconnects, it yields `.listening`: whatever was notified before may
/// have been missed, so that is when to catch up. A consumer that is too slow gets one `.listening` instead of
/// what it missed. The sequence ends when its task is cancelled; each iterator has a connection.
public struct PostgresListener: AsyncSequence, Sendable {
    public enum Event: Hashable, Sendable {
        case listening
        case notification(channel: String, payload: String)
    }

    private let configuration: PostgresConfiguration
    private let channels: [String]
    private let logger: Logger
    private let backoff: Backoff

    public init(_ configuration: PostgresConfiguration, channels: [String], logger: Logger) {
        self.configuration = configuration
        self.channels = channels
        self.logger = logger
        backoff = Backoff(minimum: .milliseconds(50), maximum: .seconds(5))
    }

    public func makeAsyncIterator() -> Iterator {
        let mailbox = ListenerMailbox()
        let task = Task { await listen(into: mailbox) }
        return Iterator(mailbox: mailbox, task: task)
    }

    public final class Iterator: AsyncIteratorProtocol {
        private let mailbox: ListenerMailbox
        private let task: Task<Void, Never>

        init(mailbox: ListenerMailbox, task: Task<Void, Never>) {
            self.mailbox = mailbox
            self.task = task
        }

        deinit { task.cancel() }

        public func next() async -> Event? {
            let mailbox = mailbox
            return await withTaskCancellationHandler {
                await mailbox.next()
            } onCancel: {
                mailbox.finish()
            }
        }
    }

    private func listen(into mailbox: ListenerMailbox) async {
        var failures = 0
        while !Task.isCancelled {
            do throws(PostgresError) {
                let worker = try await PostgresConnection.openWorker(configuration) { channel, payload in
                    mailbox.put(.notification(channel: channel, payload: payload))
                }
                let lost = Slot<Void>()
                worker.onEnd { lost.fill(()) }
                await withTaskCancellationHandler {
                    if await listen(on: worker) {
                        failures = 0
                        mailbox.put(.listening)
                        await lost.value()
                        logger.info("listener lost its connection")
                    }
                } onCancel: {
                    worker.close {}
                }
                worker.close {}
            } catch {
                logger.warning("listener cannot connect", metadata: ["error": "\(error)"])
            }
            failures += 1
            // A cancelled sleep ends the loop.
            try? await Task.sleep(for: backoff.delay(after: failures))
        }
        mailbox.finish()
    }

    private func listen(on worker: ConnectionWorker) async -> Bool {
        for channel in channels {
            let slot = Slot<Result<[Rows], PostgresError>>()
            worker.submit(
                .init(.statements(["LISTEN \(identifier: channel)"]), timeout: nil, isControl: true) {
                    slot.fill($0)
                })
            if case .failure(let error) = await slot.value() {
                logger.warning("LISTEN failed", metadata: ["channel": "\(channel)", "error": "\(error)"])
                return false
            }
        }
        return true
    }
}

/// Events between the listener's thread and its consumer. Bounded: what does not fit becomes one `.listening`.
final class ListenerMailbox: Sendable {
    private struct State {
        var events: [PostgresListener.Event] = []
        var waiting: UnsafeContinuation<PostgresListener.Event?, Never>?
        var isFinished = false
    }
    static let capacity = 1024
    private let state = Mutex(State())

    func put(_ event: PostgresListener.Event) {
        let waiting = state.withLock { state -> UnsafeContinuation<PostgresListener.Event?, Never>? in
            if let waiting = state.waiting {
                state.waiting = nil
                return waiting
            }
            if state.events.count >= Self.capacity {
                state.events = [.listening]
            } else {
                state.events.append(event)
            }
            return nil
        }
        waiting?.resume(returning: event)
    }

    func finish() {
        let waiting = state.withLock { state in
            state.isFinished = true
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume(returning: nil)
    }

    func next() async -> PostgresListener.Event? {
        await withUnsafeContinuation { continuation in
            let ready = state.withLock { state -> PostgresListener.Event?? in
                if state.isFinished { return .some(nil) }
                if !state.events.isEmpty { return state.events.removeFirst() }
                state.waiting = continuation
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }
}

/// Exponential back-off with full jitter.
struct Backoff: Sendable {
    var minimum: Duration
    var maximum: Duration

    /// - Parameter failures: in a row, from 1.
    func delay(after failures: Int, random: Double = .random(in: 0...1)) -> Duration {
        let limit =
            Double(minimum.nanoseconds) * Double(sign: .plus, exponent: min(max(failures - 1, 0), 30), significand: 1)
        return .nanoseconds(Int64(min(limit, Double(maximum.nanoseconds)) * random))
    }
}
