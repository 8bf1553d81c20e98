import DequeModule
import Synchronization

/// One holder per key; the others wait in order. Within this process: between processes append decides.
final class KeyedLock<Key: Hashable & Sendable>: Sendable {
    /// The wait was over before the key was free.
    struct TimedOut: Error {}

    private struct Waiter {
        var id: UInt64
        var continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var waiters: [Key: Deque<Waiter>] = [:]  // a key that is held has an entry
        var nextID: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Runs `body` while holding the key.
    func withLock<Value>(
        _ key: Key, patience: Duration, _ body: () async throws -> Value
    ) async throws -> Value {
        try await acquire(key, patience: patience)
        defer { release(key) }
        return try await body()
    }

    private func acquire(_ key: Key, patience: Duration) async throws(TimedOut) {
        let isFree = state.withLock { state in
            guard state.waiters[key] == nil else { return false }
            state.waiters[key] = []
            return true
        }
        if isFree { return }
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let alarm = Task { [weak self] in
            try await Task.sleep(for: patience)
            self?.giveUp(id, key)
        }
        defer { alarm.cancel() }
        let isHeld = await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.waiters[key] != nil else {
                    state.waiters[key] = []
                    return true
                }
                state.waiters[key]?.append(Waiter(id: id, continuation: continuation))
                return false
            }
            if isFree { continuation.resume(returning: true) }
        }
        guard isHeld else { throw TimedOut() }
    }

    private func giveUp(_ id: UInt64, _ key: Key) {
        let waiter = state.withLock { state -> Waiter? in
            guard let index = state.waiters[key]?.firstIndex(where: { $0.id == id }) else { return nil }
            return state.waiters[key]?.remove(at: index)
        }
        waiter?.continuation.resume(returning: false)
    }

    private func release(_ key: Key) {
        let next = state.withLock { state -> Waiter? in
            if let next = state.waiters[key]?.popFirst() { return next }
            state.waiters[key] = nil
            return nil
        }
        next?.continuation.resume(returning: true)
    }
}
