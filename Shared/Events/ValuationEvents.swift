public import EventSourcing
public import Foundation
public import JSON

/// What happens to a valuation: somebody asks what one item is worth, and is answered.
public enum ValuationEvent: StorableEvent {
    case requested(ValuationRequested)
    case completed(ValuationCompleted)
    case inconclusive(ValuationInconclusive)
    case overridden(ValuationOverridden)

    public static let category = "valuation"

    /// STORED NAMES: only ever add.
    public static let schemas = [
        "ValuationRequested": 1, "ValuationCompleted": 1, "ValuationInconclusive": 1, "ValuationOverridden": 1,
    ]

    public var type: String {
        switch self {
        case .requested: "ValuationRequested"
        case .completed: "ValuationCompleted"
        case .inconclusive: "ValuationInconclusive"
        case .overridden: "ValuationOverridden"
        }
    }

    public var payload: JSONObject {
        switch self {
        case .requested(let event): event.payload
        case .completed(let event): event.payload
        case .inconclusive(let event): event.payload
        case .overridden(let event): event.payload
        }
    }

    public init(type: String, current payload: PayloadReader) throws(EventDecodingError) {
        switch type {
        case "ValuationRequested": self = .requested(try ValuationRequested(payload))
        case "ValuationCompleted": self = .completed(try ValuationCompleted(payload))
        case "ValuationInconclusive": self = .inconclusive(try ValuationInconclusive(payload))
        default: self = .overridden(try ValuationOverridden(payload))
        }
    }
}

/// Who answers. STORED NAMES: only ever add.
public enum ValuationMethod: String, CaseIterable, Sendable {
    /// The program, from what alike was sold for.
    case comparables
    /// Somebody.
    case manual
}

public struct ValuationRequested: Equatable, Sendable {
    public var itemID: UUID
    public var method: ValuationMethod
    public var note: String?

    public init(itemID: UUID, method: ValuationMethod, note: String? = nil) {
        self.itemID = itemID
        self.method = method
        self.note = note
    }

    var payload: JSONObject {
        var payload: JSONObject = ["item_id": .id("item", itemID), "method": .string(method.rawValue)]
        payload["note"] = note.map(JSONValue.string)
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            itemID: try payload.id("item_id", prefix: "item"), method: try payload.choice("method"),
            note: try payload.optionalString("note"))
    }
}

public struct ValuationCompleted: Equatable, Sendable {
    public var range: ValuationRange
    public var method: ValuationMethod
    /// Percent.
    public var confidence: Int64
    /// What it rests on, the last sold first; empty where somebody answered.
    public var comparables: [ValuationComparable]
    /// How they were looked for; nil where somebody answered.
    public var evidence: ValuationEvidence?
    public var note: String?

    public init(
        range: ValuationRange, method: ValuationMethod, confidence: Int64, comparables: [ValuationComparable] = [],
        evidence: ValuationEvidence? = nil, note: String? = nil
    ) {
        self.range = range
        self.method = method
        self.confidence = confidence
        self.comparables = comparables
        self.evidence = evidence
        self.note = note
    }

    var payload: JSONObject {
        var payload: JSONObject = [
            "low": range.low.json, "proposed": range.proposed.json, "high": range.high.json,
            "method": .string(method.rawValue), "confidence": .integer(confidence),
            "comparables": .array(comparables.map(\.json)),
        ]
        payload["evidence"] = evidence?.json
        payload["note"] = note.map(JSONValue.string)
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            range: ValuationRange(
                low: try payload.money("low"), proposed: try payload.money("proposed"), high: try payload.money("high")),
            method: try payload.choice("method"), confidence: try payload.integer("confidence"),
            comparables: try ValuationComparable.list(payload), evidence: try ValuationEvidence(payload),
            note: try payload.optionalString("note"))
    }
}

public struct ValuationInconclusive: Equatable, Sendable {
    /// STORED NAMES: only ever add.
    public enum Reason: String, CaseIterable, Sendable {
        case tooFewComparables = "too_few_comparables"
        /// What the item would be compared by is not known of it.
        case notDescribed = "not_described"
    }

    public var reason: Reason
    public var found: Int64
    public var needed: Int64
    /// Those that were found, the last sold first.
    public var comparables: [ValuationComparable]
    /// Fields of the item that would have to be known.
    public var missing: [String]

    public init(
        reason: Reason, found: Int64, needed: Int64, comparables: [ValuationComparable] = [], missing: [String] = []
    ) {
        self.reason = reason
        self.found = found
        self.needed = needed
        self.comparables = comparables
        self.missing = missing
    }

    var payload: JSONObject {
        [
            "reason": .string(reason.rawValue), "found": .integer(found), "needed": .integer(needed),
            "comparables": .array(comparables.map(\.json)), "missing": .strings(missing),
        ]
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            reason: try payload.choice("reason"), found: try payload.integer("found"),
            needed: try payload.integer("needed"), comparables: try ValuationComparable.list(payload),
            missing: try payload.strings("missing"))
    }
}

/// Somebody knows better than what was answered before.
public struct ValuationOverridden: Equatable, Sendable {
    public var proposed: Money
    public var low: Money?
    public var high: Money?
    public var reason: String

    public init(proposed: Money, low: Money? = nil, high: Money? = nil, reason: String) {
        self.proposed = proposed
        self.low = low
        self.high = high
        self.reason = reason
    }

    var payload: JSONObject {
        var payload: JSONObject = ["proposed": proposed.json, "reason": .string(reason)]
        payload["low"] = low?.json
        payload["high"] = high?.json
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            proposed: try payload.money("proposed"), low: try payload.optionalMoney("low"),
            high: try payload.optionalMoney("high"), reason: try payload.string("reason"))
    }
}
