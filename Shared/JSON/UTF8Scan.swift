/// Scanning of bytes, eight at a time where that pays.
enum UTF8Scan {
    private static let lowBits: UInt64 = 0x0101_0101_0101_0101
    private static let highBits: UInt64 = 0x8080_8080_8080_8080

    /// The first place from `at` that holds a quote, a backslash, a control character or a byte ≥ 0x80; else `end`.
    static func plainASCII(_ start: UnsafePointer<UInt8>, _ at: Int, _ end: Int) -> Int {
        var at = at
        let raw = UnsafeRawPointer(start)
        while at + 8 <= end {
            let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            let quote = word ^ (lowBits &* 0x22)
            let backslash = word ^ (lowBits &* 0x5C)
            // "Has a byte below n" (Hacker's Delight 6-1); borrows only ever reach bytes above the first hit.
            let hits =
                (word &- lowBits &* 0x20) | (quote &- lowBits) | (backslash &- lowBits) | word
            let found = hits & highBits
            if found != 0 {
                let place = at + found.trailingZeroBitCount / 8
                if isSpecial(start[place]) { return place }
                at = place + 1
                continue
            }
            at += 8
        }
        while at < end, !isSpecial(start[at]) { at += 1 }
        return at
    }

    @inline(__always)
    private static func isSpecial(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte >= 0x80 || byte == 0x22 || byte == 0x5C
    }

    /// The length of the well-formed sequence of two to four bytes at `at` (Unicode, table 3-7); nil if there is none.
    static func sequenceLength(_ start: UnsafePointer<UInt8>, _ at: Int, _ end: Int) -> Int? {
        func tail(_ distance: Int, _ low: UInt8 = 0x80, _ high: UInt8 = 0xBF) -> Bool {
            at + distance < end && start[at + distance] >= low && start[at + distance] <= high
        }
        switch start[at] {
        case 0xC2...0xDF: return tail(1) ? 2 : nil
        case 0xE0: return tail(1, 0xA0) && tail(2) ? 3 : nil
        case 0xED: return tail(1, 0x80, 0x9F) && tail(2) ? 3 : nil
        case 0xE1...0xEF: return tail(1) && tail(2) ? 3 : nil
        case 0xF0: return tail(1, 0x90) && tail(2) && tail(3) ? 4 : nil
        case 0xF1...0xF3: return tail(1) && tail(2) && tail(3) ? 4 : nil
        case 0xF4: return tail(1, 0x80, 0x8F) && tail(2) && tail(3) ? 4 : nil
        default: return nil
        }
    }
}
