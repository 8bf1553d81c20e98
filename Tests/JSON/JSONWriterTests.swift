import Foundation
import JSON
import Testing

@Suite struct `Writing JSON` {
    @Test func `a value is written compactly, members in their order`() {
        let value: JSONValue = ["b": 1, "a": [true, false, nil, "x", -5], "c": [:], "d": [], "e": .number("1.50")]
        #expect(value.text == #"{"b":1,"a":[true,false,null,"x",-5],"c":{},"d":[],"e":1.50}"#)
    }

    @Test func `strings are escaped as little as JSON demands`() {
        let text = "\" \\ / \u{8}\u{c}\n\r\t \u{0}\u{1}\u{1f} \u{7f} ł 😀 \u{2028}"
        #expect(
            JSONValue.string(text).text
                == #"""# + #"\" \\ / \b\f\n\r\t \u0000\u0001\u001f "# + "\u{7f} ł 😀 \u{2028}" + #"""#)
    }

    @Test(arguments: [Int64.min, -1, 0, 7, 10, 1_000_000, .max])
    func `integers are written exactly`(number: Int64) {
        #expect(JSONValue.integer(number).text == "\(number)")
    }

    @Test func `the streaming writer puts the commas`() throws {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("a", "x")
        writer.member("n", nil)
        writer.key("list")
        writer.array {
            $0.integer(1)
            $0.beginArray()
            $0.endArray()
            $0.beginObject()
            $0.endObject()
            $0.bool(true)
            $0.null()
            $0.string("{")
            $0.string("[")
            $0.string(":")
            $0.raw(#"{"raw":1}"#.utf8)
        }
        writer.key("empty")
        writer.object { _ in }
        writer.member("i", 5)
        writer.member("v", value: ["k": [1]])
        writer.endObject()
        #expect(
            writer.text
                == #"{"a":"x","n":null,"list":[1,[],{},true,null,"{","[",":",{"raw":1}],"empty":{},"i":5,"v":{"k":[1]}}"#
        )
        #expect(try JSONValue(parsing: writer.bytes)["v"]?["k"]?[0] == 1)
    }

    @Test func `appending starts a document of its own`() {
        var writer = JSONWriter(appendingTo: Array("before".utf8))
        writer.array { $0.integer(1) }
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "before[1]")
        #expect(writer.text == "[1]")
    }

    @Test func `what is written reads back the same, here and in Foundation`() throws {
        var random = SplitMix(seed: 2)
        for _ in 0..<3000 {
            let value = randomValue(&random, depth: 4)
            let bytes = value.bytes
            #expect(try JSONValue(parsing: bytes) == value)
            #expect(try JSONValue(parsing: bytes).bytes == bytes)
            _ = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
        }
    }
}

@Suite struct `JSON values` {
    @Test func `objects compare without regard to order, few members or many`() {
        #expect(["a": 1, "b": 2] as JSONValue == ["b": 2, "a": 1])
        #expect(["a": 1, "b": 2] as JSONValue != ["b": 1, "a": 2])
        #expect(["a": 1] as JSONValue != ["a": 1, "b": 2])
        let many = JSONObject((0..<50).map { ("k\($0)", JSONValue($0)) })
        var other = JSONObject((0..<50).reversed().map { ("k\($0)", JSONValue($0)) })
        #expect(many == other)
        other["k7"] = nil
        #expect(many != other)
        other["k7"] = "else"
        #expect(many != other)
    }

    @Test func `members keep their places`() {
        var object: JSONObject = ["a": 1, "b": 2, "c": 3]
        object["a"] = 9
        object["b"] = nil
        object["d"] = JSONValue.null
        #expect(object.keys == ["a", "c", "d"])
        #expect(object["a"] == 9)
        #expect(object["b"] == nil)
        #expect(object["d"] == .null)
        #expect(JSONObject([("x", 1), ("y", 2), ("x", 3)]).members.map(\.value) == [3, 2])
    }

    @Test func `asking the wrong kind gives nothing`() {
        let value: JSONValue = ["s": "t", "i": 1, "b": true, "l": [1, 2]]
        #expect(value["s"]?.stringValue == "t")
        #expect(value["s"]?.integerValue == nil)
        #expect(value["i"]?.integerValue == 1)
        #expect(value["b"]?.boolValue == true)
        #expect(value["l"]?[1] == 2)
        #expect(value["l"]?[2] == nil)
        #expect(value["l"]?[-1] == nil)
        #expect(value["l"]?["s"] == nil)
        #expect(JSONValue.number("1.0").integerValue == nil)
        #expect(JSONValue(nil as String?) == .null)
    }

    @Test(arguments: [
        ("1e2", "100"), ("1.50", "1.50"), ("1.50e1", "15.0"), ("1.5e3", "1500"), ("1e-3", "0.001"), ("-0.0", "0.0"),
        ("-1.5", "-1.5"), ("0.5e1", "5"), ("-12.5E+1", "-125"), ("0e5", "0"), ("100e-2", "1.00"), ("0.001e1", "0.01"),
        ("18446744073709551616", "18446744073709551616"), ("1e19", "10000000000000000000"), ("1e100000", "1e100000"),
        ("0.0e0", "0.0"), ("-0e-2", "0.00"),
    ])
    func `canonical numbers are plain`(text: String, plain: String) throws {
        let value = try JSONValue(parsing: text).canonical
        #expect(value.text == plain)
        #expect(try JSONValue(parsing: value.text) == value)
    }

    @Test func `canonical objects are sorted by bytes, at every level`() {
        let value: JSONValue = ["b": ["z": 1, "a": [["y": 1, "x": 2]]], "B": 0, "ł": 1, "aa": 2, "a": 3]
        #expect(value.canonical.text == #"{"B":0,"a":3,"aa":2,"b":{"a":[{"x":2,"y":1}],"z":1},"ł":1}"#)
    }
}

private func randomValue(_ random: inout SplitMix, depth: Int) -> JSONValue {
    switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &random) {
    case 0: return .null
    case 1: return .bool(Bool.random(using: &random))
    case 2: return .integer(Int64.random(in: .min ... .max, using: &random))
    case 3: return .integer(Int64.random(in: -100...100, using: &random))
    case 4:
        let digits = (0..<Int.random(in: 1...30, using: &random)).map { _ in Int.random(in: 0...9, using: &random) }
        return .number("-7.\(digits.map(String.init).joined())E\(Int.random(in: -9...9, using: &random))")
    case 5: return .string(randomText(&random))
    case 6:
        return .array((0..<Int.random(in: 0...5, using: &random)).map { _ in randomValue(&random, depth: depth - 1) })
    default:
        let count = Int.random(in: 0...25, using: &random)
        return .object(
            JSONObject((0..<count).map { _ in (randomText(&random), randomValue(&random, depth: depth - 1)) }))
    }
}

private func randomText(_ random: inout SplitMix) -> String {
    var text = ""
    for _ in 0..<Int.random(in: 0...20, using: &random) {
        let limit: UInt32 = [0x80, 0x800, 0x10000, 0x110000].randomElement(using: &random)!
        if let scalar = Unicode.Scalar(UInt32.random(in: 1..<limit, using: &random)) {
            text.unicodeScalars.append(scalar)
        }
    }
    return text
}
