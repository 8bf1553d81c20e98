import EventSourcing

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
        // Neither id may be all zeros.
        let ids = (UniqueBits.next() | 1, UniqueBits.next(), UniqueBits.next() | 1)
        return String(unsafeUninitializedCapacity: 55) { text in
            func write(_ id: UInt64, at start: Int) {
                for index in 0..<16 {
                    text[start + index] = digits[Int(truncatingIfNeeded: id >> UInt64(60 - 4 * index) & 0xF)]
                }
            }
            _ = text.initialize(from: "00-................................-................-01".utf8)
            write(ids.0, at: 3)
            write(ids.1, at: 19)
            write(ids.2, at: 36)
            return 55
        }
    }

    private static let digits = Array("0123456789abcdef".utf8)

    private static func isHex(_ bytes: some Collection<UInt8>, count: Int) -> Bool {
        bytes.count == count && bytes.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }
}
