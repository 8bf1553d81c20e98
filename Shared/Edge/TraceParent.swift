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
        var text: [UInt8] = []
        append(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends the bytes of a new trace.
    static func append(to text: inout [UInt8]) {
        text.append(contentsOf: "00-".utf8)
        // Neither id may be all zeros.
        append(UniqueBits.next() | 1, to: &text)
        append(UniqueBits.next(), to: &text)
        text.append(UInt8(ascii: "-"))
        append(UniqueBits.next() | 1, to: &text)
        text.append(contentsOf: "-01".utf8)
    }

    private static func append(_ id: UInt64, to text: inout [UInt8]) {
        let known = StaticString("0123456789abcdef").utf8Start
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { digits in
            for place in digits.indices { digits[place] = known[Int(id >> (60 - 4 * UInt64(place)) & 0xF)] }
            text.append(contentsOf: digits)
        }
    }

    private static func isHex(_ bytes: some Collection<UInt8>, count: Int) -> Bool {
        bytes.count == count && bytes.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }
}
