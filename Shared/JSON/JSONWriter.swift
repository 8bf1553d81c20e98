/// Streams compact JSON into bytes, with no tree between.
///
/// Commas come by themselves. The caller keeps `begin…` and `end…` in balance and writes a `key` before each member's
/// value. Text is written as UTF-8; only what JSON demands is escaped.
public struct JSONWriter: Sendable {
    public private(set) var bytes: [UInt8]
    private let start: Int

    public init(reservingCapacity capacity: Int = 256) {
        bytes = []
        bytes.reserveCapacity(capacity)
        start = 0
    }

    /// Goes on after `bytes`; what is written starts a document of its own.
    public init(appendingTo bytes: consuming [UInt8]) {
        start = bytes.count
        self.bytes = bytes
    }

    /// What was written, as text.
    public var text: String { String(decoding: bytes[start...], as: UTF8.self) }

    /// The last byte tells whether a comma is due: no complete value ends in one of these three.
    private mutating func separate() {
        guard bytes.count > start, let last = bytes.last else { return }
        switch last {
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: ":"): break
        default: bytes.append(UInt8(ascii: ","))
        }
    }

    public mutating func beginObject() {
        separate()
        bytes.append(UInt8(ascii: "{"))
    }

    public mutating func endObject() { bytes.append(UInt8(ascii: "}")) }

    public mutating func beginArray() {
        separate()
        bytes.append(UInt8(ascii: "["))
    }

    public mutating func endArray() { bytes.append(UInt8(ascii: "]")) }

    public mutating func key(_ name: String) {
        separate()
        JSONText.quote(name, into: &bytes)
        bytes.append(UInt8(ascii: ":"))
    }

    public mutating func string(_ value: String) {
        separate()
        JSONText.quote(value, into: &bytes)
    }

    /// null for nil.
    public mutating func string(_ value: String?) {
        if let value { string(value) } else { null() }
    }

    /// A string that is written in place. What `write` appends must need no escaping: identifiers, times.
    public mutating func plainString(_ write: (inout [UInt8]) -> Void) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        write(&bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    public mutating func integer(_ value: Int64) {
        separate()
        JSONText.decimal(value, into: &bytes)
    }

    public mutating func integer(_ value: Int) { integer(Int64(value)) }

    public mutating func bool(_ value: Bool) {
        separate()
        JSONText.word(value ? "true" : "false", into: &bytes)
    }

    public mutating func null() {
        separate()
        JSONText.word("null", into: &bytes)
    }

    public mutating func value(_ value: JSONValue) {
        separate()
        value.write(to: &bytes)
    }

    /// Copies `value`, which must be one complete JSON text, as it is.
    public mutating func raw(_ value: some Collection<UInt8>) {
        separate()
        bytes.append(contentsOf: value)
    }

    public mutating func object(_ body: (inout JSONWriter) -> Void) {
        beginObject()
        body(&self)
        endObject()
    }

    public mutating func array(_ body: (inout JSONWriter) -> Void) {
        beginArray()
        body(&self)
        endArray()
    }

    /// A member in one go.
    public mutating func member(_ name: String, _ value: String?) {
        key(name)
        string(value)
    }

    public mutating func member(_ name: String, _ value: Int64) {
        key(name)
        integer(value)
    }

    public mutating func member(_ name: String, value: JSONValue) {
        key(name)
        self.value(value)
    }
}
