import EventSourcing
import Events
import Foundation
public import JSON

extension IntakeRecord {
    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.uuid("id", id)
        writer.member("version", version)
        writer.member("status", status)
        writer.uuid("location_id", locationID)
        if let consignorID { writer.uuid("consignor_id", consignorID) }
        if let note { writer.member("note", note) }
        writer.key("items")
        writer.array { for line in lines { line.write(to: &$0) } }
        writer.time("created_at", createdAt)
        writer.time("updated_at", updatedAt)
        writer.endObject()
    }

    /// Unknown members are ignored.
    public init(json: JSONValue) throws(RecordDecodingError) {
        let reader = try RecordReader("intake", json)
        id = try reader.uuid("id")
        version = try reader.required("version", \.integerValue)
        stage = try reader.required("status") { $0.stringValue.flatMap(IntakeStatus.init(rawValue:)) }
        locationID = try reader.uuid("location_id")
        consignorID = try reader.optional("consignor_id", \.uuid)
        note = try reader.string("note")
        for element in try reader.required("items", \.arrayValue) { lines.append(try Line(json: element)) }
        createdAt = try reader.required("created_at", \.timestamp)
        updatedAt = try reader.required("updated_at", \.timestamp)
    }

    public var document: [UInt8] {
        var writer = JSONWriter(reservingCapacity: 4096)
        writer.beginObject()
        writer.typeID("id", Self.category, id)
        writer.member("version", version)
        writer.member("status", status)
        writer.typeID("location_id", "location", locationID)
        writer.typeID("consignor_id", "consignor", consignorID)
        writer.member("note", note)
        writer.key("items")
        writer.array { for line in lines { line.writeDocument(to: &$0) } }
        writer.time("created_at", createdAt)
        writer.time("updated_at", updatedAt)
        writer.endObject()
        return writer.bytes
    }
}

extension IntakeRecord.Line {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.uuid("item_id", itemID)
        writer.member("status", status.rawValue)
        writer.member("values", value: .object(values))
        if let acquisition { writer.member("acquisition", value: acquisition.json) }
        if !suggestions.isEmpty { writer.member("suggestions", value: .object(suggestions)) }
        if let locationID { writer.uuid("location_id", locationID) }
        if let reason { writer.member("reason", reason) }
        if let fate { writer.member("fate", fate.rawValue) }
        if let authenticator { writer.member("authenticator", authenticator) }
        if let authentication { writer.member("authentication", value: authentication.found) }
        writer.endObject()
    }

    fileprivate init(json: JSONValue) throws(RecordDecodingError) {
        let reader = try RecordReader("intake item", json)
        itemID = try reader.uuid("item_id")
        status = try reader.required("status") { $0.stringValue.flatMap(IntakeItemStatus.init(rawValue:)) }
        values = try reader.required("values", \.objectValue).canonical
        acquisition = try reader.optional("acquisition", ItemAcquisition.init(stored:))
        suggestions = try reader.optional("suggestions", \.objectValue)?.canonical ?? [:]
        locationID = try reader.optional("location_id", \.uuid)
        reason = try reader.string("reason")
        fate = try reader.choice("fate")
        authenticator = try reader.string("authenticator")
        let itemID = itemID
        authentication = try reader.optional("authentication") { IntakeItemAuthenticated(of: itemID, found: $0) }
    }

    fileprivate func writeDocument(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.typeID("item_id", "item", itemID)
        writer.member("status", status.rawValue)
        for field in ItemField.allCases { writer.member(field.rawValue, value: values[field.rawValue] ?? field.absent) }
        writer.member("acquisition", value: acquisition?.json ?? .null)
        writer.member("suggestions", value: .object(suggestions))
        writer.typeID("location_id", "location", locationID)
        writer.member("reason", reason)
        writer.member("fate", fate?.rawValue)
        writer.member("authenticator", authenticator)
        writer.member("authentication", value: authentication?.found ?? .null)
        writer.endObject()
    }
}

extension ItemField {
    /// How documents show a field without a value.
    fileprivate var absent: JSONValue {
        switch self {
        case .photos: []
        case .attributes: [:]
        default: .null
        }
    }
}

extension ItemAcquisition {
    /// From its stored form.
    init?(stored json: JSONValue) {
        guard let object = json.objectValue else { return nil }
        func text(_ name: String) -> String? { object[name]?.stringValue }
        self.init(
            legalBasis: text("legal_basis").flatMap(LegalBasis.init(rawValue:)),
            price: object["price"].flatMap(Money.init(json:)), date: text("date"), document: text("document"),
            originCountry: text("origin_country"), scheme: text("scheme").flatMap(TaxScheme.init(rawValue:)))
    }
}

extension IntakeItemAuthenticated {
    /// What was found, without the item it is about.
    fileprivate var found: JSONValue {
        var object: JSONObject = ["outcome": .string(outcome.rawValue)]
        object["report"] = report?.json
        object["cost"] = cost?.json
        object["bearer"] = bearer.map { .string($0.rawValue) }
        return .object(object)
    }

    fileprivate init?(of item: UUID, found json: JSONValue) {
        guard let outcome = json["outcome"]?.stringValue.flatMap(Outcome.init(rawValue:)) else { return nil }
        var report: Report?
        if let sha256 = json["report"]?["sha256"]?.stringValue,
            let reference = json["report"]?["reference"]?.stringValue
        {
            report = Report(sha256: sha256, reference: reference)
        }
        self.init(
            itemID: item, outcome: outcome, report: report, cost: json["cost"].flatMap(Money.init(json:)),
            bearer: json["bearer"]?.stringValue.flatMap(Bearer.init(rawValue:)))
    }
}
