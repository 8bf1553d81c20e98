import Synchronization

/// A flag that one task waits for and any task sets. Set before the wait or during it, once or often: one wake-up.
///
/// Not an `AsyncStream`: that ends for good with the first task that is cancelled while it waits, and whoever waits after
/// it never waits again.
public final class Wakeup: Sendable {
    private struct State {
        var isSet = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    public init() {}

    public func set() {
        let waiter = state.withLock { state in
            if state.waiter == nil { state.isSet = true }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns once the flag is set, and takes it down; at once, and without touching it, when the task is cancelled. One
    /// task waits at a time.
    public func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if Task.isCancelled { return true }
                    if !state.isSet { state.waiter = continuation }
                    defer { state.isSet = false }
                    return state.isSet
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume()
        }
    }

    /// Returns no later than the limit, too, as if it had been set then.
    public func wait(atMost limit: Duration) async {
        async let _: Void = {
            if (try? await Task.sleep(for: limit)) != nil { set() }
        }()
        await wait()
    }
}
