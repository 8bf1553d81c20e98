import Documents
import EventSourcing
import Events
import Foundation

/// What rules decided: a stream of one event, so that whoever asks why finds it by its subject.
enum RuleDecision: Aggregate {
    typealias Event = Fact<DecisionEvent>
    /// nil: nothing was decided.
    typealias State = DecisionRecord?

    static let category = DecisionEvent.category
    static let prefix = "decision"
    static let initial: State = nil

    static func evolve(_ state: inout State, _ fact: Event) {
        _ = DecisionRecord.fold(&state, fact.event, id: fact.id, version: (state?.version ?? 0) + 1, at: fact.at)
    }

    static func encode(_ state: State) -> [UInt8] { state?.bytes ?? [] }

    static func decode(_ json: [UInt8]) throws -> State { try DecisionRecord(stored: json) }
}

extension RuleDecision: StoredAggregate {}

extension Decision {
    /// Keeps what rules decided beside what follows from it, in the same append.
    ///
    /// - Parameter stamp: its identifier, made before the first attempt.
    mutating func record(_ made: DecisionMade, _ stamp: Stamp) {
        append(stamp.facts(.made(made)), to: begin(RuleDecision.self, stamp.id))
    }
}
