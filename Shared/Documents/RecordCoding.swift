import EventSourcing
import Foundation
public import JSON

/// A stored record that cannot be read: a defect, or a program older than its data.
public struct RecordDecodingError: Error, Equatable, Sendable, CustomStringConvertible {
    /// `item`, `listing`, `import`.
    public var record: String
    /// What is missing or of the wrong type; empty where the whole is no JSON object.
    public var member: String

    public init(record: String, member: String) {
        self.record = record
        self.member = member
    }

    public var description: String { "stored \(record): \(member.isEmpty ? "not an object" : "bad \(member)")" }
}

/// A record as it is stored: in the operational tables, and as the memory of a projection's row.
public protocol StoredRecord: Sendable {
    func write(to writer: inout JSONWriter)
    init(json: JSONValue) throws(RecordDecodingError)
}

extension StoredRecord {
    public var bytes: [UInt8] {
        var writer = JSONWriter(reservingCapacity: 1024)
        write(to: &writer)
        return writer.bytes
    }

    public init(stored bytes: some Collection<UInt8>) throws(RecordDecodingError) {
        try self.init(json: JSONValue(stored: bytes))
    }
}

/// Typed access to a record's members.
struct RecordReader {
    let record: String
    let object: JSONObject

    init(_ record: String, _ json: JSONValue) throws(RecordDecodingError) {
        self.record = record
        guard let object = json.objectValue else { throw RecordDecodingError(record: record, member: "") }
        self.object = object
    }

    func optional<T>(_ name: String, _ convert: (JSONValue) -> T?) throws(RecordDecodingError) -> T? {
        guard let value = object[name], !value.isNull else { return nil }
        guard let result = convert(value) else { throw RecordDecodingError(record: record, member: name) }
        return result
    }

    func required<T>(_ name: String, _ convert: (JSONValue) -> T?) throws(RecordDecodingError) -> T {
        guard let result = try optional(name, convert) else { throw RecordDecodingError(record: record, member: name) }
        return result
    }

    func string(_ name: String) throws(RecordDecodingError) -> String? { try optional(name, \.stringValue) }
    func money(_ name: String) throws(RecordDecodingError) -> Money? { try optional(name, Money.init(json:)) }
    func time(_ name: String) throws(RecordDecodingError) -> Timestamp? { try optional(name, \.timestamp) }
    func uuid(_ name: String) throws(RecordDecodingError) -> UUID { try required(name, \.uuid) }

    /// One of the stored names of an enumeration; nil when absent or null.
    func choice<E: RawRepresentable>(_ name: String) throws(RecordDecodingError) -> E? where E.RawValue == String {
        try optional(name) { $0.stringValue.flatMap(E.init(rawValue:)) }
    }
}

extension JSONValue {
    var timestamp: Timestamp? { stringValue.flatMap(Timestamp.init(rfc3339:)) }
    var uuid: UUID? { stringValue.flatMap(UUID.init(uuidString:)) }

    var strings: [String]? {
        guard let elements = arrayValue else { return nil }
        let strings = elements.compactMap(\.stringValue)
        return strings.count == elements.count ? strings : nil
    }

    /// Parses stored bytes; what is no JSON becomes null, which no record accepts.
    init(stored bytes: some Collection<UInt8>) {
        self = (try? JSONValue(parsing: bytes)) ?? .null
    }
}

extension JSONWriter {
    mutating func uuid(_ name: String, _ value: UUID?) {
        key(name)
        uuid(value)
    }
    mutating func money(_ name: String, _ value: Money?) {
        key(name)
        money(value)
    }
    mutating func time(_ name: String, _ value: Timestamp?) {
        key(name)
        timestamp(value)
    }
    mutating func strings(_ name: String, _ values: [String]) {
        key(name)
        array { for value in values { $0.string(value) } }
    }
    mutating func flag(_ name: String, _ value: Bool) {
        key(name)
        bool(value)
    }
    mutating func typeID(_ name: String, _ prefix: String, _ value: UUID?) {
        key(name)
        typeID(prefix, value)
    }
}
