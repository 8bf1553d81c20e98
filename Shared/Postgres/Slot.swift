import Synchronization

/// One value on its way from a thread to a task.
final class Slot<Value: Sendable>: Sendable {
    private enum State {
        case empty
        case filled(Value)
        case awaited(UnsafeContinuation<Value, Never>)
    }
    private let state = Mutex(State.empty)

    /// At most once.
    func fill(_ value: Value) {
        let continuation: UnsafeContinuation<Value, Never>? = state.withLock { state in
            if case .awaited(let continuation) = state { return continuation }
            state = .filled(value)
            return nil
        }
        continuation?.resume(returning: value)
    }

    /// By one task, once.
    func value() async -> Value {
        await withUnsafeContinuation { continuation in
            let value: Value? = state.withLock { state in
                if case .filled(let value) = state { return value }
                state = .awaited(continuation)
                return nil
            }
            if let value { continuation.resume(returning: value) }
        }
    }
}
