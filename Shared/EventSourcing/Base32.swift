/// Crockford's base32 in lower case, as TypeID uses it: 128 bits in 26 letters, the first of them below 8.
enum Base32 {
    static let length = 26
    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
    /// The value of each byte; 0xFF for bytes that are no digit (capitals, and i, l, o, u among them).
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, letter) in alphabet.enumerated() { values[Int(letter)] = UInt8(value) }
        return values
    }()

    static func append(_ value: UInt128, to text: inout [UInt8]) {
        for digit in (0..<length).reversed() {
            text.append(alphabet[Int(truncatingIfNeeded: value >> (5 * digit)) & 0x1F])
        }
    }

    static func decode(_ text: some Collection<UInt8>) -> UInt128? {
        guard text.count == length, let first = text.first, first <= UInt8(ascii: "7") else { return nil }
        var result: UInt128 = 0
        for letter in text {
            let value = values[Int(letter)]
            guard value != 0xFF else { return nil }
            result = result << 5 | UInt128(value)
        }
        return result
    }
}
