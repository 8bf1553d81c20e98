public import EventSourcing
public import Foundation
public import JSON

/// What happens to a contract between a consignor and the store.
public enum ContractEvent: StorableEvent {
    case drafted(ContractDrafted)
    case termsSet(ContractTermsSet)
    case itemsAdded(ContractItemsAdded)
    case itemChanged(ContractItem)
    case itemRemoved(ContractItemRemoved)
    case signed(ContractSigned)
    case readinessEvaluated(ContractReadinessEvaluated)
    case activated(ContractActivated)
    case amended(ContractAmended)
    case extended(ContractExtended)
    case expired(ContractExpired)
    case ended(ContractEnded)
    case terminated(ContractTerminated)

    public static let category = "contract"

    /// STORED NAMES: only ever add.
    public static let schemas = [
        "ContractDrafted": 1, "ContractTermsSet": 1, "ContractItemsAdded": 1, "ContractItemChanged": 1,
        "ContractItemRemoved": 1, "ContractSigned": 1, "ContractReadinessEvaluated": 1, "ContractActivated": 1,
        "ContractAmended": 1, "ContractExtended": 1, "ContractExpired": 1, "ContractEnded": 1, "ContractTerminated": 1,
    ]

    public var type: String {
        switch self {
        case .drafted: "ContractDrafted"
        case .termsSet: "ContractTermsSet"
        case .itemsAdded: "ContractItemsAdded"
        case .itemChanged: "ContractItemChanged"
        case .itemRemoved: "ContractItemRemoved"
        case .signed: "ContractSigned"
        case .readinessEvaluated: "ContractReadinessEvaluated"
        case .activated: "ContractActivated"
        case .amended: "ContractAmended"
        case .extended: "ContractExtended"
        case .expired: "ContractExpired"
        case .ended: "ContractEnded"
        case .terminated: "ContractTerminated"
        }
    }

    public var payload: JSONObject {
        switch self {
        case .drafted(let event): event.payload
        case .termsSet(let event): ["terms": event.terms.json]
        case .itemsAdded(let event): ["items": .array(event.items.map(\.json))]
        case .itemChanged(let event): ["item": event.json]
        case .itemRemoved(let event): event.payload
        case .signed(let event): event.payload
        case .readinessEvaluated(let event): event.payload
        case .activated(let event):
            [
                "activated_at": .time(event.at), "ends_at": .time(event.endsAt),
                "grace_ends_at": .time(event.graceEndsAt),
            ]
        case .amended(let event): event.payload
        case .extended(let event): ["ends_at": .time(event.endsAt), "grace_ends_at": .time(event.graceEndsAt)]
        case .expired(let event): ["grace_ends_at": .time(event.graceEndsAt)]
        case .ended(let event): event.payload
        case .terminated(let event): ["reason": .string(event.reason)]
        }
    }

    public init(type: String, current payload: PayloadReader) throws(EventDecodingError) {
        switch type {
        case "ContractDrafted": self = .drafted(try ContractDrafted(payload))
        case "ContractTermsSet": self = .termsSet(ContractTermsSet(terms: try payload.terms()))
        case "ContractItemsAdded":
            self = .itemsAdded(ContractItemsAdded(items: try payload.list("items", ContractItem.init(_:))))
        case "ContractItemChanged":
            guard let item = try payload.nested("item") else { throw payload.missing("item") }
            self = .itemChanged(try ContractItem(item))
        case "ContractItemRemoved": self = .itemRemoved(try ContractItemRemoved(payload))
        case "ContractSigned": self = .signed(try ContractSigned(payload))
        case "ContractReadinessEvaluated": self = .readinessEvaluated(try ContractReadinessEvaluated(payload))
        case "ContractActivated":
            self = .activated(
                ContractActivated(
                    at: try payload.time("activated_at"), endsAt: try payload.time("ends_at"),
                    graceEndsAt: try payload.time("grace_ends_at")))
        case "ContractAmended": self = .amended(try ContractAmended(payload))
        case "ContractExtended":
            self = .extended(
                ContractExtended(endsAt: try payload.time("ends_at"), graceEndsAt: try payload.time("grace_ends_at")))
        case "ContractExpired": self = .expired(ContractExpired(graceEndsAt: try payload.time("grace_ends_at")))
        case "ContractEnded": self = .ended(try ContractEnded(payload))
        default: self = .terminated(ContractTerminated(reason: try payload.string("reason")))
        }
    }
}

public struct ContractDrafted: Equatable, Sendable {
    public var consignorID: UUID
    /// The shop's own.
    public var number: String?
    public var note: String?

    public init(consignorID: UUID, number: String? = nil, note: String? = nil) {
        self.consignorID = consignorID
        self.number = number
        self.note = note
    }

    var payload: JSONObject {
        var payload: JSONObject = ["consignor_id": .id("consignor", consignorID)]
        payload["number"] = number.map(JSONValue.string)
        payload["note"] = note.map(JSONValue.string)
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            consignorID: try payload.id("consignor_id", prefix: "consignor"),
            number: try payload.optionalString("number"), note: try payload.optionalString("note"))
    }
}

/// Before it is active. What was signed before is no longer signed.
public struct ContractTermsSet: Equatable, Sendable {
    public var terms: ContractTerms

    public init(terms: ContractTerms) { self.terms = terms }
}

public struct ContractItemsAdded: Equatable, Sendable {
    public var items: [ContractItem]

    public init(items: [ContractItem]) { self.items = items }
}

public struct ContractItemRemoved: Equatable, Sendable {
    public var itemID: UUID
    public var reason: String?
    /// What the consignor owes for it.
    public var fee: Money?

    public init(itemID: UUID, reason: String? = nil, fee: Money? = nil) {
        self.itemID = itemID
        self.reason = reason
        self.fee = fee
    }

    var payload: JSONObject {
        var payload: JSONObject = ["item_id": .id("item", itemID)]
        payload["reason"] = reason.map(JSONValue.string)
        payload["fee"] = fee?.json
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            itemID: try payload.id("item_id", prefix: "item"), reason: try payload.optionalString("reason"),
            fee: try payload.optionalMoney("fee"))
    }
}

public struct ContractSigned: Equatable, Sendable {
    /// On whose side; who it was is told by the document. STORED NAMES: only ever add.
    public enum Signer: String, CaseIterable, Sendable {
        case consignor, representative
    }

    /// STORED NAMES: only ever add.
    public enum Method: String, CaseIterable, Sendable {
        case paper, electronic
        /// On the shop's own device, before its staff.
        case inPerson = "in_person"
    }

    /// SHA-256 of the document, in hex.
    public var document: String
    public var signer: Signer
    public var method: Method
    public var at: Timestamp

    public init(document: String, signer: Signer, method: Method, at: Timestamp) {
        self.document = document
        self.signer = signer
        self.method = method
        self.at = at
    }

    var payload: JSONObject {
        [
            "document": .string(document), "signer": .string(signer.rawValue), "method": .string(method.rawValue),
            "signed_at": .time(at),
        ]
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            document: try payload.string("document"), signer: try payload.choice("signer"),
            method: try payload.choice("method"), at: try payload.time("signed_at"))
    }
}

/// What the rules said when somebody wanted to know whether it can be activated.
public struct ContractReadinessEvaluated: Equatable, Sendable {
    public var isReady: Bool
    public var rules: [RuleOutcome]

    public init(isReady: Bool, rules: [RuleOutcome]) {
        self.isReady = isReady
        self.rules = rules
    }

    var payload: JSONObject { ["ready": .bool(isReady), "rules": .array(rules.map(\.json))] }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(isReady: try payload.bool("ready"), rules: try payload.list("rules", RuleOutcome.init(_:)))
    }
}

public struct ContractActivated: Equatable, Sendable {
    public var at: Timestamp
    /// The first moment after the term.
    public var endsAt: Timestamp
    public var graceEndsAt: Timestamp

    public init(at: Timestamp, endsAt: Timestamp, graceEndsAt: Timestamp) {
        self.at = at
        self.endsAt = endsAt
        self.graceEndsAt = graceEndsAt
    }
}

/// Other terms from a moment on: what is sold before goes by those that were in force.
public struct ContractAmended: Equatable, Sendable {
    public var effectiveFrom: Timestamp
    public var terms: ContractTerms
    /// SHA-256 of the document that was signed for it, in hex.
    public var document: String?

    public init(effectiveFrom: Timestamp, terms: ContractTerms, document: String? = nil) {
        self.effectiveFrom = effectiveFrom
        self.terms = terms
        self.document = document
    }

    var payload: JSONObject {
        var payload: JSONObject = ["effective_from": .time(effectiveFrom), "terms": terms.json]
        payload["document"] = document.map(JSONValue.string)
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            effectiveFrom: try payload.time("effective_from"), terms: try payload.terms(),
            document: try payload.optionalString("document"))
    }
}

public struct ContractExtended: Equatable, Sendable {
    public var endsAt: Timestamp
    public var graceEndsAt: Timestamp

    public init(endsAt: Timestamp, graceEndsAt: Timestamp) {
        self.endsAt = endsAt
        self.graceEndsAt = graceEndsAt
    }
}

/// Its term is over; it can be extended until its grace is.
public struct ContractExpired: Equatable, Sendable {
    public var graceEndsAt: Timestamp

    public init(graceEndsAt: Timestamp) { self.graceEndsAt = graceEndsAt }
}

/// Its grace is over, too.
public struct ContractEnded: Equatable, Sendable {
    /// What is to become of what was not sold.
    public var unsold: UnsoldFate
    public var items: [UUID]

    public init(unsold: UnsoldFate, items: [UUID]) {
        self.unsold = unsold
        self.items = items
    }

    var payload: JSONObject {
        ["unsold": .string(unsold.rawValue), "items": .items(items)]
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            unsold: try payload.choice("unsold"), items: try payload.items("items"))
    }
}

public struct ContractTerminated: Equatable, Sendable {
    public var reason: String

    public init(reason: String) { self.reason = reason }
}

extension PayloadReader {
    fileprivate func terms() throws(EventDecodingError) -> ContractTerms {
        guard let terms = try nested("terms") else { throw missing("terms") }
        return try ContractTerms(terms)
    }

    func time(_ name: String) throws(EventDecodingError) -> Timestamp {
        try required(name) { $0.stringValue.flatMap(Timestamp.init(rfc3339:)) }
    }
}

extension JSONValue {
    static func time(_ time: Timestamp) -> JSONValue { .string(time.rfc3339) }
}
