public import EventSourcing
public import Foundation
public import JSON

/// Typed access to a payload; what is wrong becomes an `EventDecodingError` that names the event and the member.
public struct PayloadReader: Sendable {
    let type: String
    let schema: Int
    public let object: JSONObject
    private let path: String

    init(type: String, schema: Int, object: JSONObject, path: String = "") {
        self.type = type
        self.schema = schema
        self.object = object
        self.path = path
    }

    func missing(_ name: String) -> EventDecodingError {
        EventDecodingError(type: type, schema: schema, reason: .missing(path + name))
    }

    func invalid(_ name: String) -> EventDecodingError {
        EventDecodingError(type: type, schema: schema, reason: .invalid(path + name))
    }

    /// nil when absent or null.
    public func optional<T>(_ name: String, _ convert: (JSONValue) -> T?) throws(EventDecodingError) -> T? {
        guard let value = object[name], !value.isNull else { return nil }
        guard let result = convert(value) else { throw invalid(name) }
        return result
    }

    public func required<T>(_ name: String, _ convert: (JSONValue) -> T?) throws(EventDecodingError) -> T {
        guard let result = try optional(name, convert) else { throw missing(name) }
        return result
    }

    public func string(_ name: String) throws(EventDecodingError) -> String { try required(name, \.stringValue) }

    public func integer(_ name: String) throws(EventDecodingError) -> Int64 { try required(name, \.integerValue) }

    public func bool(_ name: String) throws(EventDecodingError) -> Bool { try required(name, \.boolValue) }

    public func optionalString(_ name: String) throws(EventDecodingError) -> String? {
        try optional(name, \.stringValue)
    }

    /// Empty when absent.
    public func strings(_ name: String) throws(EventDecodingError) -> [String] {
        try optional(name) { value in
            guard let elements = value.arrayValue else { return nil }
            let strings = elements.compactMap(\.stringValue)
            return strings.count == elements.count ? strings : nil
        } ?? []
    }

    /// Empty when absent.
    public func members(_ name: String) throws(EventDecodingError) -> JSONObject {
        try optional(name, \.objectValue) ?? JSONObject()
    }

    public func nested(_ name: String) throws(EventDecodingError) -> PayloadReader? {
        guard let object = try optional(name, \.objectValue) else { return nil }
        return PayloadReader(type: type, schema: schema, object: object, path: "\(path)\(name).")
    }

    /// A reader of each object of an array.
    func elements(_ name: String) throws(EventDecodingError) -> [PayloadReader] {
        let elements = try required(name, \.arrayValue)
        var readers: [PayloadReader] = []
        for (index, element) in elements.enumerated() {
            guard let object = element.objectValue else { throw invalid("\(name)[\(index)]") }
            readers.append(
                PayloadReader(type: type, schema: schema, object: object, path: "\(path)\(name)[\(index)]."))
        }
        return readers
    }

    public func optionalMoney(_ name: String) throws(EventDecodingError) -> Money? {
        guard let reader = try nested(name) else { return nil }
        let amount = try reader.integer("amount")
        guard let currency = Currency(code: try reader.string("currency")) else { throw reader.invalid("currency") }
        guard let money = Money(amount: amount, currency: currency) else { throw reader.invalid("amount") }
        return money
    }

    public func money(_ name: String) throws(EventDecodingError) -> Money {
        guard let money = try optionalMoney(name) else { throw missing(name) }
        return money
    }

    /// A postal address, canonical; nil when absent.
    public func address(_ name: String) throws(EventDecodingError) -> JSONValue? {
        guard let reader = try nested(name) else { return nil }
        var address: JSONObject = [:]
        for member in ["name", "postal_code", "city", "region", "country"] {
            address[member] = try reader.optionalString(member).map(JSONValue.string)
        }
        address["lines"] = .strings(try reader.strings("lines"))
        return .object(address.canonical)
    }

    /// The UUID of a TypeID with this prefix.
    public func id(_ name: String, prefix: String) throws(EventDecodingError) -> UUID {
        try required(name) { $0.stringValue.flatMap { TypeID.uuid(of: $0, prefix: prefix) } }
    }

    /// A TypeID of any prefix.
    func typeID(_ name: String) throws(EventDecodingError) -> TypeID {
        try required(name) { $0.stringValue.flatMap(TypeID.init(_:)) }
    }

    /// nil when absent or null.
    public func optionalID(_ name: String, prefix: String) throws(EventDecodingError) -> UUID? {
        try optional(name) { $0.stringValue.flatMap { TypeID.uuid(of: $0, prefix: prefix) } }
    }

    /// One of the stored names of an enumeration.
    func choice<E: RawRepresentable>(_ name: String) throws(EventDecodingError) -> E where E.RawValue == String {
        try required(name) { $0.stringValue.flatMap(E.init(rawValue:)) }
    }

    /// nil when absent or null.
    func optionalChoice<E: RawRepresentable>(
        _ name: String
    ) throws(EventDecodingError) -> E? where E.RawValue == String {
        try optional(name) { $0.stringValue.flatMap(E.init(rawValue:)) }
    }
}

extension JSONValue {
    static func id(_ prefix: String, _ uuid: UUID) -> JSONValue {
        .string(TypeID(prefix: prefix, uuid: uuid).description)
    }

    static func strings(_ values: [String]) -> JSONValue { .array(values.map(JSONValue.string)) }
}
