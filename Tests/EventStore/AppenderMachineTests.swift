import EventSourcing
import Foundation
import Postgres
import Testing

@testable import EventStore

/// What the appender decides, without a database and without waiting.
@Suite struct AppenderMachineTests {
    private let start = ContinuousClock.now
    private let lost = PostgresError(.connectionLost, "lost")
    private let unreachable = PostgresError(.connectionFailed, "no connection")
    private let refused = PostgresError(.server(sqlState: "22P05"), "refused")
    private let locked = PostgresError(.server(sqlState: "55P03"), "locked")

    private func machine(_ names: String...) throws -> AppenderMachine<String> {
        var machine = AppenderMachine<String>(.init())
        for name in names { try machine.add(intent(name), name) }
        return machine
    }

    private func intent(_ key: String) -> Intent {
        let stream = StreamID(category: "item", id: .version7())
        return Intent(
            tenant: TenantID(UUID(bits: 1)),
            metadata: Metadata(actor: "test", commandID: .version7(), correlationID: .version7(), requestedAt: .now),
            key: key, fingerprint: [], primary: stream, version: 1, expectations: [Expectation(stream, at: 0)],
            changes: [StreamChange(stream: stream, from: 0, events: [], state: [])])
    }

    private func keys(_ step: AppenderMachine<String>.Step) -> [String] {
        if case .send(let intents) = step { intents.map(\.key) } else { [] }
    }

    private var claimed: AppendOutcome {
        .claimed(kind: "sku", value: "A", holder: StreamID(category: "item", id: UUID(bits: 9)))
    }

    private func told(_ settlement: AppenderMachine<String>.Settlement?) -> [String] {
        (settlement?.answers ?? []).map { waiter, result in
            switch result {
            case .success(.claimed): "\(waiter) claimed"
            case .success: "\(waiter) appended"
            case .failure(.unavailable): "\(waiter) unavailable"
            case .failure(.outcomeUnknown): "\(waiter) unknown"
            case .failure(.refused): "\(waiter) refused"
            case .failure(.overloaded), .failure(.closed): "\(waiter) turned away"
            }
        }
    }

    @Test func `it rests while nothing waits, and ends once it is closed and empty`() throws {
        var machine = try machine()
        guard case .rest = machine.next(at: start) else { throw Unexpected() }
        try machine.add(intent("a"), "a")
        machine.close()
        #expect(throws: AppendFailure.self) { try machine.add(intent("b"), "b") }
        let step1 = machine.next(at: start)
        #expect(keys(step1) == ["a"])
        _ = machine.answered(.failure(locked), at: start)
        guard case .end = machine.next(at: start) else { throw Unexpected() }
    }

    @Test func `a batch whose connection died is sent again, and more and more slowly`() throws {
        var machine = try machine("a", "b")
        var pauses: [Duration] = []
        var now = start
        while pauses.count < 7 {
            let step2 = machine.next(at: now)
            #expect(keys(step2) == ["a", "b"])
            let settlement3 = machine.answered(.failure(lost), at: now)
            #expect(settlement3 == nil)
            guard case .pause(let pause) = machine.next(at: now) else { throw Unexpected() }
            pauses.append(pause)
            now += pause
        }
        #expect(pauses == [20, 40, 80, 160, 320, 500, 500].map { .milliseconds($0) })
    }

    @Test func `past its time a batch that was never sent is unavailable, and one that was is unknown`() throws {
        var never = try machine("a")
        _ = never.next(at: start)
        let settlement4 = never.answered(.failure(unreachable), at: start + .seconds(9))
        #expect(told(settlement4) == ["a unavailable"])
        var once = try machine("a")
        _ = once.next(at: start)
        let settlement5 = once.answered(.failure(lost), at: start)
        #expect(settlement5 == nil)
        _ = once.next(at: start)
        _ = once.next(at: start)
        let settlement6 = once.answered(.failure(unreachable), at: start + .seconds(9))
        #expect(told(settlement6) == ["a unknown"])
    }

    @Test func `what is taken back is unavailable, unless it was lost before`() throws {
        var machine = try machine("a")
        _ = machine.next(at: start)
        let settlement7 = machine.answered(.failure(locked), at: start)
        #expect(told(settlement7) == ["a unavailable"])
        try machine.add(intent("b"), "b")
        _ = machine.next(at: start)
        _ = machine.answered(.failure(lost), at: start)
        _ = machine.next(at: start)
        _ = machine.next(at: start)
        let settlement8 = machine.answered(.failure(locked), at: start)
        #expect(told(settlement8) == ["b unknown"])
    }

    /// Found by the simulation.
    @Test func `that a value is taken says nothing about an intent that may still arrive`() throws {
        var machine = try machine("a")
        _ = machine.next(at: start)
        let settlement9 = machine.answered(.success([claimed]), at: start)
        #expect(told(settlement9) == ["a claimed"])
        try machine.add(intent("b"), "b")
        _ = machine.next(at: start)
        _ = machine.answered(.failure(lost), at: start)
        _ = machine.next(at: start)
        _ = machine.next(at: start)
        let settlement10 = machine.answered(.success([claimed]), at: start)
        #expect(told(settlement10) == ["b unknown"])
    }

    @Test func `a batch that is refused is halved until the intent that is to blame stands alone`() throws {
        var machine = try machine("a", "b", "c")
        var answers: [String] = []
        while true {
            let sent = keys(machine.next(at: start))
            guard !sent.isEmpty else { break }
            let isRefused = sent.contains("b")
            let outcomes = sent.map { _ in claimed }
            answers += told(machine.answered(isRefused ? .failure(refused) : .success(outcomes), at: start))
        }
        #expect(answers == ["a claimed", "b refused", "c claimed"])
    }

    @Test func `doubt about a batch is doubt about its halves`() throws {
        var machine = try machine("a", "b")
        _ = machine.next(at: start)
        _ = machine.answered(.failure(lost), at: start)
        _ = machine.next(at: start)
        _ = machine.next(at: start)
        let settlement11 = machine.answered(.failure(refused), at: start)
        #expect(settlement11 == nil)
        let step12 = machine.next(at: start)
        #expect(keys(step12) == ["a"])
        let settlement13 = machine.answered(.failure(unreachable), at: start + .seconds(9))
        #expect(told(settlement13) == ["a unknown"])
    }

    private struct Unexpected: Error {}
}

@Suite struct RingsTests {
    @Test func `the first ring is heard at once, and all of an interval as one at its end`() {
        var rings = Rings()
        let heard = [rings.ring(), rings.ring(), rings.ring(), rings.pass(), rings.ring(), rings.pass(), rings.pass()]
        #expect(heard == [true, false, false, true, false, true, false])
        let afterwards = rings.ring()
        #expect(afterwards)
    }
}
