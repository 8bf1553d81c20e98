public import EventSourcing
public import Foundation
public import JSON

/// Between what and what an item's worth lies, and what of that is proposed.
public struct ValuationRange: Equatable, Sendable {
    public var low: Money
    public var proposed: Money
    public var high: Money

    public init(low: Money, proposed: Money, high: Money) {
        self.low = low
        self.proposed = proposed
        self.high = high
    }
}

/// A sale that a valuation rests on.
public struct ValuationComparable: Equatable, Sendable {
    public var listingID: UUID
    /// What it was sold for.
    public var price: Money
    public var soldAt: Timestamp
    /// How much it counts, against the others of the same valuation.
    public var weight: Int64
    /// What was sold; a stored name of `ItemCondition`.
    public var condition: String
    /// What it would have been sold for in the condition of the item; nil where it was in that.
    public var adjusted: Money?

    public init(
        listingID: UUID, price: Money, soldAt: Timestamp, weight: Int64, condition: String, adjusted: Money? = nil
    ) {
        self.listingID = listingID
        self.price = price
        self.soldAt = soldAt
        self.weight = weight
        self.condition = condition
        self.adjusted = adjusted
    }

    var json: JSONValue {
        var object: JSONObject = [
            "listing_id": .id("listing", listingID), "price": price.json, "sold_at": .string(soldAt.rfc3339),
            "weight": .integer(weight), "condition": .string(condition),
        ]
        object["adjusted"] = adjusted?.json
        return .object(object)
    }

    static func list(_ payload: PayloadReader) throws(EventDecodingError) -> [Self] {
        var comparables: [Self] = []
        for element in try payload.elements("comparables") { comparables.append(try Self(element)) }
        return comparables
    }

    private init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            listingID: try payload.id("listing_id", prefix: "listing"), price: try payload.money("price"),
            soldAt: try payload.required("sold_at") { $0.stringValue.flatMap(Timestamp.init(rfc3339:)) },
            weight: try payload.integer("weight"), condition: try payload.string("condition"),
            adjusted: try payload.optionalMoney("adjusted"))
    }
}

/// How sales were looked for, as the item was described then.
public struct ValuationEvidence: Equatable, Sendable {
    public var category: String
    public var brand: String
    public var condition: String
    public var currency: Currency
    /// How long ago a sale may be.
    public var windowDays: Int64
    /// Sales that would do; those that count are the comparables.
    public var found: Int64
    /// How many of them were in the same condition.
    public var sameCondition: Int64

    public init(
        category: String, brand: String, condition: String, currency: Currency, windowDays: Int64, found: Int64,
        sameCondition: Int64
    ) {
        self.category = category
        self.brand = brand
        self.condition = condition
        self.currency = currency
        self.windowDays = windowDays
        self.found = found
        self.sameCondition = sameCondition
    }

    public var json: JSONValue {
        [
            "category": .string(category), "brand": .string(brand), "condition": .string(condition),
            "currency": .string(currency.code), "window_days": .integer(windowDays), "found": .integer(found),
            "same_condition": .integer(sameCondition),
        ]
    }

    init?(_ payload: PayloadReader) throws(EventDecodingError) {
        guard let payload = try payload.nested("evidence") else { return nil }
        self.init(
            category: try payload.string("category"), brand: try payload.string("brand"),
            condition: try payload.string("condition"),
            currency: try payload.required("currency") { $0.stringValue.flatMap(Currency.init(code:)) },
            windowDays: try payload.integer("window_days"), found: try payload.integer("found"),
            sameCondition: try payload.integer("same_condition"))
    }
}
