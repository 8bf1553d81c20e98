public import EventSourcing
public import Events
public import Foundation
public import JSON

/// What is known of an item: the operational state and the projections' memory, from which its documents are made.
///
/// The stored JSON is flat, names its members as the document does, and is read by SQL too (`state ->> 'brand'`).
public struct ItemRecord: StoredRecord, Equatable {
    public var id: UUID
    /// Of the item's stream.
    public var version: Int64
    public var isDeleted = false
    public var title: String
    public var condition: String
    public var description: String?
    public var brand: String?
    public var category: String?
    public var size: String?
    public var color: String?
    public var material: String?
    public var sku: String?
    public var photos: [String] = []
    /// Canonical: see `JSONValue.canonical`.
    public private(set) var attributes: JSONObject = [:]
    /// What an import's file last said, as the events store it; documents never show it.
    public private(set) var imported: JSONValue?
    public var custody = ItemCustody.inHouse
    /// Where in the house; nil where no location is named, or it is not in the house.
    public var locationID: UUID?
    /// The firm that has it, where a third party does.
    public var custodian: String?
    public var titleHolder = ItemTitle.store
    /// Who had the title before it was sold; nil until then.
    public var seller: ItemTitle?
    public var allocation = ItemAllocation.free
    /// The offer that it is held for; nil where it is held for no offer, or not at all.
    public var heldFor: UUID?
    public var heldUntil: Timestamp?
    /// Who brought it, whoever has the title now.
    public var consignorID: UUID?
    /// Not to be offered until it is reinstated.
    public var isWithdrawn = false
    public var createdAt: Timestamp
    public var updatedAt: Timestamp

    /// A new item at version 1, with the fields of `values` (as `apply` takes them) and its times at `time`.
    public init(id: UUID, values: JSONObject, at time: Timestamp) {
        self.id = id
        version = 1
        title = ""
        condition = ItemCondition.ungraded.rawValue
        createdAt = time
        updatedAt = time
        apply(values)
    }

    /// Sets the fields that are named; null clears one. What is no field, or no value for one, is ignored: this
    /// applies what has been decided.
    public mutating func apply(_ values: JSONObject) {
        for (name, value) in values {
            switch name {
            case "title": title = value.stringValue ?? title
            case "condition": condition = value.stringValue ?? condition
            case "description": description = value.stringValue
            case "brand": brand = value.stringValue
            case "category": category = value.stringValue
            case "size": size = value.stringValue
            case "color": color = value.stringValue
            case "material": material = value.stringValue
            case "sku": sku = value.stringValue
            case "photos": photos = value.strings ?? []
            case "attributes": attributes = value.objectValue?.canonical ?? [:]
            default: break
            }
        }
    }

    public mutating func setAttributes(_ attributes: JSONObject) { self.attributes = attributes.canonical }

    public mutating func setImported(_ imported: JSONValue?) { self.imported = imported?.canonical }

    /// The record has seen another event of its stream. Times never run backwards, whichever clock an event's came from.
    public mutating func advance(to version: Int64, at time: Timestamp) {
        self.version = version
        updatedAt = max(updatedAt, time)
    }

    /// The value of a field by its API name, null where it has none; nil for what is no field.
    public func value(of field: String) -> JSONValue? {
        switch field {
        case "title": .string(title)
        case "condition": .string(condition)
        case "description": JSONValue(description)
        case "brand": JSONValue(brand)
        case "category": JSONValue(category)
        case "size": JSONValue(size)
        case "color": JSONValue(color)
        case "material": JSONValue(material)
        case "sku": JSONValue(sku)
        case "photos": .array(photos.map(JSONValue.string))
        case "attributes": .object(attributes)
        default: nil
        }
    }

    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.uuid("id", id)
        writer.member("version", version)
        if isDeleted { writer.flag("deleted", true) }
        writer.member("title", title)
        writer.member("condition", condition)
        if let description { writer.member("description", description) }
        if let brand { writer.member("brand", brand) }
        if let category { writer.member("category", category) }
        if let size { writer.member("size", size) }
        if let color { writer.member("color", color) }
        if let material { writer.member("material", material) }
        if let sku { writer.member("sku", sku) }
        writer.strings("photos", photos)
        writer.member("attributes", value: .object(attributes))
        if let imported { writer.member("imported", value: imported) }
        writeFacts(to: &writer)
        writer.time("created_at", createdAt)
        writer.time("updated_at", updatedAt)
        writer.endObject()
    }

    /// Unknown members are ignored.
    public init(json: JSONValue) throws(RecordDecodingError) {
        let reader = try RecordReader("item", json)
        id = try reader.uuid("id")
        version = try reader.required("version", \.integerValue)
        isDeleted = try reader.optional("deleted", \.boolValue) ?? false
        title = try reader.required("title", \.stringValue)
        condition = try reader.required("condition", \.stringValue)
        description = try reader.string("description")
        brand = try reader.string("brand")
        category = try reader.string("category")
        size = try reader.string("size")
        color = try reader.string("color")
        material = try reader.string("material")
        sku = try reader.string("sku")
        photos = try reader.optional("photos", \.strings) ?? []
        attributes = try reader.optional("attributes", \.objectValue)?.canonical ?? [:]
        imported = try reader.optional("imported") { $0.canonical }
        createdAt = try reader.required("created_at", \.timestamp)
        updatedAt = try reader.required("updated_at", \.timestamp)
        try readFacts(reader)
    }
}
