public import Foundation
public import JSON

/// What happens to an item: something of which there is exactly one.
public enum ItemEvent: StorableEvent {
    case received(ItemReceived)
    case updated(ProductUpdated)
    case deleted(ProductDeleted)
    case moved(ItemMoved)
    case custodyChanged(ItemCustodyChanged)
    case titleTransferred(ItemTitleTransferred)
    case allocationChanged(ItemAllocationChanged)
    case withdrawn(ItemWithdrawn)
    case reinstated(ItemReinstated)

    public static let category = "item"

    /// STORED NAMES: only ever add.
    public static let schemas = [
        "ItemReceived": 1, "ProductUpdated": 1, "ProductDeleted": 1, "ItemMoved": 1, "ItemCustodyChanged": 1,
        "ItemTitleTransferred": 1, "ItemAllocationChanged": 1, "ItemWithdrawn": 1, "ItemReinstated": 1,
    ]

    public var type: String {
        switch self {
        case .received: "ItemReceived"
        case .updated: "ProductUpdated"
        case .deleted: "ProductDeleted"
        case .moved: "ItemMoved"
        case .custodyChanged: "ItemCustodyChanged"
        case .titleTransferred: "ItemTitleTransferred"
        case .allocationChanged: "ItemAllocationChanged"
        case .withdrawn: "ItemWithdrawn"
        case .reinstated: "ItemReinstated"
        }
    }

    public var payload: JSONObject {
        switch self {
        case .received(let event): event.payload
        case .updated(let event): event.payload
        case .deleted(let event): event.payload
        case .moved(let event): event.payload
        case .custodyChanged(let event): event.payload
        case .titleTransferred(let event): event.payload
        case .allocationChanged(let event): event.payload
        case .withdrawn(let event): event.payload
        case .reinstated: [:]
        }
    }

    public init(type: String, current payload: PayloadReader) throws(EventDecodingError) {
        switch type {
        case "ItemReceived": self = .received(try ItemReceived(payload))
        case "ProductUpdated": self = .updated(try ProductUpdated(payload))
        case "ProductDeleted": self = .deleted(try ProductDeleted(payload))
        case "ItemMoved": self = .moved(try ItemMoved(payload))
        case "ItemCustodyChanged": self = .custodyChanged(try ItemCustodyChanged(payload))
        case "ItemTitleTransferred": self = .titleTransferred(try ItemTitleTransferred(payload))
        case "ItemAllocationChanged": self = .allocationChanged(try ItemAllocationChanged(payload))
        case "ItemWithdrawn": self = .withdrawn(try ItemWithdrawn(payload))
        default: self = .reinstated(ItemReinstated())
        }
    }
}

/// The fields of an item, by their stored names (which are the API's too): only ever add.
public enum ItemField: String, CaseIterable, Sendable {
    case title, condition, description, brand, category, size, color, material, sku, photos, attributes

    /// Never null.
    public var isRequired: Bool { self == .title || self == .condition }
}

/// What an import's file said of an item: the base of the three-way merge when the file comes again, changed.
public struct ImportedItem: Equatable, Sendable {
    /// Names the row for ever: handle and option values.
    public var key: String
    /// The file's values of the item's fields, at that import; null where the file had none.
    public var values: JSONObject

    public init(key: String, values: JSONObject) {
        self.key = key
        self.values = values
    }

    /// The stored form, in events and in the item's state.
    public var json: JSONValue { ["key": .string(key), "values": .object(values)] }

    init?(_ payload: PayloadReader) throws(EventDecodingError) {
        guard let payload = try payload.nested("imported") else { return nil }
        self.init(key: try payload.string("key"), values: try payload.members("values"))
    }
}

extension PayloadReader {
    /// Values of `ItemField`s that are there are of the fields' types.
    func checkFields() throws(EventDecodingError) {
        for field in ItemField.allCases {
            switch field {
            case .title, .condition: if object[field.rawValue] != nil { _ = try string(field.rawValue) }
            case .photos: _ = try strings(field.rawValue)
            case .attributes: _ = try members(field.rawValue)
            default: _ = try optionalString(field.rawValue)
            }
        }
    }
}

public struct ItemReceived: Equatable, Sendable {
    public var title: String
    public var condition: String
    public var description: String?
    public var brand: String?
    public var category: String?
    public var size: String?
    public var color: String?
    public var material: String?
    public var sku: String?
    public var photos: [String]
    public var attributes: JSONObject
    public var imported: ImportedItem?
    /// Whose it was; nil: the store's own, by import or from before there were consignors.
    public var consignorID: UUID?
    /// Only with `in_house`: where it was put.
    public var locationID: UUID?
    /// The intake that accepted it.
    public var intakeID: UUID?
    /// `in_house`, or `expected`.
    public var custody: ItemCustody
    public var acquisition: ItemAcquisition?
    /// Evidence of machine help, by `ItemField` name: source, model, confidence, decision, by.
    public var suggestions: JSONObject

    public init(
        title: String, condition: String, description: String? = nil, brand: String? = nil, category: String? = nil,
        size: String? = nil, color: String? = nil, material: String? = nil, sku: String? = nil, photos: [String] = [],
        attributes: JSONObject = [:], imported: ImportedItem? = nil, consignorID: UUID? = nil, locationID: UUID? = nil,
        intakeID: UUID? = nil, custody: ItemCustody = .inHouse, acquisition: ItemAcquisition? = nil,
        suggestions: JSONObject = [:]
    ) {
        self.title = title
        self.condition = condition
        self.description = description
        self.brand = brand
        self.category = category
        self.size = size
        self.color = color
        self.material = material
        self.sku = sku
        self.photos = photos
        self.attributes = attributes
        self.imported = imported
        self.consignorID = consignorID
        self.locationID = locationID
        self.intakeID = intakeID
        self.custody = custody
        self.acquisition = acquisition
        self.suggestions = suggestions
    }

    /// Who has the title from then on: what was bought is the store's at once, what is left to be sold the consignor's.
    public var titleHolder: ItemTitle {
        consignorID == nil || acquisition?.legalBasis == .purchase ? .store : .consignor
    }

    /// The fields that are there, by `ItemField` name: the same shape as `ProductUpdated.changes`.
    public var values: JSONObject {
        var values: JSONObject = ["title": .string(title), "condition": .string(condition)]
        values["description"] = description.map(JSONValue.string)
        values["brand"] = brand.map(JSONValue.string)
        values["category"] = category.map(JSONValue.string)
        values["size"] = size.map(JSONValue.string)
        values["color"] = color.map(JSONValue.string)
        values["material"] = material.map(JSONValue.string)
        values["sku"] = sku.map(JSONValue.string)
        values["photos"] = .strings(photos)
        values["attributes"] = .object(attributes)
        return values
    }

    var payload: JSONObject {
        var payload = values
        payload["imported"] = imported?.json
        payload["consignor_id"] = consignorID.map { .id("consignor", $0) }
        payload["location_id"] = locationID.map { .id("location", $0) }
        payload["intake_id"] = intakeID.map { .id("intake", $0) }
        if custody != .inHouse { payload["custody"] = .string(custody.rawValue) }
        payload["acquisition"] = acquisition?.json
        if !suggestions.isEmpty { payload["suggestions"] = .object(suggestions) }
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            title: try payload.string("title"), condition: try payload.string("condition"),
            description: try payload.optionalString("description"), brand: try payload.optionalString("brand"),
            category: try payload.optionalString("category"), size: try payload.optionalString("size"),
            color: try payload.optionalString("color"), material: try payload.optionalString("material"),
            sku: try payload.optionalString("sku"), photos: try payload.strings("photos"),
            attributes: try payload.members("attributes"), imported: try ImportedItem(payload),
            consignorID: try payload.optionalID("consignor_id", prefix: "consignor"),
            locationID: try payload.optionalID("location_id", prefix: "location"),
            intakeID: try payload.optionalID("intake_id", prefix: "intake"),
            custody: try payload.optionalChoice("custody") ?? .inHouse, acquisition: try ItemAcquisition(payload),
            suggestions: try payload.members("suggestions"))
    }
}

public struct ProductUpdated: Equatable, Sendable {
    /// The new value of each changed field, by `ItemField` name; null clears it. Empty where an import only moves its
    /// base.
    public var changes: JSONObject
    public var imported: ImportedItem?
    /// Evidence of machine help, by `ItemField` name.
    public var suggestions: JSONObject

    public init(changes: JSONObject, imported: ImportedItem? = nil, suggestions: JSONObject = [:]) {
        self.changes = changes
        self.imported = imported
        self.suggestions = suggestions
    }

    var payload: JSONObject {
        var payload: JSONObject = ["changes": .object(changes)]
        payload["imported"] = imported?.json
        if !suggestions.isEmpty { payload["suggestions"] = .object(suggestions) }
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        guard let changes = try payload.nested("changes") else { throw payload.missing("changes") }
        try changes.checkFields()
        self.init(
            changes: changes.object, imported: try ImportedItem(payload),
            suggestions: try payload.members("suggestions"))
    }
}

public struct ProductDeleted: Equatable, Sendable {
    public var reason: String

    public init(reason: String) { self.reason = reason }

    var payload: JSONObject { ["reason": .string(reason)] }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(reason: try payload.string("reason"))
    }
}
