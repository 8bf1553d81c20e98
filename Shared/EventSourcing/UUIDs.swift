public import Foundation
import Synchronization

extension UUID {
    /// The 128 bits, most significant byte first.
    public init(bits: UInt128) {
        var bigEndian = bits.bigEndian
        self = withUnsafeBytes(of: &bigEndian) { bytes in
            UUID(uuid: bytes.loadUnaligned(as: uuid_t.self))
        }
    }

    /// The 128 bits, most significant byte first.
    public var bits: UInt128 {
        withUnsafeBytes(of: uuid) { UInt128(bigEndian: $0.loadUnaligned(as: UInt128.self)) }
    }

    /// In lower case, as RFC 9562 and PostgreSQL write it.
    public var text: String {
        var text: [UInt8] = []
        append(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends the bytes of `text`.
    public func append(to text: inout [UInt8]) {
        let known = StaticString("0123456789abcdef").utf8Start
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 36) { digits in
            var place = 0
            withUnsafeBytes(of: uuid) { bytes in
                for byte in bytes {
                    if place == 8 || place == 13 || place == 18 || place == 23 {
                        digits[place] = UInt8(ascii: "-")
                        place += 1
                    }
                    digits[place] = known[Int(byte >> 4)]
                    digits[place + 1] = known[Int(byte & 0xF)]
                    place += 2
                }
            }
            text.append(contentsOf: digits)
        }
    }

    /// A UUIDv7 (RFC 9562) of this time: 48 bits of milliseconds, 12 bits of what follows them (RFC 9562 §6.2,
    /// method 3), 62 random bits. Pure: the same arguments give the same identifier.
    public static func version7(at time: Timestamp, random: UInt64) -> UUID {
        version7(ticks: ticks(at: time), random: random)
    }

    /// A UUIDv7 of now. Within a process each is greater than the one before, whatever the clock does.
    public static func version7() -> UUID {
        let now = ticks(at: .now)
        let ticks = lastTicks.withLock { last in
            last = max(now, last + 1)
            return last
        }
        return version7(ticks: ticks, random: UniqueBits.next())
    }

    /// The version of the UUID by RFC 9562: 4, 7, …
    public var version: Int { Int(uuid.6 >> 4) }

    /// The time in a UUIDv7, to the millisecond; nil for other versions.
    public var version7Time: Timestamp? {
        guard version == 7 else { return nil }
        return Timestamp(microseconds: Int64(truncatingIfNeeded: bits >> 80) * 1000)
    }

    private static let lastTicks = Mutex<UInt64>(0)

    /// Milliseconds in the upper 48 bits, 1/4096 of one in the lower 12.
    private static func ticks(at time: Timestamp) -> UInt64 {
        let microseconds = UInt64(max(0, time.microseconds))
        let (milliseconds, rest) = microseconds.quotientAndRemainder(dividingBy: 1000)
        return milliseconds << 12 | rest * 4096 / 1000
    }

    private static func version7(ticks: UInt64, random: UInt64) -> UUID {
        let high = (ticks >> 12) << 16 | 0x7000 | ticks & 0xFFF
        let low = random & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        return UUID(bits: UInt128(high) << 64 | UInt128(low))
    }
}
