import Testing

@testable import Command

@Suite struct CSVReaderTests {
    @Test func `cells, lines and line numbers`() {
        #expect(rows("a,b\nc,d\n") == [.record(line: 1, cells: ["a", "b"]), .record(line: 2, cells: ["c", "d"])])
        #expect(rows("a,b\nc,") == [.record(line: 1, cells: ["a", "b"]), .record(line: 2, cells: ["c", ""])])
        #expect(rows("") == [])
    }

    @Test(arguments: ["\n", "\r\n", "\r"])
    func `every kind of line end, also inside quotes`(end: String) {
        let text = "a,b\(end)\"x\(end)y\",z\(end)\(end)last,one\(end)"
        #expect(
            rows(text) == [
                .record(line: 1, cells: ["a", "b"]), .record(line: 2, cells: ["x\(end)y", "z"]),
                .record(line: 5, cells: ["last", "one"]),
            ])
    }

    @Test func `doubled quotes, delimiters in quotes, quotes in the middle of a cell`() {
        #expect(
            rows(#""a ""b"", c","",5" heel"# + "\n" + #""""""# + "\n") == [
                .record(line: 1, cells: [#"a "b", c"#, "", #"5" heel"#]), .record(line: 2, cells: ["\""]),
            ])
    }

    @Test func `a byte order mark is no character of the first cell, quoted or not`() {
        #expect(rows("\u{FEFF}a,b\n") == [.record(line: 1, cells: ["a", "b"])])
        #expect(rows("\u{FEFF}\"a\",b\n") == [.record(line: 1, cells: ["a", "b"])])
    }

    @Test func `semicolons where the header has them and no comma`() {
        #expect(rows("a;b\n1,5;2\n") == [.record(line: 1, cells: ["a", "b"]), .record(line: 2, cells: ["1,5", "2"])])
        #expect(rows("a;b,c\n") == [.record(line: 1, cells: ["a;b", "c"])])
        #expect(rows("\"a,b\";c\n") == [.record(line: 1, cells: ["a,b", "c"])])
        #expect(rows("\n\na;b") == [.record(line: 3, cells: ["a", "b"])])
    }

    @Test func `a quote that is never closed costs its own line and no other`() {
        #expect(
            rows("a,b\n\"open,1\nc,d\ne,f\n") == [
                .record(line: 1, cells: ["a", "b"]), .rejected(line: 2, .unterminatedQuote),
                .record(line: 3, cells: ["c", "d"]), .record(line: 4, cells: ["e", "f"]),
            ])
        // The quote of line 4 closes the one of line 2 and is followed by text: line 2 is the culprit.
        #expect(
            rows("a,b\n\"open,1\nc,d\ne,\"f\"\n") == [
                .record(line: 1, cells: ["a", "b"]), .rejected(line: 2, .textAfterQuote(column: 1)),
                .record(line: 3, cells: ["c", "d"]), .record(line: 4, cells: ["e", "f"]),
            ])
        #expect(
            rows("a,b\n\"open,1") == [.record(line: 1, cells: ["a", "b"]), .rejected(line: 2, .unterminatedQuote)])
    }

    @Test func `text after a closing quote costs its line`() {
        #expect(
            rows("a,b\n\"x\"y,1\nc,d\n") == [
                .record(line: 1, cells: ["a", "b"]), .rejected(line: 2, .textAfterQuote(column: 1)),
                .record(line: 3, cells: ["c", "d"]),
            ])
    }

    @Test func `broken UTF-8 and U+0000 cost their row`() {
        let bytes = Array("a,b\nx,".utf8) + [0xFF] + Array("\nc,d\n\"q\"\"".utf8) + [0xC3] + Array("\",e\n".utf8)
        #expect(
            rows(bytes) == [
                .record(line: 1, cells: ["a", "b"]), .rejected(line: 2, .notUTF8(column: 2)),
                .record(line: 3, cells: ["c", "d"]), .rejected(line: 4, .notUTF8(column: 1)),
            ])
        #expect(rows("a\n1\0,2\n").last == .rejected(line: 2, .nullCharacter(column: 1)))
    }

    @Test func `bounds on cells, records and columns cost their row, and lines go on counting`() {
        var limits = CSVReader.Limits()
        limits.cell = 8
        limits.record = 24
        limits.columns = 3
        #expect(
            rows(Array("a\n12345678\n123456789\nb\n".utf8), limits) == [
                .record(line: 1, cells: ["a"]), .record(line: 2, cells: ["12345678"]),
                .rejected(line: 3, .cellTooLong(column: 1)), .record(line: 4, cells: ["b"]),
            ])
        #expect(
            rows(Array("a\n1,2,3,4\n1,2,3\n".utf8), limits) == [
                .record(line: 1, cells: ["a"]), .rejected(line: 2, .tooManyColumns),
                .record(line: 3, cells: ["1", "2", "3"]),
            ])
        #expect(
            rows(Array("a\n\"1\n2345\n678901\"\n9\n".utf8), limits).prefix(2) == [
                .record(line: 1, cells: ["a"]), .rejected(line: 2, .cellTooLong(column: 1)),
            ])
        limits.columns = 100
        let long = String(repeating: "1234567,", count: 400)
        #expect(
            rows(Array("a\r\n\(long)\r\nb\r\n".utf8), limits) == [
                .record(line: 1, cells: ["a"]), .rejected(line: 2, .recordTooLong), .record(line: 3, cells: ["b"]),
            ])
    }

    @Test func `chunks may be cut anywhere`() {
        let text = "\u{FEFF}h,\"i\r\nj\"\r\n\"x \"\"ą\"\"\",y\r\n\r\n\"bad\"c,1\r\nlast,\"never closed\r\nafter,all"
        let whole = rows(text)
        #expect(whole.count == 5)
        for size in 1...text.utf8.count { #expect(rows(Array(text.utf8), chunk: size) == whole) }
    }

    @Test func `any bytes: no crash, lines in order, the same rows whatever the chunks`() {
        var random = SplitMix(seed: 7)
        let alphabet = Array("\"\",,;\r\n\n ab".utf8) + [0xC3, 0xA9, 0x00, 0xEF, 0xBB, 0xBF]
        var limits = CSVReader.Limits()
        limits.cell = 40
        limits.record = 80
        limits.columns = 6
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...120, using: &random)).map { _ in
                alphabet.randomElement(using: &random) ?? 0
            }
            let whole = rows(bytes, limits)
            #expect(zip(whole, whole.dropFirst()).allSatisfy { $0.line < $1.line })
            #expect(rows(bytes, limits, chunk: Int.random(in: 1...9, using: &random)) == whole)
        }
    }

    @Test func `what a spreadsheet writes is read back, whatever the cells hold`() {
        var random = SplitMix(seed: 11)
        let alphabet = Array("\"\",,;\r\n aąŻ😀")
        for _ in 0..<2_000 {
            let cells = (0..<Int.random(in: 2...5, using: &random)).map { _ in
                String(
                    (0..<Int.random(in: 0...6, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "a"
                    })
            }
            let line = cells.map { "\"\($0.replacing("\"", with: "\"\""))\"" }.joined(separator: ",")
            #expect(rows("h,h\n\(line)\n").last == .record(line: 2, cells: cells))
        }
    }

    private func rows(_ text: String) -> [CSVReader.Row] { rows(Array(text.utf8)) }

    private func rows(_ bytes: [UInt8], _ limits: CSVReader.Limits = .init(), chunk: Int = .max) -> [CSVReader.Row] {
        var reader = CSVReader(limits: limits)
        var rows: [CSVReader.Row] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            rows += reader.read(rest.prefix(chunk))
            rest = rest.dropFirst(chunk)
        }
        return rows + reader.finish()
    }
}

/// A generator that gives the same numbers every time.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
