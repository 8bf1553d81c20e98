import EventSourcing
import Events
import JSON

extension TenantAccount.ChangeSettings {
    /// From the body of a request; null brings a default back.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: TenantField.names)
        let changes = reader.changes(of: TenantField.allCases)
        self.init(changes: try reader.finish(changes))
    }
}

extension TenantField: DescribedField {
    static let returnDays = Int64(0)...365
    static let holdHours = Int64(1)...720
    static let offerHours = Int64(1)...720
    static let addressLimit = 20
    static let languageLimit = 20
    static let featureLimit = 100

    func read(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> JSONValue {
        switch self {
        case .name: .string(try Field.text(limit: 200, value, pointer))
        case .timeZone: .string(try Field.timeZone(value, pointer))
        case .returnDays: .integer(try Field.integer(in: Self.returnDays, value, pointer))
        case .holdHours: .integer(try Field.integer(in: Self.holdHours, value, pointer))
        case .offerHours: .integer(try Field.integer(in: Self.offerHours, value, pointer))
        case .skuPattern: .string(try SKUPattern.read(value, pointer).text)
        case .addresses: .array(try Field.list(limit: Self.addressLimit, value, pointer, Self.address))
        case .languages: .array(try Self.languages(value, pointer))
        case .features: .object(try Self.features(value, pointer))
        }
    }

    private static func address(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> JSONValue {
        try Field.object(["kind"] + PostalAddress.members, value, pointer) { reader in
            let kind = reader.required("kind") { value, pointer throws(InvalidFields) in
                try Field.choice(TenantAddressKind.self, value, pointer).rawValue
            }
            let address = PostalAddress.read(&reader)
            guard let kind, var json = address?.objectValue else { return nil }
            json["kind"] = .string(kind)
            return .object(json.canonical)
        }
    }

    private static func languages(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> [JSONValue] {
        let tags = try Field.list(limit: languageLimit, value, pointer) { value, pointer throws(InvalidFields) in
            let tag = try Field.text(limit: 35, value, pointer)
            let parts = tag.split(separator: "-", omittingEmptySubsequences: false)
            let isTag = parts.allSatisfy { (1...8).contains($0.utf8.count) && $0.utf8.allSatisfy(\.isAlphanumeric) }
            guard isTag, (2...3).contains(parts[0].utf8.count) else {
                throw .one(pointer, .invalid, "must be a language's tag, like pl or en-GB")
            }
            return JSONValue.string(tag)
        }
        guard !tags.isEmpty else { throw .one(pointer, .empty, "must name a language") }
        return tags
    }

    private static func features(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> JSONObject {
        guard let flags = value.objectValue else { throw .wrongType(pointer, "an object", value) }
        guard flags.count <= featureLimit else {
            throw .one(pointer, .tooMany, "must not have more than \(featureLimit) flags")
        }
        for (name, state) in flags {
            let place = pointer + .pointer(to: name)
            let isName =
                (1...64).contains(name.utf8.count)
                && name.utf8.allSatisfy { $0.isAlphanumeric || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
            guard isName else { throw .one(place, .invalid, "must be called by letters, digits, _ and -") }
            guard state.isNull || state.boolValue != nil else { throw .wrongType(place, "true, false or null", state) }
        }
        return flags.canonical
    }
}

/// What an address of a tenant is for. STORED NAMES: only ever add.
enum TenantAddressKind: String, CaseIterable {
    case registered, billing, returns, correspondence
}

/// An address as letters have it.
enum PostalAddress {
    static let members = ["name", "lines", "postal_code", "city", "region", "country"]

    /// Reads the members of an address out of an object that may have others; nil where something is wrong with them.
    static func read(_ reader: inout FieldReader) -> JSONValue? {
        var address: JSONObject = [:]
        func text(_ name: String, _ limit: Int, isRequired: Bool = false) -> JSONValue? {
            let read = { (value: JSONValue, pointer: String) throws(InvalidFields) in
                JSONValue.string(try Field.text(limit: limit, value, pointer))
            }
            return isRequired ? reader.required(name, read) : reader.optional(name, read)
        }
        address["name"] = text("name", 200)
        address["lines"] = reader.required("lines") { value, pointer throws(InvalidFields) in
            let lines = try Field.list(limit: 5, value, pointer) { value, pointer throws(InvalidFields) in
                JSONValue.string(try Field.text(limit: 200, value, pointer))
            }
            guard !lines.isEmpty else { throw .one(pointer, .empty, "must have a line") }
            return JSONValue.array(lines)
        }
        address["postal_code"] = text("postal_code", 20)
        address["city"] = text("city", 100, isRequired: true)
        address["region"] = text("region", 100)
        address["country"] = reader.required("country") { value, pointer throws(InvalidFields) in
            .string(try Field.country(value, pointer))
        }
        return reader.errors.isEmpty ? .object(address.canonical) : nil
    }
}

extension Field {
    static func integer(
        in range: ClosedRange<Int64>, _ value: JSONValue, _ pointer: String
    ) throws(InvalidFields) -> Int64 {
        guard let integer = value.integerValue else { throw .wrongType(pointer, "an integer", value) }
        guard range.contains(integer) else {
            throw .one(pointer, .outOfRange, "must be \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
    }

    /// The elements of an array, all that is wrong with any of them at once.
    static func list<T>(
        limit: Int, _ value: JSONValue, _ pointer: String, _ read: Reader<T>
    ) throws(InvalidFields) -> [T] {
        guard let elements = value.arrayValue else { throw .wrongType(pointer, "an array", value) }
        guard elements.count <= limit else { throw .one(pointer, .tooMany, "must not hold more than \(limit)") }
        var errors: [FieldError] = []
        var list: [T] = []
        for (index, element) in elements.enumerated() {
            do throws(InvalidFields) {
                list.append(try read(element, "\(pointer)/\(index)"))
            } catch {
                errors += error.errors
            }
        }
        guard errors.isEmpty else { throw InvalidFields(errors: errors) }
        return list
    }

    /// Two capital letters (ISO 3166-1).
    static func country(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> String {
        let code = try string(value, pointer)
        guard code.utf8.count == 2, code.utf8.allSatisfy({ (65...90).contains($0) }) else {
            throw .one(pointer, .invalid, "must be a country's code of ISO 3166, like PL")
        }
        return code
    }
}

extension UInt8 {
    fileprivate var isAlphanumeric: Bool {
        (48...57).contains(self) || (65...90).contains(self) || (97...122).contains(self)
    }
}
