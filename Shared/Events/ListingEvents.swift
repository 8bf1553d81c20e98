public import EventSourcing
public import Foundation
public import JSON

/// What happens to a listing: an item offered at a price on a channel. Every one of them names the item, so that what
/// is keyed by item need not look it up.
public enum ListingEvent: StorableEvent {
    case created(ListingCreated)
    case published(ProductPublished)
    case priceChanged(ListingPriceChanged)
    case paused(ListingPaused)
    case resumed(ListingResumed)
    case ended(ListingEnded)

    public static let category = "listing"

    /// STORED NAMES: only ever add.
    public static let schemas = [
        "ListingCreated": 1, "ProductPublished": 1, "ListingPriceChanged": 1, "ListingPaused": 1, "ListingResumed": 1,
        "ListingEnded": 1,
    ]

    public var type: String {
        switch self {
        case .created: "ListingCreated"
        case .published: "ProductPublished"
        case .priceChanged: "ListingPriceChanged"
        case .paused: "ListingPaused"
        case .resumed: "ListingResumed"
        case .ended: "ListingEnded"
        }
    }

    public var itemID: UUID {
        switch self {
        case .created(let event): event.itemID
        case .published(let event): event.itemID
        case .priceChanged(let event): event.itemID
        case .paused(let event): event.itemID
        case .resumed(let event): event.itemID
        case .ended(let event): event.itemID
        }
    }

    public var payload: JSONObject {
        var payload: JSONObject = ["item_id": .id("item", itemID)]
        switch self {
        case .created(let event):
            payload["price"] = event.price.json
            payload["channel"] = .string(event.channel)
            payload["imported"] = event.imported?.json
        case .published(let event):
            payload["price"] = event.price.json
            payload["imported"] = event.imported?.json
        case .priceChanged(let event):
            payload["price"] = event.price.json
            payload["previous"] = event.previous.json
            payload["lowest_price_30d"] = event.lowestPrice30d?.json
            payload["imported"] = event.imported?.json
        case .paused(let event):
            payload["imported"] = event.imported?.json
        case .resumed(let event):
            payload["imported"] = event.imported?.json
        case .ended(let event):
            payload["reason"] = .string(event.reason.rawValue)
            payload["price"] = event.price?.json
        }
        return payload
    }

    public init(type: String, current payload: PayloadReader) throws(EventDecodingError) {
        let itemID = try payload.id("item_id", prefix: "item")
        switch type {
        case "ListingCreated":
            self = .created(
                ListingCreated(
                    itemID: itemID, price: try payload.money("price"), channel: try payload.string("channel"),
                    imported: try ImportedListing(payload)))
        case "ProductPublished":
            self = .published(
                ProductPublished(
                    itemID: itemID, price: try payload.money("price"), imported: try ImportedListing(payload)))
        case "ListingPriceChanged":
            self = .priceChanged(
                ListingPriceChanged(
                    itemID: itemID, price: try payload.money("price"), previous: try payload.money("previous"),
                    lowestPrice30d: try payload.optionalMoney("lowest_price_30d"),
                    imported: try ImportedListing(payload)))
        case "ListingPaused":
            self = .paused(ListingPaused(itemID: itemID, imported: try ImportedListing(payload)))
        case "ListingResumed":
            self = .resumed(ListingResumed(itemID: itemID, imported: try ImportedListing(payload)))
        default:
            let reason = try payload.required("reason") { $0.stringValue.flatMap(ListingEnded.Reason.init(rawValue:)) }
            self = .ended(ListingEnded(itemID: itemID, reason: reason, price: try payload.optionalMoney("price")))
        }
    }
}

/// What an import's file said of a listing: the base of the three-way merge when the file comes again, changed.
public struct ImportedListing: Equatable, Sendable {
    /// Names the row for ever, as the item's does.
    public var key: String?
    public var price: Money?
    public var published: Bool

    public init(key: String? = nil, price: Money?, published: Bool) {
        self.key = key
        self.price = price
        self.published = published
    }

    /// The stored form, in events and in the listing's state.
    public var json: JSONValue {
        var object = JSONObject()
        object["key"] = key.map(JSONValue.string)
        object["price"] = price?.json
        object["published"] = .bool(published)
        return .object(object)
    }

    init?(_ payload: PayloadReader) throws(EventDecodingError) {
        guard let payload = try payload.nested("imported") else { return nil }
        self.init(
            key: try payload.optionalString("key"), price: try payload.optionalMoney("price"),
            published: try payload.bool("published"))
    }
}

public struct ListingCreated: Equatable, Sendable {
    public var itemID: UUID
    public var price: Money
    public var channel: String
    public var imported: ImportedListing?

    public init(itemID: UUID, price: Money, channel: String, imported: ImportedListing? = nil) {
        self.itemID = itemID
        self.price = price
        self.channel = channel
        self.imported = imported
    }
}

public struct ProductPublished: Equatable, Sendable {
    public var itemID: UUID
    /// The price in force at publication.
    public var price: Money
    public var imported: ImportedListing?

    public init(itemID: UUID, price: Money, imported: ImportedListing? = nil) {
        self.itemID = itemID
        self.price = price
        self.imported = imported
    }
}

public struct ListingPriceChanged: Equatable, Sendable {
    public var itemID: UUID
    public var price: Money
    public var previous: Money
    /// Only with a reduction after first publication: the lowest price in force in the 30 calendar days before it
    /// (Directive 98/6/EC, article 6a), in the tenant's time zone. Decided by the command, never recomputed.
    public var lowestPrice30d: Money?
    public var imported: ImportedListing?

    public init(
        itemID: UUID, price: Money, previous: Money, lowestPrice30d: Money? = nil, imported: ImportedListing? = nil
    ) {
        self.itemID = itemID
        self.price = price
        self.previous = previous
        self.lowestPrice30d = lowestPrice30d
        self.imported = imported
    }
}

public struct ListingPaused: Equatable, Sendable {
    public var itemID: UUID
    public var imported: ImportedListing?

    public init(itemID: UUID, imported: ImportedListing? = nil) {
        self.itemID = itemID
        self.imported = imported
    }
}

public struct ListingResumed: Equatable, Sendable {
    public var itemID: UUID
    public var imported: ImportedListing?

    public init(itemID: UUID, imported: ImportedListing? = nil) {
        self.itemID = itemID
        self.imported = imported
    }
}

public struct ListingEnded: Equatable, Sendable {
    /// STORED NAMES: only ever add.
    public enum Reason: String, CaseIterable, Sendable {
        case withdrawn, sold, expired, error
    }

    public var itemID: UUID
    public var reason: Reason
    /// What it was sold for; only with `sold`.
    public var price: Money?

    public init(itemID: UUID, reason: Reason, price: Money? = nil) {
        self.itemID = itemID
        self.reason = reason
        self.price = price
    }
}
