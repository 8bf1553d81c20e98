import Synchronization

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
        let ids = [Self.random() | 1, Self.random(), Self.random() | 1].map { id in
            (0..<16).map { Self.digits[Int(truncatingIfNeeded: id >> UInt64(60 - 4 * $0) & 0xF)] }
        }
        return String(
            decoding: Array("00-".utf8) + ids[0] + ids[1] + Array("-".utf8) + ids[2] + Array("-01".utf8), as: UTF8.self)
    }

    private static let digits = Array("0123456789abcdef".utf8)

    /// Apart from every other, and no secret: SplitMix64 (Steele, Lea, Flood 2014) from a random start. Asking the
    /// system each time is a call into the kernel for every eight bytes.
    private static func random() -> UInt64 {
        var z = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    private static let state = Atomic<UInt64>(.random(in: 0 ... .max))

    private static func isHex(_ bytes: some Collection<UInt8>, count: Int) -> Bool {
        bytes.count == count && bytes.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }
}
