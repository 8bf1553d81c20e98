import EventSourcing
import JSON
import Testing

@testable import Command

@Suite struct ItemFieldsTests {
    @Test func `fields are trimmed and absent or null ones left out`() throws {
        let intent = try Item.Receive(
            fields: body(#"{"title": " Coat\n", "condition": "very_good", "brand": null, "sku": " A 1 "}"#))
        #expect(intent.values == ["title": "Coat", "condition": "very_good", "sku": "A 1"])
    }

    @Test func `everything wrong is said at once`() throws {
        let text = #"""
            {"title": "  ", "description": 5, "size": "", "sku": "x", "photos": ["https://a.example/1", "http://b", 7],
             "attributes": [], "colour": "red", "a/b~": 1}
            """#
        let errors = try errors { try Item.Receive(fields: body(text)) }
        #expect(
            errors.map { "\($0.pointer) \($0.code.rawValue)" } == [
                "/colour unknown_field", "/a~1b~0 unknown_field", "/title empty", "/condition required",
                "/description wrong_type", "/size empty", "/photos/1 invalid", "/photos/2 wrong_type",
                "/attributes wrong_type",
            ])
    }

    @Test func `bounds`() throws {
        func object(_ key: String, _ value: JSONValue) -> JSONObject {
            var object: JSONObject = ["title": "x", "condition": "good"]
            object[key] = value
            return object
        }
        func text(_ count: Int) -> JSONValue { .string(String(repeating: "ż", count: count)) }
        for (key, limit) in [("title", 200), ("description", 20_000), ("brand", 200), ("sku", 100)] {
            #expect(throws: Never.self) { try Item.Receive(fields: object(key, text(limit))) }
            #expect(try codes { try Item.Receive(fields: object(key, text(limit + 1))) } == ["/\(key) too_long"])
        }
        func photos(_ count: Int) -> JSONValue { .array(Array(repeating: "https://a.example/p.jpg", count: count)) }
        #expect(throws: Never.self) { try Item.Receive(fields: object("photos", photos(50))) }
        #expect(try codes { try Item.Receive(fields: object("photos", photos(51))) } == ["/photos too_many"])
        let long = "https://a.example/" + String(repeating: "p", count: 2031)
        #expect(try codes { try Item.Receive(fields: object("photos", [.string(long)])) } == ["/photos/0 too_long"])
        #expect(try codes { try Item.Receive(fields: object("condition", "worn")) } == ["/condition invalid"])
    }

    @Test(arguments: [
        "https://", "https:///x", "https://a b", "https://user@host/x", "javascript:alert(1)", "//a.example/x",
        "ftp://a/x",
        "https://a.example/<x>", "https://a.example/\u{7}",
    ])
    func `a photo is an absolute https URL`(url: String) throws {
        let fields: JSONObject = ["title": "x", "condition": "good", "photos": [.string(url)]]
        #expect(try codes { try Item.Receive(fields: fields) } == ["/photos/0 invalid"])
    }

    @Test func `attributes are bounded in members, depth, size and numbers, and come out canonical`() throws {
        func read(_ attributes: JSONValue) throws -> [String] {
            try codes { try Item.Update(fields: ["attributes": attributes]) }
        }
        let many = JSONValue.object(JSONObject((0..<101).map { ("k\($0)", .integer(1)) }))
        #expect(try read(many) == ["/attributes too_many"])
        #expect(try read(["a": [[[[1]]]]]) == [])
        #expect(try read(["a": [[[[[1]]]]]]) == ["/attributes/a/0/0/0/0 too_deep"])
        #expect(try read(["a": .string(String(repeating: "x", count: 33_000))]) == ["/attributes/a too_long"])
        #expect(
            try read(["a": .array(Array(repeating: .string(String(repeating: "x", count: 400)), count: 100))])
                == ["/attributes too_large"])
        for number in ["1e100000", "1e200", String(repeating: "9", count: 61)] {
            #expect(try read(["a": ["b": .number(number)]]) == ["/attributes/a/b out_of_range"], "\(number)")
        }
        let intent = try Item.Update(fields: body(#"{"attributes": {"b": 1e2, "a": {"d": -0.0, "c": 1.50e1}}}"#))
        #expect(JSONValue.object(intent.changes).text == #"{"attributes":{"a":{"c":15.0,"d":0.0},"b":100}}"#)
    }

    @Test func `U+0000 is refused wherever it stands`() throws {
        let fields: JSONObject = [
            "title": "a\0b", "photos": ["https://a.example/\0"], "attributes": ["a": ["x\0"], "b\0": 1],
        ]
        #expect(
            try codes { try Item.Update(fields: fields) } == [
                "/title null_character", "/photos/0 invalid", "/attributes/a/0 null_character",
            ])
    }

    @Test func `a change names fields, null clears the optional ones only`() throws {
        let intent = try Item.Update(fields: body(#"{"brand": null, "photos": null, "attributes": null, "size": "M"}"#))
        #expect(intent.changes == ["brand": .null, "photos": [], "attributes": [:], "size": "M"])
        #expect(
            try codes { try Item.Update(fields: body(#"{"title": null, "condition": null}"#)) }
                == ["/title required", "/condition required"])
        #expect(try Item.Update(fields: [:]).changes == [:])
    }

    @Test func `a deletion has a reason`() throws {
        #expect(try Item.Delete(fields: ["reason": " torn "]).reason == "torn")
        #expect(try codes { try Item.Delete(fields: [:]) } == ["/reason required"])
    }
}

/// The errors that reading fields ends with.
func errors<T>(_ read: () throws -> T) throws -> [FieldError] {
    do {
        _ = try read()
        return []
    } catch let invalid as InvalidFields {
        return invalid.errors
    }
}

func codes<T>(_ read: () throws -> T) throws -> [String] {
    try errors(read).map { "\($0.pointer) \($0.code.rawValue)" }
}
