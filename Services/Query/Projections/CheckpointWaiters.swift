import Synchronization

/// Readers that wait for a projection to reach a position.
final class CheckpointWaiters: Sendable {
    /// More than these are turned away: a stopped projector must not fill the memory with readers.
    static let limit = 10_000

    private struct Waiter {
        var projection: Projection
        var position: Int64
        var continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var waiters: [UInt64: Waiter] = [:]
        var next: UInt64 = 0
    }

    private let state = Mutex(State())
    /// Something comes whenever somebody begins to wait.
    let arrivals: AsyncStream<Void>
    private let arrival: AsyncStream<Void>.Continuation

    init() { (arrivals, arrival) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    var count: Int { state.withLock { $0.waiters.count } }

    /// True once `advance` has come to `position`; false when the task is cancelled or too many wait.
    ///
    /// `isReached` is asked after the waiter has been registered, so that an advance between the caller's own look
    /// and the registration is not missed.
    func wait(for position: Int64, by projection: Projection, isReached: @Sendable () -> Bool) async -> Bool {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isRegistered = state.withLock { state in
                    guard state.waiters.count < Self.limit else { return false }
                    state.waiters[number] = Waiter(
                        projection: projection, position: position, continuation: continuation)
                    return true
                }
                guard isRegistered else { return continuation.resume(returning: false) }
                arrival.yield()
                if isReached() { end(number, with: true) }
                // A cancellation before the registration found nobody to wake.
                if Task.isCancelled { end(number, with: false) }
            }
        } onCancel: {
            end(number, with: false)
        }
    }

    private func end(_ number: UInt64, with isReached: Bool) {
        state.withLock { $0.waiters.removeValue(forKey: number) }?.continuation.resume(returning: isReached)
    }

    func advance(_ projection: Projection, to position: Int64) {
        let ready = state.withLock { state in
            guard !state.waiters.isEmpty else { return [CheckedContinuation<Bool, Never>]() }
            let ready = state.waiters.filter { $0.value.projection == projection && $0.value.position <= position }
            for number in ready.keys { state.waiters.removeValue(forKey: number) }
            return ready.values.map(\.continuation)
        }
        for continuation in ready { continuation.resume(returning: true) }
    }
}
