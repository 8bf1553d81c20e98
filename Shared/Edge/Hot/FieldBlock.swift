/// The fields of a response as bytes, laid out once for both protocols: HTTP/1.1 sends them as they are, HTTP/2 takes
/// names and values out of them. Names are lower-case.
public struct FieldBlock: ~Copyable, Sendable {
    /// `name: value\r\n` for each.
    private(set) var lines: [UInt8] = []
    private(set) var spans: [Span] = []

    /// Where a field is in `lines`.
    struct Span: Sendable {
        var start: Int
        var nameLength: Int
        var valueLength: Int
        /// No other response has this value: not worth a place among those that a connection remembers.
        var isUnique: Bool

        var valueStart: Int { start + nameLength + 2 }
    }

    public init() {}

    /// As they are sent.
    public var bytes: Int { lines.count }

    /// - Parameter isUnique: no other response has this value.
    public mutating func append(_ name: StaticString, _ value: String, isUnique: Bool = false) {
        append(name, isUnique: isUnique) { $0.append(contentsOf: value.utf8) }
    }

    public mutating func append(_ name: String, _ value: String, isUnique: Bool = false) {
        let start = lines.count
        lines.append(contentsOf: name.utf8)
        end(start, isUnique) { $0.append(contentsOf: value.utf8) }
    }

    /// - Parameter write: appends the value.
    mutating func append(_ name: StaticString, isUnique: Bool = false, _ write: (inout [UInt8]) -> Void) {
        assert(name.isASCII)
        let start = lines.count
        name.withUTF8Buffer { lines.append(contentsOf: $0) }
        end(start, isUnique, write)
    }

    private mutating func end(_ start: Int, _ isUnique: Bool, _ write: (inout [UInt8]) -> Void) {
        let nameLength = lines.count - start
        lines.append(UInt8(ascii: ":"))
        lines.append(UInt8(ascii: " "))
        let valueStart = lines.count
        write(&lines)
        spans.append(
            Span(
                start: start, nameLength: nameLength, valueLength: lines.count - valueStart, isUnique: isUnique))
        lines.append(UInt8(ascii: "\r"))
        lines.append(UInt8(ascii: "\n"))
    }

    /// Without fields, and with the room that it had.
    public mutating func removeAll() {
        lines.removeAll(keepingCapacity: true)
        spans.removeAll(keepingCapacity: true)
    }
}
