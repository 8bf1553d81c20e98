import Runtime
import Synchronization
import TestSupport
import Testing

@Suite struct WakeupTests {
    @Test func `however often it was set, it wakes once`() async throws {
        let wakeup = Wakeup()
        for _ in 0..<5 { wakeup.set() }
        await wakeup.wait()
        let turns = Turns()
        let waiting = Task {
            await wakeup.wait()
            turns.add()
        }
        #expect(turns.count == 0)
        wakeup.set()
        await waiting.value
        #expect(turns.count == 1)
    }

    @Test func `who waits after one that was cancelled waits until it is set`() async throws {
        let wakeup = Wakeup()
        let cancelled = Task { await wakeup.wait() }
        cancelled.cancel()
        await cancelled.value
        let turns = Turns()
        let waiting = Task {
            while !Task.isCancelled {
                await wakeup.wait()
                turns.add()
            }
        }
        for turn in 1...3 {
            wakeup.set()
            try await eventually("it wakes") { turns.count >= turn }
        }
        #expect(turns.count == 3)
        waiting.cancel()
        await waiting.value
    }

    @Test func `a wait with a limit ends by it, and the next waits again`() async throws {
        let wakeup = Wakeup()
        await wakeup.wait(atMost: .milliseconds(1))
        await wakeup.wait(atMost: .milliseconds(1))
        let turns = Turns()
        let waiting = Task {
            while !Task.isCancelled {
                await wakeup.wait(atMost: .seconds(3600))
                turns.add()
            }
        }
        for turn in 1...3 {
            wakeup.set()
            try await eventually("it wakes") { turns.count >= turn }
        }
        #expect(turns.count == 3)
        waiting.cancel()
        await waiting.value
    }

    @Test func `a wait that is cancelled leaves the flag to the next`() async {
        let wakeup = Wakeup()
        let cancelled = Task { await wakeup.wait() }
        cancelled.cancel()
        await cancelled.value
        wakeup.set()
        await wakeup.wait()
    }
}

private final class Turns: Sendable {
    private let number = Atomic(0)
    var count: Int { number.load(ordering: .relaxed) }
    func add() { number.wrappingAdd(1, ordering: .relaxed) }
}
