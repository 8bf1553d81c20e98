public import FoundationEssentials

/// How a value travels as a parameter.
public struct PostgresType: Hashable, Sendable {
    /// The type's number in `pg_type`; 0 lets the statement say.
    public var oid: UInt32
    public var isBinary: Bool

    public init(oid: UInt32, isBinary: Bool) {
        self.oid = oid
        self.isBinary = isBinary
    }
}

/// A value that can be bound to a statement.
public protocol PostgresEncodable: Sendable {
    static var postgresType: PostgresType { get }
    /// Appends the value in the format of `postgresType`. False, and nothing appended, for NULL.
    func encode(into buffer: inout [UInt8]) -> Bool
}

/// A value that can also be an element of a one-dimensional array.
public protocol PostgresElement: PostgresEncodable {
    /// The array's type, and whether its elements travel as `encode(into:)` writes them (binary) or as text.
    static var postgresArrayType: PostgresType { get }
    /// The element's type inside a binary array.
    static var postgresElementOID: UInt32 { get }
}

extension PostgresElement {
    public static var postgresElementOID: UInt32 { postgresType.oid }
}

extension [UInt8] {
    mutating func appendBigEndian(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}

/// Sent with its length, so a U+0000 is refused by the server (SQLSTATE 22021), never cut off.
extension String: PostgresElement {
    public static var postgresType: PostgresType { .init(oid: 25, isBinary: true) }
    public static var postgresArrayType: PostgresType { .init(oid: 1009, isBinary: true) }
    public func encode(into buffer: inout [UInt8]) -> Bool {
        buffer.append(contentsOf: utf8)
        return true
    }
}

extension Int16: PostgresElement {
    public static var postgresType: PostgresType { .init(oid: 21, isBinary: true) }
    public static var postgresArrayType: PostgresType { .init(oid: 1005, isBinary: true) }
    public func encode(into buffer: inout [UInt8]) -> Bool {
        buffer.appendBigEndian(self)
        return true
    }
}

extension Int32: PostgresElement {
    public static var postgresType: PostgresType { .init(oid: 23, isBinary: true) }
    public static var postgresArrayType: PostgresType { .init(oid: 1007, isBinary: true) }
    public func encode(into buffer: inout [UInt8]) -> Bool {
        buffer.appendBigEndian(self)
        return true
    }
}

extension Int64: PostgresElement {
    public static var postgresType: PostgresType { .init(oid: 20, isBinary: true) }
    public static var postgresArrayType: PostgresType { .init(oid: 1016, isBinary: true) }
    public func encode(into buffer: inout [UInt8]) -> Bool {
        buffer.appendBigEndian(self)
        return true
    }
}

extension Int: PostgresElement {
    public static var postgresType: PostgresType { Int64.postgresType }
    public static var postgresArrayType: PostgresType { Int64.postgresArrayType }
    public func encode(into buffer: inout [UInt8]) -> Bool { Int64(self).encode(into: &buffer) }
}

extension Bool: PostgresElement {
    public static var postgresType: PostgresType { .init(oid: 16, isBinary: true) }
    public static var postgresArrayType: PostgresType { .init(oid: 1000, isBinary: true) }
    public func encode(into buffer: inout [UInt8]) -> Bool {
        buffer.append(self ? 1 : 0)
        return true
    }
}

extension Double: PostgresElement {
    public static var postgresType: PostgresType { .init(oid: 701, isBinary: true) }
    public static var postgresArrayType: PostgresType { .init(oid: 1022, isBinary: true) }
    public func encode(into buffer: inout [UInt8]) -> Bool {
        buffer.appendBigEndian(bitPattern)
        return true
    }
}

extension UUID: PostgresElement {
    public static var postgresType: PostgresType { .init(oid: 2950, isBinary: true) }
    public static var postgresArrayType: PostgresType { .init(oid: 2951, isBinary: true) }
    public func encode(into buffer: inout [UInt8]) -> Bool {
        withUnsafeBytes(of: uuid) { buffer.append(contentsOf: $0) }
        return true
    }
}

extension PostgresTimestamp: PostgresElement {
    public static var postgresType: PostgresType { .init(oid: 1184, isBinary: true) }
    public static var postgresArrayType: PostgresType { .init(oid: 1185, isBinary: true) }
    public func encode(into buffer: inout [UInt8]) -> Bool {
        buffer.appendBigEndian(serverMicroseconds)
        return true
    }
}

extension PostgresBytes: PostgresElement {
    public static var postgresType: PostgresType { .init(oid: 17, isBinary: true) }
    public static var postgresArrayType: PostgresType { .init(oid: 1001, isBinary: true) }
    public func encode(into buffer: inout [UInt8]) -> Bool {
        buffer.append(contentsOf: bytes)
        return true
    }
}

extension PostgresNumeric: PostgresElement {
    public static var postgresType: PostgresType { .init(oid: 1700, isBinary: false) }
    public static var postgresArrayType: PostgresType { .init(oid: 1231, isBinary: false) }
    public func encode(into buffer: inout [UInt8]) -> Bool {
        buffer.appendText(text.utf8)
        return true
    }
}

extension JSONText: PostgresElement {
    public static var postgresType: PostgresType { .init(oid: 0, isBinary: false) }
    public static var postgresArrayType: PostgresType { .init(oid: 1009, isBinary: true) }
    public static var postgresElementOID: UInt32 { 25 }
    public func encode(into buffer: inout [UInt8]) -> Bool {
        buffer.appendText(bytes)
        return true
    }
}

extension [UInt8] {
    /// Text parameters end at a zero byte. One inside becomes a control character that JSON and numbers do not allow,
    /// so that the server refuses the value instead of storing its beginning.
    mutating func appendText(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { append(byte == 0 ? 1 : byte) }
    }
}

extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    public static var postgresType: PostgresType { Wrapped.postgresType }
    public func encode(into buffer: inout [UInt8]) -> Bool {
        guard let self else { return false }
        return self.encode(into: &buffer)
    }
}

extension Optional: PostgresElement where Wrapped: PostgresElement {
    public static var postgresArrayType: PostgresType { Wrapped.postgresArrayType }
    public static var postgresElementOID: UInt32 { Wrapped.postgresElementOID }
}

/// One dimension, lower bound 1; NULL elements allowed.
extension Array: PostgresEncodable where Element: PostgresElement {
    public static var postgresType: PostgresType { Element.postgresArrayType }

    public func encode(into buffer: inout [UInt8]) -> Bool {
        if Self.postgresType.isBinary { encodeBinary(into: &buffer) } else { encodeText(into: &buffer) }
        return true
    }

    /// `array_recv` of PostgreSQL: dimensions, whether NULLs occur, element type, then count, bound and elements.
    private func encodeBinary(into buffer: inout [UInt8]) {
        buffer.appendBigEndian(Int32(isEmpty ? 0 : 1))
        let flags = buffer.count
        buffer.appendBigEndian(Int32(0))
        buffer.appendBigEndian(Element.postgresElementOID)
        guard !isEmpty else { return }
        buffer.appendBigEndian(Int32(clamping: count))
        buffer.appendBigEndian(Int32(1))
        for element in self {
            let start = buffer.count
            buffer.appendBigEndian(Int32(-1))
            if element.encode(into: &buffer) {
                let length = Int32(clamping: buffer.count - start - 4)
                for (offset, shift) in [24, 16, 8, 0].enumerated() {
                    buffer[start + offset] = UInt8(truncatingIfNeeded: length >> Int32(shift))
                }
            } else {
                buffer[flags + 3] = 1
            }
        }
    }

    private func encodeText(into buffer: inout [UInt8]) {
        buffer.append(UInt8(ascii: "{"))
        var element: [UInt8] = []
        for (index, value) in enumerated() {
            if index > 0 { buffer.append(UInt8(ascii: ",")) }
            element.removeAll(keepingCapacity: true)
            guard value.encode(into: &element) else {
                buffer.append(contentsOf: "NULL".utf8)
                continue
            }
            buffer.append(UInt8(ascii: "\""))
            for byte in element {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { buffer.append(UInt8(ascii: "\\")) }
                buffer.append(byte)
            }
            buffer.append(UInt8(ascii: "\""))
        }
        buffer.append(UInt8(ascii: "}"))
    }
}
