public import EventSourcing
public import Foundation
public import JSON

/// What happens to an intake: a batch of things that come in at a location, of one consignor or of the store.
public enum IntakeEvent: StorableEvent {
    case opened(IntakeOpened)
    case itemsAdded(IntakeItemsAdded)
    case itemChanged(IntakeItemChanged)
    case itemRemoved(IntakeItemRemoved)
    case submitted
    case itemAccepted(IntakeItemAccepted)
    case itemRejected(IntakeItemRejected)
    case itemSettled(IntakeItemSettled)
    case itemSentToAuthenticator(IntakeItemSentToAuthenticator)
    case itemAuthenticated(IntakeItemAuthenticated)
    case cancelled(IntakeCancelled)

    public static let category = "intake"

    /// STORED NAMES: only ever add.
    public static let schemas = [
        "IntakeOpened": 1, "IntakeItemsAdded": 1, "IntakeItemChanged": 1, "IntakeItemRemoved": 1,
        "IntakeSubmitted": 1, "IntakeItemAccepted": 1, "IntakeItemRejected": 1, "IntakeItemSettled": 1,
        "IntakeItemSentToAuthenticator": 1, "IntakeItemAuthenticated": 1, "IntakeCancelled": 1,
    ]

    public var type: String {
        switch self {
        case .opened: "IntakeOpened"
        case .itemsAdded: "IntakeItemsAdded"
        case .itemChanged: "IntakeItemChanged"
        case .itemRemoved: "IntakeItemRemoved"
        case .submitted: "IntakeSubmitted"
        case .itemAccepted: "IntakeItemAccepted"
        case .itemRejected: "IntakeItemRejected"
        case .itemSettled: "IntakeItemSettled"
        case .itemSentToAuthenticator: "IntakeItemSentToAuthenticator"
        case .itemAuthenticated: "IntakeItemAuthenticated"
        case .cancelled: "IntakeCancelled"
        }
    }

    public var payload: JSONObject {
        switch self {
        case .opened(let event): event.payload
        case .itemsAdded(let event): event.payload
        case .itemChanged(let event): event.payload
        case .itemRemoved(let event): ["item_id": .id("item", event.itemID)]
        case .submitted: [:]
        case .itemAccepted(let event): event.payload
        case .itemRejected(let event): event.payload
        case .itemSettled(let event): ["item_id": .id("item", event.itemID)]
        case .itemSentToAuthenticator(let event):
            ["item_id": .id("item", event.itemID), "authenticator": .string(event.authenticator)]
        case .itemAuthenticated(let event): event.payload
        case .cancelled(let event): event.payload
        }
    }

    public init(type: String, current payload: PayloadReader) throws(EventDecodingError) {
        switch type {
        case "IntakeOpened": self = .opened(try IntakeOpened(payload))
        case "IntakeItemsAdded": self = .itemsAdded(try IntakeItemsAdded(payload))
        case "IntakeItemChanged": self = .itemChanged(try IntakeItemChanged(payload))
        case "IntakeItemRemoved":
            self = .itemRemoved(IntakeItemRemoved(itemID: try payload.id("item_id", prefix: "item")))
        case "IntakeSubmitted": self = .submitted
        case "IntakeItemAccepted": self = .itemAccepted(try IntakeItemAccepted(payload))
        case "IntakeItemRejected": self = .itemRejected(try IntakeItemRejected(payload))
        case "IntakeItemSettled":
            self = .itemSettled(IntakeItemSettled(itemID: try payload.id("item_id", prefix: "item")))
        case "IntakeItemSentToAuthenticator":
            self = .itemSentToAuthenticator(
                IntakeItemSentToAuthenticator(
                    itemID: try payload.id("item_id", prefix: "item"),
                    authenticator: try payload.string("authenticator")))
        case "IntakeItemAuthenticated": self = .itemAuthenticated(try IntakeItemAuthenticated(payload))
        default: self = .cancelled(IntakeCancelled(reason: try payload.optionalString("reason")))
        }
    }
}

public struct IntakeOpened: Equatable, Sendable {
    public var locationID: UUID
    /// nil: what comes in is the store's own.
    public var consignorID: UUID?
    public var note: String?

    public init(locationID: UUID, consignorID: UUID? = nil, note: String? = nil) {
        self.locationID = locationID
        self.consignorID = consignorID
        self.note = note
    }

    var payload: JSONObject {
        var payload: JSONObject = ["location_id": .id("location", locationID)]
        payload["consignor_id"] = consignorID.map { .id("consignor", $0) }
        payload["note"] = note.map(JSONValue.string)
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            locationID: try payload.id("location_id", prefix: "location"),
            consignorID: try payload.optionalID("consignor_id", prefix: "consignor"),
            note: try payload.optionalString("note"))
    }
}

public struct IntakeItemsAdded: Equatable, Sendable {
    public struct Entry: Equatable, Sendable {
        /// Of the item that it becomes once it is accepted.
        public var itemID: UUID
        /// By `ItemField` name; title and condition are there.
        public var values: JSONObject
        public var acquisition: ItemAcquisition?
        /// Evidence of machine help, by `ItemField` name.
        public var suggestions: JSONObject

        public init(
            itemID: UUID, values: JSONObject, acquisition: ItemAcquisition? = nil, suggestions: JSONObject = [:]
        ) {
            self.itemID = itemID
            self.values = values
            self.acquisition = acquisition
            self.suggestions = suggestions
        }

        fileprivate var json: JSONValue {
            var object: JSONObject = ["item_id": .id("item", itemID), "values": .object(values)]
            object["acquisition"] = acquisition?.json
            if !suggestions.isEmpty { object["suggestions"] = .object(suggestions) }
            return .object(object)
        }

        fileprivate init(_ payload: PayloadReader) throws(EventDecodingError) {
            guard let values = try payload.nested("values") else { throw payload.missing("values") }
            try values.checkFields()
            _ = try values.string("title")
            _ = try values.string("condition")
            self.init(
                itemID: try payload.id("item_id", prefix: "item"), values: values.object,
                acquisition: try ItemAcquisition(payload), suggestions: try payload.members("suggestions"))
        }
    }

    public var entries: [Entry]

    public init(entries: [Entry]) { self.entries = entries }

    var payload: JSONObject { ["items": .array(entries.map(\.json))] }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        var entries: [Entry] = []
        for element in try payload.elements("items") { entries.append(try Entry(element)) }
        self.init(entries: entries)
    }
}

public struct IntakeItemChanged: Equatable, Sendable {
    public var itemID: UUID
    /// The new value of each changed field, by `ItemField` name; null clears it.
    public var changes: JSONObject
    /// Whole, where it changed.
    public var acquisition: ItemAcquisition?
    public var suggestions: JSONObject

    public init(
        itemID: UUID, changes: JSONObject, acquisition: ItemAcquisition? = nil, suggestions: JSONObject = [:]
    ) {
        self.itemID = itemID
        self.changes = changes
        self.acquisition = acquisition
        self.suggestions = suggestions
    }

    var payload: JSONObject {
        var payload: JSONObject = ["item_id": .id("item", itemID), "changes": .object(changes)]
        payload["acquisition"] = acquisition?.json
        if !suggestions.isEmpty { payload["suggestions"] = .object(suggestions) }
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        guard let changes = try payload.nested("changes") else { throw payload.missing("changes") }
        try changes.checkFields()
        self.init(
            itemID: try payload.id("item_id", prefix: "item"), changes: changes.object,
            acquisition: try ItemAcquisition(payload), suggestions: try payload.members("suggestions"))
    }
}

public struct IntakeItemRemoved: Equatable, Sendable {
    public var itemID: UUID

    public init(itemID: UUID) { self.itemID = itemID }
}

/// It became an item, in the same append.
public struct IntakeItemAccepted: Equatable, Sendable {
    public var itemID: UUID
    /// Its own, or the one that it was given.
    public var sku: String?
    public var locationID: UUID

    public init(itemID: UUID, sku: String?, locationID: UUID) {
        self.itemID = itemID
        self.sku = sku
        self.locationID = locationID
    }

    var payload: JSONObject {
        var payload: JSONObject = [
            "item_id": .id("item", itemID), "location_id": .id("location", locationID),
        ]
        payload["sku"] = sku.map(JSONValue.string)
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            itemID: try payload.id("item_id", prefix: "item"), sku: try payload.optionalString("sku"),
            locationID: try payload.id("location_id", prefix: "location"))
    }
}

public struct IntakeItemRejected: Equatable, Sendable {
    /// What becomes of it. STORED NAMES: only ever add.
    public enum Fate: String, CaseIterable, Sendable {
        case toReturn = "return"
        case donate, dispose
    }

    public var itemID: UUID
    public var reason: String
    public var fate: Fate

    public init(itemID: UUID, reason: String, fate: Fate) {
        self.itemID = itemID
        self.reason = reason
        self.fate = fate
    }

    var payload: JSONObject {
        ["item_id": .id("item", itemID), "reason": .string(reason), "fate": .string(fate.rawValue)]
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            itemID: try payload.id("item_id", prefix: "item"), reason: try payload.string("reason"),
            fate: try payload.choice("fate"))
    }
}

/// What was to become of a rejected thing has been done: it is no longer here.
public struct IntakeItemSettled: Equatable, Sendable {
    public var itemID: UUID

    public init(itemID: UUID) { self.itemID = itemID }
}

/// A third party has it, until it says what it is.
public struct IntakeItemSentToAuthenticator: Equatable, Sendable {
    public var itemID: UUID
    public var authenticator: String

    public init(itemID: UUID, authenticator: String) {
        self.itemID = itemID
        self.authenticator = authenticator
    }
}

/// It is back, with a report.
public struct IntakeItemAuthenticated: Equatable, Sendable {
    /// STORED NAMES: only ever add.
    public enum Outcome: String, CaseIterable, Sendable {
        case authentic, inconclusive, counterfeit
    }

    /// Who bears the cost. STORED NAMES: only ever add.
    public enum Bearer: String, CaseIterable, Sendable {
        case store, consignor, shared
    }

    /// The paper: a digest of its bytes, and where to find it.
    public struct Report: Equatable, Sendable {
        /// In hex.
        public var sha256: String
        public var reference: String

        public init(sha256: String, reference: String) {
            self.sha256 = sha256
            self.reference = reference
        }

        public var json: JSONValue { ["sha256": .string(sha256), "reference": .string(reference)] }
    }

    public var itemID: UUID
    public var outcome: Outcome
    public var report: Report?
    public var cost: Money?
    public var bearer: Bearer?

    public init(
        itemID: UUID, outcome: Outcome, report: Report? = nil, cost: Money? = nil, bearer: Bearer? = nil
    ) {
        self.itemID = itemID
        self.outcome = outcome
        self.report = report
        self.cost = cost
        self.bearer = bearer
    }

    var payload: JSONObject {
        var payload: JSONObject = ["item_id": .id("item", itemID), "outcome": .string(outcome.rawValue)]
        payload["report"] = report?.json
        payload["cost"] = cost?.json
        payload["bearer"] = bearer.map { .string($0.rawValue) }
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        var report: Report?
        if let reader = try payload.nested("report") {
            report = Report(sha256: try reader.string("sha256"), reference: try reader.string("reference"))
        }
        self.init(
            itemID: try payload.id("item_id", prefix: "item"), outcome: try payload.choice("outcome"),
            report: report, cost: try payload.optionalMoney("cost"), bearer: try payload.optionalChoice("bearer"))
    }
}

public struct IntakeCancelled: Equatable, Sendable {
    public var reason: String?

    public init(reason: String? = nil) { self.reason = reason }

    var payload: JSONObject {
        var payload = JSONObject()
        payload["reason"] = reason.map(JSONValue.string)
        return payload
    }
}
