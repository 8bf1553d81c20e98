import EventSourcing
import Foundation
import Postgres
import Testing

@testable import EventStore

/// What the appender decides, without a database and without waiting.
@Suite struct AppenderMachineTests {
    private let lost = PostgresError(.connectionLost, "lost")
    private let unreachable = PostgresError(.connectionFailed, "no connection")
    private let refused = PostgresError(.server(sqlState: "22P05"), "refused")
    private let unreadable = PostgresError(.decoding, "unreadable")
    private let locked = PostgresError(.server(sqlState: "55P03"), "locked")

    @Test func `it rests while nothing waits, and ends once it is closed and empty`() {
        let appender = DrivenAppender()
        #expect(appender.does() == "rests")
        appender.add("a")
        appender.close()
        #expect(appender.add("b") == ["b turned away"])
        #expect(appender.does() == "sends a")
        #expect(appender.meets(locked) == ["a unavailable"])
        #expect(appender.does() == "ends")
    }

    @Test func `a batch whose connection died is sent again, and more and more slowly`() {
        let appender = DrivenAppender("a", "b")
        var pauses: [String] = []
        while pauses.count < 7 {
            #expect(appender.does() == "sends a b")
            #expect(appender.meets(lost) == [])
            pauses.append(appender.does())
        }
        #expect(pauses == [20, 40, 80, 160, 320, 500, 500].map { "pauses \($0) ms" })
    }

    @Test func `past its time a batch that was never sent is unavailable, and one that was is unknown`() {
        let never = DrivenAppender("a")
        #expect(never.does() == "sends a")
        #expect(never.meets(unreachable, after: .seconds(9)) == ["a unavailable"])
        let once = DrivenAppender("a")
        once.loses(lost)
        #expect(once.meets(unreachable, after: .seconds(9)) == ["a unknown"])
    }

    @Test func `what is taken back is unavailable, unless it was lost before`() {
        let appender = DrivenAppender("a")
        #expect(appender.does() == "sends a")
        #expect(appender.meets(locked) == ["a unavailable"])
        appender.add("b")
        appender.loses(lost)
        #expect(appender.meets(locked) == ["b unknown"])
    }

    /// Found by the simulation.
    @Test func `that a value is taken says nothing about an intent that may still arrive`() {
        let appender = DrivenAppender("a")
        #expect(appender.does() == "sends a")
        #expect(appender.meetsClaims() == ["a claimed"])
        appender.add("b")
        appender.loses(lost)
        #expect(appender.meetsClaims() == ["b unknown"])
    }

    @Test func `a batch that is refused is halved until the intent that is to blame stands alone`() {
        let appender = DrivenAppender("a", "b", "c")
        #expect(appender.does() == "sends a b c")
        #expect(appender.meets(refused) == [])
        #expect(appender.does() == "sends a")
        #expect(appender.meetsClaims() == ["a claimed"])
        #expect(appender.does() == "sends b c")
        #expect(appender.meets(refused) == [])
        #expect(appender.does() == "sends b")
        #expect(appender.meets(refused) == ["b refused"])
        #expect(appender.does() == "sends c")
        #expect(appender.meetsClaims() == ["c claimed"])
        #expect(appender.does() == "rests")
    }

    /// Found by the simulation.
    @Test func `an answer that cannot be read is no refusal`() {
        let appender = DrivenAppender("a", "b")
        #expect(appender.does() == "sends a b")
        #expect(appender.meets(unreadable) == [])
        #expect(appender.does() == "sends a")
        #expect(appender.meets(unreadable) == ["a unknown"])
        #expect(appender.does() == "sends b")
        #expect(appender.meets(locked) == ["b unknown"])
    }

    @Test func `doubt about a batch is doubt about its halves`() {
        let appender = DrivenAppender("a", "b")
        appender.loses(lost)
        #expect(appender.meets(refused) == [])
        #expect(appender.does() == "sends a")
        #expect(appender.meets(unreachable, after: .seconds(9)) == ["a unknown"])
        #expect(appender.does() == "sends b")
        #expect(appender.meetsClaims() == ["b unknown"])
    }
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

/// The machine, and words for what it says.
private final class DrivenAppender {
    private var machine = AppenderMachine<String>(.init())
    private var now = ContinuousClock.now
    private var sent = 0

    init(_ names: String...) {
        for name in names { add(name) }
    }

    @discardableResult
    func add(_ name: String) -> [String] {
        let stream = StreamID(category: "item", id: .version7())
        let intent = Intent(
            tenant: TenantID(UUID(bits: 1)),
            metadata: Metadata(actor: "test", commandID: .version7(), correlationID: .version7(), requestedAt: .now),
            key: name, fingerprint: [], primary: stream, version: 1, expectations: [Expectation(stream, at: 0)],
            changes: [StreamChange(stream: stream, from: 0, events: [], state: [])])
        do throws(AppendFailure) {
            try machine.add(intent, name)
            return []
        } catch {
            return [Self.word(name, .failure(error))]
        }
    }

    func close() { machine.close() }

    func does() -> String {
        switch machine.next(at: now) {
        case .send(let intents):
            sent = intents.count
            return "sends " + intents.map(\.key).joined(separator: " ")
        case .pause(let duration):
            now += duration
            return "pauses \(duration.components.attoseconds / 1_000_000_000_000_000) ms"
        case .rest: return "rests"
        case .end: return "ends"
        }
    }

    /// Sends a batch, loses it, and sends it again.
    func loses(_ error: PostgresError) {
        _ = does()
        _ = meets(error)
        _ = does()
        _ = does()
    }

    func meets(_ error: PostgresError, after duration: Duration = .zero) -> [String] {
        answered(.failure(error), after: duration)
    }

    /// Each intent of what was sent wants what is taken.
    func meetsClaims() -> [String] {
        let holder = StreamID(category: "item", id: UUID(bits: 9))
        return answered(
            .success((0..<sent).map { _ in .claimed(kind: "sku", value: "A", holder: holder) }), after: .zero)
    }

    private func answered(_ result: Result<[AppendOutcome], PostgresError>, after duration: Duration) -> [String] {
        now += duration
        return (machine.answered(result, at: now)?.answers ?? []).map { Self.word($0.waiter, $0.result) }
    }

    private static func word(_ name: String, _ result: Result<AppendOutcome, AppendFailure>) -> String {
        switch result {
        case .success(.claimed): "\(name) claimed"
        case .success: "\(name) appended"
        case .failure(.unavailable): "\(name) unavailable"
        case .failure(.outcomeUnknown): "\(name) unknown"
        case .failure(.refused): "\(name) refused"
        case .failure(.overloaded), .failure(.closed): "\(name) turned away"
        }
    }
}
