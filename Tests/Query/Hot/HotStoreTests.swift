import Edge
import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Query

@Suite struct HotStoreTests {
    private struct Broken: Error {}

    private let store = HotStore(limit: 16 << 20)
    private let key = Hot.key("coat")
    private let id = UUID()

    /// Holds those who make an answer until it is opened.
    private final class Gate: Sendable {
        private let waiting = Mutex<(isOpen: Bool, those: [CheckedContinuation<Void, Never>])>((false, []))
        let arrived = Mutex(0)

        func pass() async {
            await withCheckedContinuation { continuation in
                arrived.withLock { $0 += 1 }
                let isOpen = waiting.withLock { waiting in
                    if !waiting.isOpen { waiting.those.append(continuation) }
                    return waiting.isOpen
                }
                if isOpen { continuation.resume() }
            }
        }

        func open() {
            let those = waiting.withLock { waiting in
                defer { waiting = (true, []) }
                return waiting.those
            }
            for continuation in those { continuation.resume() }
        }
    }

    private func ask(
        _ gate: Gate, mayJoin: Bool = true, isCurrent: Bool = true, failure: (any Error)? = nil
    ) async throws -> Int {
        try await store.value(key, Hot.subject(id), mayJoin: mayJoin, isCurrent: { isCurrent }) {
            let number = gate.arrived.withLock { $0 }
            await gate.pass()
            if let failure { throw failure }
            return (number, Hot.entry(Hot.subject(id)))
        }
    }

    @Test func `however many ask at once, it is made once and kept`() async throws {
        let gate = Gate()
        let values = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<100 { group.addTask { try await ask(gate) } }
            try await eventually { gate.arrived.withLock { $0 } == 1 }
            gate.open()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(values == Array(repeating: 0, count: 100))
        #expect(store.find(key) != nil)
    }

    @Test func `what changes while it is made is answered to who began it, and to nobody else`() async throws {
        let (first, second) = (Gate(), Gate())
        second.open()
        async let leader = ask(first)
        try await eventually { first.arrived.withLock { $0 } == 1 }
        store.drop([Hot.change(id)])
        async let follower = ask(second)
        first.open()
        #expect(try await leader == 0)
        #expect(try await follower == 0)
        // Whoever joined the spoiled one has read for himself.
        #expect(second.arrived.withLock { $0 } == 1)
        store.drop([Hot.change(id)])
        #expect(store.find(key) == nil)
    }

    @Test func `a change of another row spoils nothing`() async throws {
        let gate = Gate()
        async let value = ask(gate)
        try await eventually { gate.arrived.withLock { $0 } == 1 }
        store.drop([Hot.change(UUID()), Hot.change(id, 1), Hot.change(id, 0, .listings)])
        gate.open()
        _ = try await value
        #expect(store.find(key) != nil)
    }

    @Test func `while changes are not known nothing is kept`() async throws {
        let gate = Gate()
        gate.open()
        _ = try await ask(gate, isCurrent: false)
        #expect(store.find(key) == nil)
    }

    @Test func `a read of a row that has changed is joined by nobody who comes after`() async throws {
        let (first, second) = (Gate(), Gate())
        async let leader = ask(first)
        try await eventually { first.arrived.withLock { $0 } == 1 }
        store.drop([Hot.change(id)])
        async let next = ask(second)
        async let joining = ask(second)
        try await eventually { second.arrived.withLock { $0 } == 1 }
        second.open()
        #expect(try await [next, joining] == [0, 0])
        #expect(second.arrived.withLock { $0 } == 1)
        first.open()
        #expect(try await leader == 0)
        #expect(store.find(key) != nil)
    }

    @Test func `while changes are not known nobody waits in line`() async throws {
        let gates = (0..<2).map { _ in Gate() }
        let last = Gate()
        async let first = ask(gates[0], isCurrent: false)
        try await eventually { gates[0].arrived.withLock { $0 } == 1 }
        async let second = ask(gates[1], isCurrent: false)
        async let third = ask(last, isCurrent: false)
        async let fourth = ask(last, isCurrent: false)
        gates[0].open()
        _ = try await first
        // Of those who were refused one leads the next read, and the others wait for it once more.
        try await eventually { gates[1].arrived.withLock { $0 } + last.arrived.withLock { $0 } == 1 }
        gates[1].open()
        last.open()
        _ = try await [second, third, fourth]
        #expect(gates[1].arrived.withLock { $0 } == 1 && last.arrived.withLock { $0 } == 2)
    }

    @Test func `a database that does not answer is waited for once`() async throws {
        let gate = Gate()
        let away = PostgresError(.poolWaitExceeded, "no connection became free in time")
        let readers = (0..<20).map { _ in Task { try await ask(gate, failure: away) } }
        try await eventually { gate.arrived.withLock { $0 } == 1 }
        // All have joined once they have had time to; who comes later fails just so, after a read of his own.
        try await eventually { gate.arrived.withLock { $0 } == 1 && store.waiting == 19 }
        gate.open()
        for reader in readers {
            let error = await #expect(throws: PostgresError.self) { try await reader.value }
            #expect(error?.kind == .poolWaitExceeded)
        }
        #expect(gate.arrived.withLock { $0 } == 1)
    }

    @Test func `a failure of another kind is the leader's alone`() async throws {
        let (first, second) = (Gate(), Gate())
        second.open()
        let leader = Task { try await ask(first, failure: Broken()) }
        try await eventually { first.arrived.withLock { $0 } == 1 }
        async let follower = ask(second)
        first.open()
        await #expect(throws: Broken.self) { try await leader.value }
        #expect(try await follower == 0)
        #expect(store.find(key) != nil)
    }

    @Test func `who may not join reads for himself`() async throws {
        let (first, second) = (Gate(), Gate())
        second.open()
        async let leader = ask(first)
        try await eventually { first.arrived.withLock { $0 } == 1 }
        #expect(try await ask(second, mayJoin: false) == 0)
        #expect(second.arrived.withLock { $0 } == 1)
        first.open()
        _ = try await leader
    }
}
