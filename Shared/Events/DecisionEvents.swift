public import EventSourcing
public import Foundation
public import JSON

/// What rules decided, by themselves or for somebody: an outcome, and everything that it rests on.
///
/// Each is a stream of one event, appended with what follows from it.
public enum DecisionEvent: StorableEvent {
    case made(DecisionMade)

    public static let category = "decision"

    /// STORED NAMES: only ever add.
    public static let schemas = ["DecisionMade": 1]

    public var type: String { "DecisionMade" }

    public var payload: JSONObject {
        switch self {
        case .made(let event): event.payload
        }
    }

    public init(type: String, current payload: PayloadReader) throws(EventDecodingError) {
        self = .made(try DecisionMade(payload))
    }
}

/// What was decided about. STORED NAMES: only ever add.
public enum DecisionKind: String, CaseIterable, Sendable {
    /// Whether a contract can be activated.
    case readiness
    /// What an item is worth.
    case valuation
    /// An offer below the floor.
    case autoDecline = "auto_decline"
    /// A step of a listing's markdown plan.
    case markdown
    /// An item is held for a buyer, or no longer.
    case hold
    /// A sale below the minimum price.
    case sale
}

public struct DecisionMade: Equatable, Sendable {
    public var kind: DecisionKind
    /// What it is about: `contract_…`, `listing_…`.
    public var subject: TypeID
    /// The item concerned, where there is one.
    public var itemID: UUID?
    /// `ready`, `not_ready`, `declined`; which there are depends on the kind.
    public var outcome: String
    /// What the rules were given, by name.
    public var inputs: JSONObject
    /// In the order in which they were asked.
    public var rules: [RuleOutcome]

    public init(
        kind: DecisionKind, subject: TypeID, itemID: UUID? = nil, outcome: String, inputs: JSONObject = [:],
        rules: [RuleOutcome]
    ) {
        self.kind = kind
        self.subject = subject
        self.itemID = itemID
        self.outcome = outcome
        self.inputs = inputs
        self.rules = rules
    }

    var payload: JSONObject {
        var payload: JSONObject = [
            "kind": .string(kind.rawValue), "subject": .string(subject.description), "outcome": .string(outcome),
        ]
        payload["item_id"] = itemID.map { .id("item", $0) }
        if !inputs.isEmpty { payload["inputs"] = .object(inputs) }
        payload["rules"] = .array(rules.map(\.json))
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        var rules: [RuleOutcome] = []
        for element in try payload.elements("rules") { rules.append(try RuleOutcome(element)) }
        self.init(
            kind: try payload.choice("kind"), subject: try payload.typeID("subject"),
            itemID: try payload.optionalID("item_id", prefix: "item"), outcome: try payload.string("outcome"),
            inputs: try payload.members("inputs"), rules: rules)
    }
}

/// What one named rule said, and why.
public struct RuleOutcome: Equatable, Sendable {
    /// Stable, for programs: `terms_are_set`.
    public var rule: String
    public var held: Bool
    /// For people.
    public var reason: String
    /// The events that it rests on.
    public var evidence: [EventLink]

    public init(_ rule: String, held: Bool, reason: String, evidence: [EventLink] = []) {
        self.rule = rule
        self.held = held
        self.reason = reason
        self.evidence = evidence
    }

    /// As it is stored, and shown.
    public var json: JSONValue {
        var object: JSONObject = ["rule": .string(rule), "held": .bool(held), "reason": .string(reason)]
        if !evidence.isEmpty { object["events"] = .array(evidence.map(\.json)) }
        return .object(object)
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        var evidence: [EventLink] = []
        if payload.object["events"] != nil {
            for element in try payload.elements("events") { evidence.append(try EventLink(element)) }
        }
        self.init(
            try payload.string("rule"), held: try payload.bool("held"), reason: try payload.string("reason"),
            evidence: evidence)
    }
}

/// An event by its place in its stream.
public struct EventLink: Hashable, Sendable {
    /// The prefix is the stream's category.
    public var stream: TypeID
    public var version: Int64

    public init(_ prefix: String, _ id: UUID, at version: Int64) {
        stream = TypeID(prefix: prefix, uuid: id)
        self.version = version
    }

    public var json: JSONValue { ["stream": .string(stream.description), "version": .integer(version)] }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        stream = try payload.typeID("stream")
        version = try payload.integer("version")
    }
}
