import Documents
import Events
import JSON

extension Item.Receive {
    /// From the body of a request.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ItemField.names + Item.Origin.members)
        let values = reader.values(of: ItemField.allCases)
        let suggestions = reader.optional("suggestions", Suggestions.read) ?? [:]
        let origin = Item.Origin(&reader)
        self.init(values: try reader.finish(values), origin: origin, suggestions: suggestions)
    }
}

extension Item.Origin {
    static let members = ["consignor_id", "location_id", "custody", "acquisition", "suggestions"]

    fileprivate init(_ reader: inout FieldReader) {
        consignorID = reader.optional("consignor_id", Field.consignor)
        locationID = reader.optional("location_id", Field.location)
        let custody = reader.optional("custody") { value, pointer throws(InvalidFields) in
            let custody = try Field.choice(ItemCustody.self, value, pointer)
            guard custody == .expected || custody == .inHouse else {
                throw .one(pointer, .invalid, "must be one of expected, in_house")
            }
            return custody
        }
        isExpected = custody == .expected
        acquisition = reader.optional("acquisition", AcquisitionFields.read)
        if isExpected, locationID != nil {
            reader.fail("location_id", .invalid, "must not be there where the item is only expected")
        }
    }
}

extension Item.Update {
    /// From the body of a request; null clears an optional field.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ItemField.names + ["suggestions"])
        let changes = reader.changes(of: ItemField.allCases)
        let suggestions = reader.optional("suggestions", Suggestions.read) ?? [:]
        self.init(changes: try reader.finish(changes), suggestions: suggestions)
    }
}

extension Item.Delete {
    init(fields body: JSONObject) throws(InvalidFields) {
        self.init(reason: try Field.requiredReason(fields: body))
    }
}

extension ItemField: DescribedField {
    var cleared: JSONValue {
        switch self {
        case .photos: []
        case .attributes: [:]
        default: .null
        }
    }

    func read(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> JSONValue {
        switch self {
        case .title: .string(try Field.text(limit: 200, value, pointer))
        case .condition: .string(try Field.choice(ItemCondition.self, value, pointer).rawValue)
        case .description: .string(try Field.text(limit: 20_000, value, pointer))
        case .brand, .category, .size, .color, .material: .string(try Field.text(limit: 200, value, pointer))
        case .sku: .string(try Field.text(limit: 100, value, pointer))
        case .photos: .array(try ItemPhotos.read(value, pointer))
        case .attributes: .object(try ItemAttributes.read(value, pointer))
        }
    }
}

enum ItemPhotos {
    static let limit = 50

    static func read(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> [JSONValue] {
        try Field.list(limit: limit, value, pointer) { photo, pointer throws(InvalidFields) in
            .string(try Field.photo(photo, pointer))
        }
    }
}

/// Free attributes: any JSON object within bounds, in the canonical form in which events and records agree.
enum ItemAttributes {
    static let members = 100
    static let depth = 5
    static let bytes = 32 << 10
    static let digits = 60

    static func read(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> JSONObject {
        guard let object = value.objectValue else { throw .wrongType(pointer, "an object", value) }
        guard object.count <= members else {
            throw .one(pointer, .tooMany, "must not have more than \(members) members")
        }
        try check(value, pointer, depth: 1)
        let canonical = object.canonical
        guard JSONValue.object(canonical).bytes.count <= bytes else {
            throw .one(pointer, .tooLarge, "must not be larger than \(bytes / 1024) KiB of JSON")
        }
        return canonical
    }

    private static func check(_ value: JSONValue, _ pointer: String, depth level: Int) throws(InvalidFields) {
        switch value {
        case .null, .bool, .integer:
            break
        case .number(let text):
            // The database keeps numbers written out: 1e100000 would be 100,000 digits.
            guard text.utf8.count <= digits, case let plain = value.canonical.text, plain.utf8.count <= digits,
                !plain.contains(where: { $0 == "e" || $0 == "E" })
            else { throw .one(pointer, .outOfRange, "must be a number of at most \(digits) digits") }
        case .string(let text):
            try Field.check(text, limit: bytes, pointer)
        case .array(let elements):
            guard level <= depth else { throw .one(pointer, .tooDeep, "must not be nested deeper than \(depth)") }
            for (index, element) in elements.enumerated() {
                try check(element, "\(pointer)/\(index)", depth: level + 1)
            }
        case .object(let object):
            guard level <= depth else { throw .one(pointer, .tooDeep, "must not be nested deeper than \(depth)") }
            for (key, member) in object {
                try Field.check(key, limit: bytes, pointer)
                try check(member, pointer + .pointer(to: key), depth: level + 1)
            }
        }
    }
}
