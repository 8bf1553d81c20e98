import Synchronization

/// Bits that nobody has had before: for identifiers, never for secrets.
///
/// SplitMix64 (Steele, Lea, Flood 2014) from a random start. Asking the system each time is a call into the kernel for
/// every eight bytes.
public enum UniqueBits {
    private static let state = Atomic<UInt64>(.random(in: 0 ... .max))

    public static func next() -> UInt64 {
        var z = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
