import JSON
import Testing

/// What the parser says to a text, for comparison.
private func parse(_ text: String) -> Result<JSONValue, JSONParseError> {
    parse(bytes: Array(text.utf8))
}

private func parse(bytes: [UInt8]) -> Result<JSONValue, JSONParseError> {
    do throws(JSONParseError) {
        return .success(try JSONValue(parsing: bytes))
    } catch {
        return .failure(error)
    }
}

private func code(_ text: String) -> JSONParseError.Code? {
    if case .failure(let error) = parse(text) { error.code } else { nil }
}

@Suite struct `Parsing JSON` {
    @Test(
        arguments: [
            ("null", JSONValue.null), ("true", true), ("false", false), (" \t\r\n 1 \n", 1), ("\"\"", ""),
            ("[]", []), ("{}", [:]), ("[1,[2,[]],{}]", [1, [2, []], [:]]),
            (#"{"a":1,"b":{"c":[null,true]}}"#, ["a": 1, "b": ["c": [nil, true]]]),
        ] as [(String, JSONValue)])
    func `a document becomes its value`(text: String, value: JSONValue) {
        #expect(parse(text) == .success(value))
    }

    @Test(arguments: [
        ("0", JSONValue.integer(0)), ("-0", .integer(0)), ("-1", .integer(-1)),
        ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
        ("9223372036854775808", .number("9223372036854775808")),
        ("-9223372036854775809", .number("-9223372036854775809")),
        ("123456789012345678901234567890", .number("123456789012345678901234567890")),
        ("1.0", .number("1.0")), ("1e2", .number("1e2")), ("-1.25E-7", .number("-1.25E-7")), ("0.1", .number("0.1")),
        ("0e0", .number("0e0")), ("1E+400", .number("1E+400")),
    ])
    func `a number that is no Int64 keeps its text`(text: String, value: JSONValue) {
        #expect(parse(text) == .success(value))
    }

    @Test(arguments: [
        "", " ", "nul", "nulll", "True", "[", "]", "{", "}", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}", "{,}", "{a:1}", "{'a':1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "1 2", "{} x", "//", "/* */ 1",
        "\"", "\"a", "\"\\", "\"\\\"", "\"\\x\"", "\"\\u\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\U0041\"", "\"\u{0}\"",
        "\"\n\"", "\"\t\"", "\"\u{1F}\"", "01", "-01", "00", "-", "+1", ".5", "5.", "1.e1", "1e", "1e+", "0x10",
        "1_000",
        "NaN", "Infinity", "-Infinity", "\u{FEFF}1", "\u{A0}1", "[\u{0}]", "1\u{0}", "\u{B}1", "--1", "1.1.1", "1e1.5",
        "[\"a\" \"b\"]", "undefined", "ł",
    ])
    func `what is no JSON is malformed`(text: String) {
        #expect(code(text) == .malformed, "\(text)")
    }

    @Test(arguments: [
        ("\"ab\"", "ab"), (#""\" \\ \/ \b \f \n \r \t""#, "\" \\ / \u{8} \u{c} \n \r \t"),
        (#""\u0041\u00e9\u0142""#, "Aéł"), (#""\uD83D\ude00""#, "😀"), (#""a\u0041b\u0042c""#, "aAbBc"),
        ("\"zażółć gęślą jaźń 😀\"", "zażółć gęślą jaźń 😀"), (#""\u007f""#, "\u{7f}"), (#""\uFFFF""#, "\u{FFFF}"),
        (#""\udbff\udfff""#, "\u{10FFFF}"),
    ])
    func `escapes become characters`(text: String, value: String) {
        #expect(parse(text) == .success(.string(value)))
    }

    @Test(arguments: [
        #""\uD83D""#, #""\uDE00""#, #""\uD83Dx""#, #""\uD83D\n""#, #""\uD83D\u0041""#, #""\uD83D\uD83D""#,
        #""\uDE00\uD83D""#,
    ])
    func `a lone surrogate is malformed`(text: String) {
        #expect(code(text) == .malformed)
    }

    @Test(
        arguments: [
            [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
            [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFE], [0xFF], [0xF0, 0x9F, 0x98],
        ] as [[UInt8]])
    func `bad UTF-8 is called that, in strings and outside`(bytes: [UInt8]) {
        let quote = UInt8(ascii: "\"")
        for document in [[quote] + bytes + [quote], [quote] + Array("0123456789".utf8) + bytes + [quote], bytes] {
            guard case .failure(let error) = parse(bytes: document) else {
                Issue.record("accepted \(document)")
                continue
            }
            #expect(error.code == .invalidUTF8, "\(document)")
        }
    }

    @Test func `every scalar value is accepted, and comes back`() throws {
        for value in (0x20 as UInt32)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value), scalar != "\"", scalar != "\\" else { continue }
            let text = String(Character(scalar))
            let parsed = try JSONValue(parsing: "\"\(text)\"")
            if parsed.stringValue?.unicodeScalars.elementsEqual([scalar]) != true { Issue.record("U+\(value)") }
        }
    }

    @Test func `a name that comes twice is refused, however deep and however many there are`() {
        #expect(code(#"{"a":1,"a":1}"#) == .duplicateKey("a"))
        #expect(code(#"{"a":1,"\u0061":1}"#) == .duplicateKey("a"))
        #expect(code(#"[{"b":{"a":1,"c":2,"a":3}}]"#) == .duplicateKey("a"))
        #expect(code(#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}"#) == nil)
        let many = (0..<100).map { "\"k\($0)\":0" }.joined(separator: ",")
        #expect(code("{\(many)}") == nil)
        for twice in [0, 15, 16, 17, 99] {
            #expect(code("{\(many),\"k\(twice)\":0}") == .duplicateKey("k\(twice)"))
        }
    }

    @Test func `an error points at its place`() {
        func failure(_ text: String) -> (String, Int)? {
            if case .failure(let error) = parse(text) { (error.pointer, error.offset) } else { nil }
        }
        #expect(failure(#"{"a/b":[1,{"~c":tru}]}"#)! == ("/a~1b/1/~0c", 19))
        #expect(failure(#"{"x":{"a":1,"a":2}}"#)! == ("/x/a", 12))
        #expect(failure(#"{"title":"ok","photos":["a","b\u0000"]}"#)! == ("/photos/1", 30))
        #expect(failure("[1,2")! == ("", 4))
    }

    @Test func `U+0000 is told apart, and only in a document that is good otherwise`() {
        #expect(code(#""\u0000""#) == .nullCharacter)
        #expect(code(#"{"\u0000":1}"#) == .nullCharacter)
        #expect(code(#"{"a":"\u0000","b":[1,2]}"#) == .nullCharacter)
        #expect(code(#"{"a":"\u0000","b":[1,2}"#) == .malformed)
        #expect(code(#"{"a":"\u0000","a":1}"#) == .duplicateKey("a"))
        #expect(code(#""\u00000""#) == .nullCharacter)
        #expect(code(#""\\u0000""#) == nil)
    }

    @Test func `depth is bounded, and objects count as arrays do`() {
        func nested(_ depth: Int, _ open: String, _ close: String) -> String {
            String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
        }
        #expect(code(nested(JSONValue.maximumDepth, "[", "]")) == nil)
        #expect(code(nested(JSONValue.maximumDepth + 1, "[", "]")) == .tooDeep)
        #expect(code(nested(JSONValue.maximumDepth, "{\"a\":", "}")) == nil)
        #expect(code(nested(JSONValue.maximumDepth + 1, "{\"a\":", "}")) == .tooDeep)
        #expect(code(String(repeating: "[", count: 1_000_000)) == .tooDeep)
        let wide = "[" + Array(repeating: "[[]]", count: 1000).joined(separator: ",") + "]"
        #expect(code(wide) == nil)
    }

    @Test func `bytes that lie in pieces parse as well`() throws {
        let bytes = #"{"a":[1,"ł"]}"#.utf8.lazy.map { $0 }
        #expect(try JSONValue(parsing: bytes) == ["a": [1, "ł"]])
    }

    @Test func `any bytes at all are answered and never crash`() {
        var random = SplitMix(seed: 1)
        let pieces = [
            "{", "}", "[", "]", ",", ":", "\"", "\\", "u", "00", "D8", "1", "-", ".", "e", "true", "null", "ł",
        ]
        for _ in 0..<20_000 {
            let noise = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            _ = parse(bytes: noise)
            let soup = (0..<Int.random(in: 0...20, using: &random)).map { _ in pieces.randomElement(using: &random)! }
            _ = parse(soup.joined())
        }
    }

    @Test func `a good document with any one byte changed or cut is answered`() {
        let good = Array(
            #"{"title":"Płaszcz \"x\" \ud83d\ude00","n":[-12.5e+3,9223372036854775807,true,null],"o":{}}"#.utf8)
        for index in good.indices {
            #expect(throws: JSONParseError.self) { try JSONValue(parsing: good[..<index]) }
            for byte in UInt8.min...UInt8.max {
                var changed = good
                changed[index] = byte
                if case .success(let value) = parse(bytes: changed) {
                    #expect(parse(bytes: value.bytes) == .success(value))
                }
            }
        }
    }
}
