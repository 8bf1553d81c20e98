import EventSourcing
import Foundation

/// The same draws for the same seed, on every machine.
struct Chance: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// In microseconds.
    mutating func time(_ range: ClosedRange<Int64>) -> Int64 {
        range.lowerBound + Int64(next() % UInt64(range.upperBound - range.lowerBound + 1))
    }

    mutating func index(_ count: Int) -> Int { Int(next() % UInt64(count)) }

    /// - Parameter likelihood: of true, in ten thousandths.
    mutating func happens(_ likelihood: Int) -> Bool { likelihood > 0 && next() % 10_000 < UInt64(likelihood) }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[index(elements.count)] }

    mutating func uuid() -> UUID { UUID(bits: UInt128(next()) << 64 | UInt128(next())) }
}
