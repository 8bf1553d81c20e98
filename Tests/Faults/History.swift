import EventSourcing
import Foundation
import JSON
import Synchronization
import TestSupport

/// One intent as its client saw it.
struct Recorded: Sendable {
    enum Outcome: Sendable {
        /// Acknowledged: it must be there exactly once, for ever.
        case ok(Instance.Answer)
        /// Refused, or the service says that nothing was done: it must not be there.
        case fail(status: Int, code: String)
        /// It may be there, once.
        case unknown(String)

        /// What is known after the same request was sent again. One that failed says nothing of the one before it,
        /// which may still be on its way.
        func then(_ next: Outcome) -> Outcome {
            switch (self, next) {
            case (.ok, _): self
            case (_, .ok): next
            case (.fail, .fail): next
            case (.unknown, _): self
            case (.fail, .unknown): next
            }
        }
    }

    var request: Request
    var started: ContinuousClock.Instant
    var ended: ContinuousClock.Instant
    var outcome: Outcome
    /// The fault during which it was sent.
    var phase: String

    var answer: Instance.Answer? {
        if case .ok(let answer) = outcome { answer } else { nil }
    }
}

struct Request: Sendable {
    var tenant: String
    var key: String
    var method = "POST"
    var path: String
    var body: JSONValue?
}

/// What all clients have recorded, and what they found wrong at once.
final class History: Sendable {
    private struct State {
        var intents: [Recorded] = []
        var violations: [Violation] = []
        var phase = ""
    }

    private let state = Mutex(State())

    var intents: [Recorded] { state.withLock { $0.intents } }
    var violations: [Violation] { state.withLock { $0.violations } }
    var phase: String { state.withLock { $0.phase } }

    func begin(_ phase: String) { state.withLock { $0.phase = phase } }
    func record(_ intent: Recorded) { state.withLock { $0.intents.append(intent) } }
    func complain(_ violation: Violation) { state.withLock { $0.violations.append(violation) } }

    /// How many intents were acknowledged in a stretch of time.
    func acknowledged(from start: ContinuousClock.Instant, to end: ContinuousClock.Instant) -> Int {
        state.withLock { state in
            // The latest stand at the end, nearly in order.
            state.intents.reversed().prefix { $0.ended >= start - .seconds(5) }
                .count { $0.answer != nil && $0.ended >= start && $0.ended < end }
        }
    }
}
