public import EventSourcing
public import Foundation
import JSON

/// An item in the house is at another location.
public struct ItemMoved: Equatable, Sendable {
    public var locationID: UUID
    /// The stock-take that found it there.
    public var stocktakeID: UUID?

    public init(locationID: UUID, stocktakeID: UUID? = nil) {
        self.locationID = locationID
        self.stocktakeID = stocktakeID
    }

    var payload: JSONObject {
        var payload: JSONObject = ["location_id": .id("location", locationID)]
        payload["stocktake_id"] = stocktakeID.map { .id("stocktake", $0) }
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            locationID: try payload.id("location_id", prefix: "location"),
            stocktakeID: try payload.optionalID("stocktake_id", prefix: "stocktake"))
    }
}

/// Somebody else has an item, or nobody.
public struct ItemCustodyChanged: Equatable, Sendable {
    public var custody: ItemCustody
    /// Only with `in_house` and `damaged`, where it is known.
    public var locationID: UUID?
    /// The firm that has it, where a third party does.
    public var custodian: String?
    public var reason: String?
    /// Only with `disposed`.
    public var disposal: ItemDisposal?
    /// The stock-take that found it, or missed it.
    public var stocktakeID: UUID?

    public init(
        custody: ItemCustody, locationID: UUID? = nil, custodian: String? = nil, reason: String? = nil,
        disposal: ItemDisposal? = nil, stocktakeID: UUID? = nil
    ) {
        self.custody = custody
        self.locationID = locationID
        self.custodian = custodian
        self.reason = reason
        self.disposal = disposal
        self.stocktakeID = stocktakeID
    }

    var payload: JSONObject {
        var payload: JSONObject = ["custody": .string(custody.rawValue)]
        payload["location_id"] = locationID.map { .id("location", $0) }
        payload["custodian"] = custodian.map(JSONValue.string)
        payload["reason"] = reason.map(JSONValue.string)
        payload["disposal"] = disposal.map { .string($0.rawValue) }
        payload["stocktake_id"] = stocktakeID.map { .id("stocktake", $0) }
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            custody: try payload.choice("custody"),
            locationID: try payload.optionalID("location_id", prefix: "location"),
            custodian: try payload.optionalString("custodian"), reason: try payload.optionalString("reason"),
            disposal: try payload.optionalChoice("disposal"),
            stocktakeID: try payload.optionalID("stocktake_id", prefix: "stocktake"))
    }
}

/// An item belongs to somebody else.
public struct ItemTitleTransferred: Equatable, Sendable {
    public var title: ItemTitle
    /// What the new owner gave for it.
    public var price: Money?
    /// The listing that sold it; only with `sold`.
    public var listingID: UUID?

    public init(title: ItemTitle, price: Money? = nil, listingID: UUID? = nil) {
        self.title = title
        self.price = price
        self.listingID = listingID
    }

    var payload: JSONObject {
        var payload: JSONObject = ["title": .string(title.rawValue)]
        payload["price"] = price?.json
        payload["listing_id"] = listingID.map { .id("listing", $0) }
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            title: try payload.choice("title"), price: try payload.optionalMoney("price"),
            listingID: try payload.optionalID("listing_id", prefix: "listing"))
    }
}

/// An item is promised, sold, or free again.
public struct ItemAllocationChanged: Equatable, Sendable {
    public var allocation: ItemAllocation
    /// The listing that sold it; only with `sold`.
    public var listingID: UUID?
    /// The offer that it is held for, was held for, or sold to.
    public var offerID: UUID?
    /// Of a hold for an offer.
    public var until: Timestamp?
    public var reason: String?

    public init(
        allocation: ItemAllocation, listingID: UUID? = nil, offerID: UUID? = nil, until: Timestamp? = nil,
        reason: String? = nil
    ) {
        self.allocation = allocation
        self.listingID = listingID
        self.offerID = offerID
        self.until = until
        self.reason = reason
    }

    var payload: JSONObject {
        var payload: JSONObject = ["allocation": .string(allocation.rawValue)]
        payload["listing_id"] = listingID.map { .id("listing", $0) }
        payload["offer_id"] = offerID.map { .id("offer", $0) }
        payload["until"] = until.map { .string($0.rfc3339) }
        payload["reason"] = reason.map(JSONValue.string)
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            allocation: try payload.choice("allocation"),
            listingID: try payload.optionalID("listing_id", prefix: "listing"),
            offerID: try payload.optionalID("offer_id", prefix: "offer"),
            until: try payload.optional("until") { $0.stringValue.flatMap(Timestamp.init(rfc3339:)) },
            reason: try payload.optionalString("reason"))
    }
}

/// An item is no longer to be offered; none of the four facts moves.
public struct ItemWithdrawn: Equatable, Sendable {
    public var reason: String?

    public init(reason: String? = nil) { self.reason = reason }

    var payload: JSONObject {
        var payload = JSONObject()
        payload["reason"] = reason.map(JSONValue.string)
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(reason: try payload.optionalString("reason"))
    }
}

/// An item that was withdrawn may be offered again.
public struct ItemReinstated: Equatable, Sendable {
    public init() {}
}
