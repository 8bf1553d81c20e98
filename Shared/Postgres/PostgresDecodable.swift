public import FoundationEssentials

/// A value that can be read from a column, whose text the server wrote (UTF-8, DateStyle ISO, bytea as hex).
public protocol PostgresDecodable {
    /// The value of the text, or of NULL (`text` is nil); nil where it is none of this type.
    static func decode(text: UnsafeRawBufferPointer?) -> Self?
}

extension String: PostgresDecodable {
    public static func decode(text: UnsafeRawBufferPointer?) -> String? {
        text.map { String(decoding: $0, as: UTF8.self) }
    }
}

private func decodeInteger<Value: FixedWidthInteger>(_ text: UnsafeRawBufferPointer?) -> Value? {
    guard let text, !text.isEmpty else { return nil }
    let isNegative = text[0] == UInt8(ascii: "-")
    guard text.count > (isNegative ? 1 : 0) else { return nil }
    var value: Value = 0
    for byte in text[(isNegative ? 1 : 0)...] {
        let digit = byte &- 48
        guard digit < 10 else { return nil }
        let (product, productOverflow) = value.multipliedReportingOverflow(by: 10)
        // Negative numbers are built downwards: their range is one wider.
        let (sum, sumOverflow) =
            isNegative
            ? product.subtractingReportingOverflow(Value(digit)) : product.addingReportingOverflow(Value(digit))
        guard !productOverflow, !sumOverflow else { return nil }
        value = sum
    }
    return value
}

extension Int16: PostgresDecodable {
    public static func decode(text: UnsafeRawBufferPointer?) -> Int16? { decodeInteger(text) }
}

extension Int32: PostgresDecodable {
    public static func decode(text: UnsafeRawBufferPointer?) -> Int32? { decodeInteger(text) }
}

extension Int64: PostgresDecodable {
    public static func decode(text: UnsafeRawBufferPointer?) -> Int64? { decodeInteger(text) }
}

extension Int: PostgresDecodable {
    public static func decode(text: UnsafeRawBufferPointer?) -> Int? { decodeInteger(text) }
}

extension Bool: PostgresDecodable {
    public static func decode(text: UnsafeRawBufferPointer?) -> Bool? {
        guard let text, text.count == 1 else { return nil }
        return text[0] == UInt8(ascii: "t") ? true : text[0] == UInt8(ascii: "f") ? false : nil
    }
}

extension Double: PostgresDecodable {
    public static func decode(text: UnsafeRawBufferPointer?) -> Double? {
        text.flatMap { Double(String(decoding: $0, as: UTF8.self)) }
    }
}

extension UUID: PostgresDecodable {
    public static func decode(text: UnsafeRawBufferPointer?) -> UUID? {
        guard let text, text.count == 36 else { return nil }
        var value: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        let isValid = withUnsafeMutableBytes(of: &value) { bytes in
            var index = 0
            for target in 0..<16 {
                if index == 8 || index == 13 || index == 18 || index == 23 {
                    guard text[index] == UInt8(ascii: "-") else { return false }
                    index += 1
                }
                guard let high = hexadecimal(text[index]), let low = hexadecimal(text[index + 1]) else { return false }
                bytes[target] = high << 4 | low
                index += 2
            }
            return true
        }
        return isValid ? UUID(uuid: value) : nil
    }
}

private func hexadecimal(_ character: UInt8) -> UInt8? {
    switch character {
    case 48...57: character - 48
    case 97...102: character - 87
    case 65...70: character - 55
    default: nil
    }
}

extension PostgresTimestamp: PostgresDecodable {
    public static func decode(text: UnsafeRawBufferPointer?) -> PostgresTimestamp? { text.flatMap { .init(iso: $0) } }
}

extension PostgresNumeric: PostgresDecodable {
    public static func decode(text: UnsafeRawBufferPointer?) -> PostgresNumeric? {
        String.decode(text: text).map(PostgresNumeric.init)
    }
}

extension JSONText: PostgresDecodable {
    public static func decode(text: UnsafeRawBufferPointer?) -> JSONText? { text.map { .init(bytes: Array($0)) } }
}

extension PostgresBytes: PostgresDecodable {
    public static func decode(text: UnsafeRawBufferPointer?) -> PostgresBytes? {
        guard let text, text.count >= 2, text.count % 2 == 0, text[0] == UInt8(ascii: "\\"),
            text[1] == UInt8(ascii: "x")
        else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2 - 1)
        for index in stride(from: 2, to: text.count, by: 2) {
            guard let high = hexadecimal(text[index]), let low = hexadecimal(text[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return PostgresBytes(bytes)
    }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    public static func decode(text: UnsafeRawBufferPointer?) -> Wrapped?? {
        guard let text else { return .some(.none) }
        return Wrapped.decode(text: text).map(Optional.some)
    }
}

/// One-dimensional arrays; elements may be NULL where `Element` is an Optional.
extension Array: PostgresDecodable where Element: PostgresDecodable {
    public static func decode(text: UnsafeRawBufferPointer?) -> [Element]? {
        guard let text, text.count >= 2, text[0] == UInt8(ascii: "{"), text[text.count - 1] == UInt8(ascii: "}") else {
            return nil
        }
        var elements: [Element] = []
        var index = 1
        let end = text.count - 1
        var unescaped: [UInt8] = []
        while index < end {
            if !elements.isEmpty {
                guard text[index] == UInt8(ascii: ",") else { return nil }
                index += 1
            }
            guard index < end else { return nil }
            let element: Element?
            if text[index] == UInt8(ascii: "\"") {
                unescaped.removeAll(keepingCapacity: true)
                index += 1
                while index < end, text[index] != UInt8(ascii: "\"") {
                    if text[index] == UInt8(ascii: "\\") { index += 1 }
                    guard index < end else { return nil }
                    unescaped.append(text[index])
                    index += 1
                }
                guard index < end else { return nil }
                index += 1
                element = unescaped.withUnsafeBytes { Element.decode(text: $0) }
            } else {
                let start = index
                while index < end, text[index] != UInt8(ascii: ",") {
                    // A brace is another dimension; a value with one in it would stand in quotes.
                    guard text[index] != UInt8(ascii: "{"), text[index] != UInt8(ascii: "\"") else { return nil }
                    index += 1
                }
                let word = UnsafeRawBufferPointer(rebasing: text[start..<index])
                element = Element.decode(text: word.elementsEqual("NULL".utf8) ? nil : word)
            }
            guard let element else { return nil }
            elements.append(element)
        }
        return elements
    }
}
