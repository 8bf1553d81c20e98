public import EventSourcing
public import Foundation
public import JSON

/// What happens to an offer: a price that a buyer names for what is listed, and what comes of it.
public enum OfferEvent: StorableEvent {
    case made(OfferMade)
    case countered(OfferCountered)
    case consignorAsked
    case consignorAnswered(OfferAnswer)
    case accepted(OfferAccepted)
    case declined(OfferDeclined)
    case withdrawn
    case expired
    case holdLapsed
    case superseded(OfferSuperseded)
    case fulfilled(OfferFulfilled)

    public static let category = "offer"

    /// STORED NAMES: only ever add.
    public static let schemas = [
        "OfferMade": 1, "OfferCountered": 1, "OfferConsignorAsked": 1, "OfferConsignorAnswered": 1,
        "OfferAccepted": 1, "OfferDeclined": 1, "OfferWithdrawn": 1, "OfferExpired": 1, "OfferHoldLapsed": 1,
        "OfferSuperseded": 1, "OfferFulfilled": 1,
    ]

    public var type: String {
        switch self {
        case .made: "OfferMade"
        case .countered: "OfferCountered"
        case .consignorAsked: "OfferConsignorAsked"
        case .consignorAnswered: "OfferConsignorAnswered"
        case .accepted: "OfferAccepted"
        case .declined: "OfferDeclined"
        case .withdrawn: "OfferWithdrawn"
        case .expired: "OfferExpired"
        case .holdLapsed: "OfferHoldLapsed"
        case .superseded: "OfferSuperseded"
        case .fulfilled: "OfferFulfilled"
        }
    }

    public var payload: JSONObject {
        switch self {
        case .made(let event): event.payload
        case .countered(let event): event.payload
        case .consignorAnswered(let answer): ["answer": .string(answer.rawValue)]
        case .accepted(let event):
            ["price": event.price.json, "held_until": .string(event.heldUntil.rfc3339)]
        case .declined(let event): event.payload
        case .superseded(let event):
            ["by": .string(event.by.rawValue), "listing_id": .id("listing", event.listingID)]
        case .fulfilled(let event): ["price": event.price.json]
        case .consignorAsked, .withdrawn, .expired, .holdLapsed: [:]
        }
    }

    public init(type: String, current payload: PayloadReader) throws(EventDecodingError) {
        switch type {
        case "OfferMade": self = .made(try OfferMade(payload))
        case "OfferCountered": self = .countered(try OfferCountered(payload))
        case "OfferConsignorAsked": self = .consignorAsked
        case "OfferConsignorAnswered": self = .consignorAnswered(try payload.choice("answer"))
        case "OfferAccepted":
            self = .accepted(
                OfferAccepted(price: try payload.money("price"), heldUntil: try payload.moment("held_until")))
        case "OfferDeclined": self = .declined(try OfferDeclined(payload))
        case "OfferWithdrawn": self = .withdrawn
        case "OfferExpired": self = .expired
        case "OfferHoldLapsed": self = .holdLapsed
        case "OfferSuperseded":
            self = .superseded(
                OfferSuperseded(
                    by: try payload.choice("by"), listingID: try payload.id("listing_id", prefix: "listing")))
        default: self = .fulfilled(OfferFulfilled(price: try payload.money("price")))
        }
    }
}

/// A buyer as a storefront's back end names one: its own user on its own platform. Opaque to us.
public struct OfferBuyer: Hashable, Sendable {
    /// Without a colon.
    public var platform: String
    public var externalID: String

    public init(platform: String, externalID: String) {
        self.platform = platform
        self.externalID = externalID
    }

    /// `shop:42`
    public init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        self.init(platform: String(parts[0]), externalID: String(parts[1]))
    }

    public var text: String { "\(platform):\(externalID)" }

    public var json: JSONValue { ["platform": .string(platform), "external_id": .string(externalID)] }
}

/// Whose a price is. STORED NAMES: only ever add.
public enum OfferParty: String, CaseIterable, Sendable {
    case store, buyer
}

/// What the consignor says. STORED NAMES: only ever add.
public enum OfferAnswer: String, CaseIterable, Sendable {
    case accept, decline
}

public struct OfferMade: Equatable, Sendable {
    public var listingID: UUID
    public var itemID: UUID
    public var price: Money
    public var buyer: OfferBuyer
    /// Which of the buyer's prices on the listing it is, from 1; they are counted for ever.
    public var attempt: Int64
    /// Of the offer, among all that were ever made on the listing, from 1.
    public var number: Int64
    public var expiresAt: Timestamp

    public init(
        listingID: UUID, itemID: UUID, price: Money, buyer: OfferBuyer, attempt: Int64, number: Int64,
        expiresAt: Timestamp
    ) {
        self.listingID = listingID
        self.itemID = itemID
        self.price = price
        self.buyer = buyer
        self.attempt = attempt
        self.number = number
        self.expiresAt = expiresAt
    }

    var payload: JSONObject {
        [
            "listing_id": .id("listing", listingID), "item_id": .id("item", itemID), "price": price.json,
            "buyer": buyer.json, "attempt": .integer(attempt), "number": .integer(number),
            "expires_at": .string(expiresAt.rfc3339),
        ]
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        guard let buyer = try payload.nested("buyer") else { throw payload.missing("buyer") }
        self.init(
            listingID: try payload.id("listing_id", prefix: "listing"),
            itemID: try payload.id("item_id", prefix: "item"), price: try payload.money("price"),
            buyer: OfferBuyer(
                platform: try buyer.string("platform"), externalID: try buyer.string("external_id")),
            attempt: try payload.integer("attempt"), number: try payload.integer("number"),
            expiresAt: try payload.moment("expires_at"))
    }
}

public struct OfferCountered: Equatable, Sendable {
    public var by: OfferParty
    public var price: Money
    public var expiresAt: Timestamp
    /// As `OfferMade.attempt`; only of a buyer's.
    public var attempt: Int64?

    public init(by: OfferParty, price: Money, expiresAt: Timestamp, attempt: Int64? = nil) {
        self.by = by
        self.price = price
        self.expiresAt = expiresAt
        self.attempt = attempt
    }

    var payload: JSONObject {
        var payload: JSONObject = [
            "by": .string(by.rawValue), "price": price.json, "expires_at": .string(expiresAt.rfc3339),
        ]
        payload["attempt"] = attempt.map(JSONValue.integer)
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            by: try payload.choice("by"), price: try payload.money("price"),
            expiresAt: try payload.moment("expires_at"),
            attempt: try payload.optional("attempt", \.integerValue))
    }
}

/// The item is held for the buyer from then on, and until then.
public struct OfferAccepted: Equatable, Sendable {
    public var price: Money
    public var heldUntil: Timestamp

    public init(price: Money, heldUntil: Timestamp) {
        self.price = price
        self.heldUntil = heldUntil
    }
}

public struct OfferDeclined: Equatable, Sendable {
    /// STORED NAMES: only ever add.
    public enum Reason: String, CaseIterable, Sendable {
        /// Never told to the buyer.
        case belowFloor = "below_floor"
        case store, consignor, buyer
    }

    public var reason: Reason
    /// By a rule, and not by somebody.
    public var isAutomatic: Bool

    public init(reason: Reason, isAutomatic: Bool = false) {
        self.reason = reason
        self.isAutomatic = isAutomatic
    }

    var payload: JSONObject {
        var payload: JSONObject = ["reason": .string(reason.rawValue)]
        if isAutomatic { payload["automatic"] = true }
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            reason: try payload.choice("reason"),
            isAutomatic: try payload.optional("automatic", \.boolValue) ?? false)
    }
}

/// What was offered for is not to be had any more.
public struct OfferSuperseded: Equatable, Sendable {
    /// STORED NAMES: only ever add.
    public enum Cause: String, CaseIterable, Sendable {
        /// The item was sold.
        case sale
        /// The listing ended without a sale.
        case end
    }

    public var by: Cause
    /// Which sold the item, or ended.
    public var listingID: UUID

    public init(by cause: Cause, listingID: UUID) {
        by = cause
        self.listingID = listingID
    }
}

/// The item was sold to the buyer.
public struct OfferFulfilled: Equatable, Sendable {
    public var price: Money

    public init(price: Money) { self.price = price }
}

extension PayloadReader {
    fileprivate func moment(_ name: String) throws(EventDecodingError) -> Timestamp {
        try required(name) { $0.stringValue.flatMap(Timestamp.init(rfc3339:)) }
    }
}
