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
    case markdownPlanned(ListingMarkdownPlanned)

    public static let category = "listing"

    /// STORED NAMES: only ever add.
    public static let schemas = [
        "ListingCreated": 1, "ProductPublished": 1, "ListingPriceChanged": 1, "ListingPaused": 1, "ListingResumed": 1,
        "ListingEnded": 1, "ListingMarkdownPlanned": 1,
    ]

    public var type: String {
        switch self {
        case .created: "ListingCreated"
        case .published: "ProductPublished"
        case .priceChanged: "ListingPriceChanged"
        case .paused: "ListingPaused"
        case .resumed: "ListingResumed"
        case .ended: "ListingEnded"
        case .markdownPlanned: "ListingMarkdownPlanned"
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
        case .markdownPlanned(let event): event.itemID
        }
    }

    public var payload: JSONObject {
        var payload: JSONObject = ["item_id": .id("item", itemID)]
        switch self {
        case .created(let event):
            payload["price"] = event.price.json
            payload["channel"] = .string(event.channel)
            payload["imported"] = event.imported?.json
            payload["contract_id"] = event.contractID.map { .id("contract", $0) }
            payload["floor"] = event.floor?.json
        case .published(let event):
            payload["price"] = event.price.json
            payload["imported"] = event.imported?.json
        case .priceChanged(let event):
            payload["price"] = event.price.json
            payload["previous"] = event.previous.json
            payload["lowest_price_30d"] = event.lowestPrice30d?.json
            payload["imported"] = event.imported?.json
            payload["markdown"] = event.markdown?.json
        case .paused(let event):
            payload["imported"] = event.imported?.json
        case .resumed(let event):
            payload["imported"] = event.imported?.json
        case .ended(let event):
            payload["reason"] = .string(event.reason.rawValue)
            payload["price"] = event.price?.json
        case .markdownPlanned(let event):
            payload["contract_id"] = .id("contract", event.contractID)
            payload["floor"] = event.floor?.json
            payload["steps"] = .array(event.steps.map(\.json))
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
                    imported: try ImportedListing(payload),
                    contractID: try payload.optionalID("contract_id", prefix: "contract"),
                    floor: try payload.optionalMoney("floor")))
        case "ProductPublished":
            self = .published(
                ProductPublished(
                    itemID: itemID, price: try payload.money("price"), imported: try ImportedListing(payload)))
        case "ListingPriceChanged":
            self = .priceChanged(
                ListingPriceChanged(
                    itemID: itemID, price: try payload.money("price"), previous: try payload.money("previous"),
                    lowestPrice30d: try payload.optionalMoney("lowest_price_30d"),
                    imported: try ImportedListing(payload), markdown: try ListingMarkdown(payload)))
        case "ListingPaused":
            self = .paused(ListingPaused(itemID: itemID, imported: try ImportedListing(payload)))
        case "ListingResumed":
            self = .resumed(ListingResumed(itemID: itemID, imported: try ImportedListing(payload)))
        case "ListingMarkdownPlanned":
            self = .markdownPlanned(
                ListingMarkdownPlanned(
                    itemID: itemID, contractID: try payload.id("contract_id", prefix: "contract"),
                    floor: try payload.optionalMoney("floor"),
                    steps: try payload.list("steps", PlannedMarkdown.init(_:))))
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
    /// What a consignor's item is listed under, and the price below which it is not.
    public var contractID: UUID?
    public var floor: Money?

    public init(
        itemID: UUID, price: Money, channel: String, imported: ImportedListing? = nil, contractID: UUID? = nil,
        floor: Money? = nil
    ) {
        self.itemID = itemID
        self.price = price
        self.channel = channel
        self.imported = imported
        self.contractID = contractID
        self.floor = floor
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
    /// The step of a plan that did it; nil: somebody did.
    public var markdown: ListingMarkdown?

    public init(
        itemID: UUID, price: Money, previous: Money, lowestPrice30d: Money? = nil, imported: ImportedListing? = nil,
        markdown: ListingMarkdown? = nil
    ) {
        self.itemID = itemID
        self.price = price
        self.previous = previous
        self.lowestPrice30d = lowestPrice30d
        self.imported = imported
        self.markdown = markdown
    }
}

/// Off a price by a plan.
public struct ListingMarkdown: Equatable, Sendable {
    /// Off the price that nobody has marked down.
    public var percent: Int64
    public var bearer: DiscountBearer

    public init(percent: Int64, bearer: DiscountBearer) {
        self.percent = percent
        self.bearer = bearer
    }

    var json: JSONValue { ["percent": .integer(percent), "bearer": .string(bearer.rawValue)] }

    init?(_ payload: PayloadReader) throws(EventDecodingError) {
        guard let payload = try payload.nested("markdown") else { return nil }
        self.init(percent: try payload.integer("percent"), bearer: try payload.choice("bearer"))
    }
}

/// A step of a plan, and when its time comes.
public struct PlannedMarkdown: Equatable, Sendable {
    public var dueAt: Timestamp
    public var percent: Int64
    public var bearer: DiscountBearer

    public init(dueAt: Timestamp, percent: Int64, bearer: DiscountBearer) {
        self.dueAt = dueAt
        self.percent = percent
        self.bearer = bearer
    }

    public var json: JSONValue {
        ["due_at": .time(dueAt), "percent": .integer(percent), "bearer": .string(bearer.rawValue)]
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            dueAt: try payload.time("due_at"), percent: try payload.integer("percent"),
            bearer: try payload.choice("bearer"))
    }
}

/// By what its contract says, with the first publication, and when that is amended; in place of the plan before.
public struct ListingMarkdownPlanned: Equatable, Sendable {
    public var itemID: UUID
    public var contractID: UUID
    /// No step goes below it.
    public var floor: Money?
    /// In the order of their times; none: nothing is marked down any more.
    public var steps: [PlannedMarkdown]

    public init(itemID: UUID, contractID: UUID, floor: Money?, steps: [PlannedMarkdown]) {
        self.itemID = itemID
        self.contractID = contractID
        self.floor = floor
        self.steps = steps
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
