/// Code 128 (ISO/IEC 15417): what every shop scanner reads. Text of visible ASCII and spaces, in code set B, with runs of
/// digits two at a time in code set C.
struct Code128 {
    /// Widths of bars and spaces by turns, in modules, beginning with a bar; without the quiet zones of ten modules.
    let widths: [Int]

    var modules: Int { widths.reduce(0, +) }

    private static let (startB, startC, toB, toC, stop) = (104, 105, 100, 99, 106)

    /// nil where a character has no place in it, or there is none.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard !bytes.isEmpty, bytes.allSatisfy({ (0x20...0x7E).contains($0) }) else { return nil }
        var values: [Int] = []
        var index = 0
        var isC = false
        while index < bytes.count {
            let digits = bytes[index...].prefix { (0x30...0x39).contains($0) }.count
            // Changing over costs a symbol each way: it pays from four digits at an end, from six in between.
            let pays = digits >= 4 && (index == 0 || index + digits == bytes.count) || digits >= 6
            if isC ? digits >= 2 : pays {
                if !isC {
                    // Of an odd number the first goes the other way, unless nothing came before it.
                    if digits % 2 == 1, index > 0 || digits + index < bytes.count {
                        if values.isEmpty { values.append(Self.startB) }
                        values.append(Int(bytes[index]) - 0x20)
                        index += 1
                    }
                    values.append(values.isEmpty ? Self.startC : Self.toC)
                    isC = true
                }
                values.append(Int(bytes[index] - 0x30) * 10 + Int(bytes[index + 1] - 0x30))
                index += 2
            } else {
                if isC || values.isEmpty { values.append(values.isEmpty ? Self.startB : Self.toB) }
                isC = false
                values.append(Int(bytes[index]) - 0x20)
                index += 1
            }
        }
        let check = values.enumerated().reduce(0) { $0 + $1.element * max(1, $1.offset) } % 103
        widths = (values + [check, Self.stop]).flatMap { Self.patterns[$0].utf8.map { Int($0 - 0x30) } }
    }

    /// The widths of each symbol, as the standard numbers them; the last is the stop with its closing bar.
    private static let patterns = """
        212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222
        123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321
        232121 111323 131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121
        313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224
        111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111
        111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113
        114311 411113 411311 113141 114131 311141 411131 211412 211214 211232 2331112
        """.split { $0 == " " || $0 == "\n" }
}
