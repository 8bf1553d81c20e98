/// The `traceparent` field of W3C Trace Context, version 00: `00-<32 hex>-<16 hex>-<2 hex>`.
enum TraceParent {
    /// The field as it came, if it is valid. What is not valid is to be ignored and a new trace started (§4.3).
    static func taken(_ text: String) -> String? {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0].elementsEqual("00".utf8),
            isHex(parts[1], count: 32), isHex(parts[2], count: 16), isHex(parts[3], count: 2),
            parts[1].contains(where: { $0 != 48 }), parts[2].contains(where: { $0 != 48 })
        else { return nil }
        return text
    }

    /// A new trace: random ids, sampled.
    static func make() -> String {
        var random = SystemRandomNumberGenerator()
        // Both ids must not be all zeros.
        let trace = hex(random.next() | 1) + hex(random.next())
        return "00-\(trace)-\(hex(random.next() | 1))-01"
    }

    private static func isHex(_ bytes: some Collection<UInt8>, count: Int) -> Bool {
        bytes.count == count && bytes.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
