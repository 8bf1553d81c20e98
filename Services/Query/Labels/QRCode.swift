/// A QR code (ISO/IEC 18004) of a text in UTF-8: byte mode, error correction M (a seventh of it may be dirt), the smallest of
/// the versions 1 to 10 that holds it, and the mask that scanners like best.
struct QRCode {
    /// Rows of modules, true for dark; without the quiet zone of four.
    private(set) var modules: [[Bool]]
    var size: Int { modules.count }

    private var isFixed: [[Bool]]

    /// By version, from 1: blocks of (count, codewords of data) and codewords of correction in each (table 9, level M).
    private static let blocks: [(parts: [(count: Int, data: Int)], correction: Int)] = [
        ([(1, 16)], 10), ([(1, 28)], 16), ([(1, 44)], 26), ([(2, 32)], 18), ([(2, 43)], 24), ([(4, 27)], 16),
        ([(4, 31)], 18), ([(2, 38), (2, 39)], 22), ([(3, 36), (2, 37)], 22), ([(4, 43), (1, 44)], 26),
    ]
    /// Where alignment patterns have their centres (table E.1).
    private static let alignment: [[Int]] = [
        [], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50],
    ]

    /// nil where the text is longer than 213 bytes.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        func capacity(_ version: Int) -> Int { Self.blocks[version - 1].parts.reduce(0) { $0 + $1.count * $1.data } }
        // Four bits for the mode, and the length in eight bits, from version 10 on in sixteen.
        guard
            let version = (1...Self.blocks.count).first(where: { version in
                4 + (version < 10 ? 8 : 16) + 8 * bytes.count <= 8 * capacity(version)
            })
        else { return nil }
        let size = 17 + 4 * version
        modules = Array(repeating: Array(repeating: false, count: size), count: size)
        isFixed = modules
        let data = Self.data(bytes, version, capacity(version))
        draw(version)
        place(Self.interleaved(data, version))
        var best: (penalty: Int, modules: [[Bool]])?
        for mask in 0..<8 {
            var candidate = self
            candidate.apply(mask)
            candidate.drawFormat(mask)
            let penalty = candidate.penalty
            if best.map({ penalty < $0.penalty }) ?? true { best = (penalty, candidate.modules) }
        }
        if let best { modules = best.modules }
    }

    // MARK: Codewords

    private static func data(_ bytes: [UInt8], _ version: Int, _ capacity: Int) -> [UInt8] {
        var bits: [Bool] = []
        func append(_ value: Int, _ count: Int) {
            for bit in (0..<count).reversed() { bits.append(value >> bit & 1 == 1) }
        }
        append(0b0100, 4)
        append(bytes.count, version < 10 ? 8 : 16)
        for byte in bytes { append(Int(byte), 8) }
        append(0, min(4, capacity * 8 - bits.count))
        append(0, (8 - bits.count % 8) % 8)
        var words = stride(from: 0, to: bits.count, by: 8).map { start in
            bits[start..<start + 8].reduce(UInt8(0)) { $0 << 1 | ($1 ? 1 : 0) }
        }
        for filler in 0..<capacity - words.count { words.append(filler % 2 == 0 ? 0xEC : 0x11) }
        return words
    }

    /// Data and correction of all blocks, a codeword of each by turns.
    private static func interleaved(_ data: [UInt8], _ version: Int) -> [UInt8] {
        let layout = blocks[version - 1]
        var parts: [[UInt8]] = []
        var start = 0
        for (count, length) in layout.parts {
            for _ in 0..<count {
                parts.append(Array(data[start..<start + length]))
                start += length
            }
        }
        let corrections = parts.map { ReedSolomon.correction(of: $0, layout.correction) }
        func woven(_ blocks: [[UInt8]]) -> [UInt8] {
            let longest = blocks.map(\.count).max() ?? 0
            return (0..<longest).flatMap { index in blocks.compactMap { index < $0.count ? $0[index] : nil } }
        }
        return woven(parts) + woven(corrections)
    }

    // MARK: The matrix

    private mutating func set(_ row: Int, _ column: Int, _ isDark: Bool) {
        modules[row][column] = isDark
        isFixed[row][column] = true
    }

    /// Everything but data and format.
    private mutating func draw(_ version: Int) {
        let size = size
        for (row, column) in [(3, 3), (3, size - 4), (size - 4, 3)] {
            for down in -4...4 {
                for right in -4...4 where (0..<size).contains(row + down) && (0..<size).contains(column + right) {
                    let ring = max(abs(down), abs(right))
                    set(row + down, column + right, ring != 2 && ring != 4)
                }
            }
        }
        for index in 8..<size - 8 {
            set(6, index, index % 2 == 0)
            set(index, 6, index % 2 == 0)
        }
        let centres = Self.alignment[version - 1]
        for row in centres {
            for column in centres
            where !isFixed[row][column] || row == 6 && column > 8 && column < size - 9
                || column == 6 && row > 8 && row < size - 9
            {
                for down in -2...2 {
                    for right in -2...2 { set(row + down, column + right, max(abs(down), abs(right)) != 1) }
                }
            }
        }
        drawFormat(0)
        if version >= 7 { drawVersion(version) }
    }

    private mutating func drawVersion(_ version: Int) {
        let bits = version << 12 | Self.remainder(of: version << 12, by: 0x1F25, bits: 12)
        for index in 0..<18 {
            let isDark = bits >> index & 1 == 1
            set(index / 3, size - 11 + index % 3, isDark)
            set(size - 11 + index % 3, index / 3, isDark)
        }
    }

    /// Which correction and mask it has, twice; and the module that is always dark.
    private mutating func drawFormat(_ mask: Int) {
        // Level M is 00.
        let bits = (mask << 10 | Self.remainder(of: mask << 10, by: 0x537, bits: 10)) ^ 0x5412
        let size = size
        func bit(_ index: Int) -> Bool { bits >> index & 1 == 1 }
        for index in 0..<6 { set(index, 8, bit(index)) }
        set(7, 8, bit(6))
        set(8, 8, bit(7))
        set(8, 7, bit(8))
        for index in 9..<15 { set(8, 14 - index, bit(index)) }
        for index in 0..<8 { set(8, size - 1 - index, bit(index)) }
        for index in 8..<15 { set(size - 15 + index, 8, bit(index)) }
        set(size - 8, 8, true)
    }

    /// Of a polynomial over two elements, by another whose highest power is `bits`.
    private static func remainder(of value: Int, by divisor: Int, bits: Int) -> Int {
        var rest = value
        for shift in (0..<8).reversed() where rest >> (bits + shift) & 1 == 1 { rest ^= divisor << shift }
        return rest
    }

    /// Two columns at a time from the right, up and down by turns.
    private mutating func place(_ words: [UInt8]) {
        var index = 0
        var isUp = true
        for right in stride(from: size - 1, to: 0, by: -2) {
            let right = right <= 6 ? right - 1 : right
            for step in 0..<size {
                let row = isUp ? size - 1 - step : step
                for column in [right, right - 1] where !isFixed[row][column] {
                    modules[row][column] = index / 8 < words.count && words[index / 8] >> (7 - index % 8) & 1 == 1
                    index += 1
                }
            }
            isUp.toggle()
        }
    }

    private mutating func apply(_ mask: Int) {
        for row in 0..<size {
            for column in 0..<size where !isFixed[row][column] {
                let isTurned =
                    switch mask {
                    case 0: (row + column) % 2 == 0
                    case 1: row % 2 == 0
                    case 2: column % 3 == 0
                    case 3: (row + column) % 3 == 0
                    case 4: (row / 2 + column / 3) % 2 == 0
                    case 5: row * column % 2 + row * column % 3 == 0
                    case 6: (row * column % 2 + row * column % 3) % 2 == 0
                    default: ((row + column) % 2 + row * column % 3) % 2 == 0
                    }
                if isTurned { modules[row][column].toggle() }
            }
        }
    }

    /// What makes it hard to read (§7.8.3): long runs, blocks, what looks like a corner, and too much of one colour.
    private var penalty: Int {
        let columns = (0..<size).map { column in modules.map { $0[column] } }
        var penalty = 0
        for line in modules + columns {
            var run = 1
            for index in 1...line.count {
                if index < line.count, line[index] == line[index - 1] {
                    run += 1
                } else {
                    if run >= 5 { penalty += run - 2 }
                    run = 1
                }
            }
            let corner = [true, false, true, true, true, false, true]
            let light = [false, false, false, false]
            for start in 0..<max(0, line.count - 10) {
                let part = Array(line[start..<start + 11])
                if part == corner + light || part == light + corner { penalty += 40 }
            }
        }
        for row in 1..<size {
            for column in 1..<size {
                let colour = modules[row][column]
                if modules[row - 1][column] == colour, modules[row][column - 1] == colour,
                    modules[row - 1][column - 1] == colour
                {
                    penalty += 3
                }
            }
        }
        let dark = modules.reduce(0) { $0 + $1.count { $0 } }
        return penalty + abs(dark * 20 - size * size * 10) / (size * size) * 10
    }
}

/// Correction codewords over the field of 256 elements, x⁸ + x⁴ + x³ + x² + 1.
private enum ReedSolomon {
    static func correction(of data: [UInt8], _ count: Int) -> [UInt8] {
        let divisor = divisor(count)
        var rest = [UInt8](repeating: 0, count: count)
        for word in data {
            let factor = word ^ rest.removeFirst()
            rest.append(0)
            for index in 0..<count { rest[index] ^= product(divisor[index], factor) }
        }
        return rest
    }

    /// The product of (x − αⁱ) for the first `count` powers, without its highest coefficient.
    private static func divisor(_ count: Int) -> [UInt8] {
        var coefficients = [UInt8](repeating: 0, count: count)
        coefficients[count - 1] = 1
        var root: UInt8 = 1
        for _ in 0..<count {
            for index in 0..<count {
                coefficients[index] = product(coefficients[index], root)
                if index + 1 < count { coefficients[index] ^= coefficients[index + 1] }
            }
            root = product(root, 2)
        }
        return coefficients
    }

    private static func product(_ left: UInt8, _ right: UInt8) -> UInt8 {
        var result = 0
        for bit in (0..<8).reversed() {
            result = result << 1 ^ (result >> 7) * 0x11D
            if right >> bit & 1 == 1 { result ^= Int(left) }
        }
        return UInt8(result)
    }
}
