public import JSON

/// The words of which a description of an API is made: schemas and parameters of OpenAPI 3.1. Who describes a part of
/// an API gets them by conforming.
public protocol APIWords {}

// MARK: - Schemas

extension APIWords {
    public static func reference(_ name: String) -> JSONValue { ["$ref": .string("#/components/schemas/\(name)")] }

    public static func array(_ items: JSONValue) -> JSONValue { ["type": "array", "items": items] }

    public static func array(_ items: JSONValue, atMost count: Int) -> JSONValue {
        ["type": "array", "items": items, "maxItems": JSONValue(count)]
    }

    public static func nullable(_ type: String) -> JSONValue { ["type": [.string(type), "null"]] }

    public static func orNull(_ schema: JSONValue) -> JSONValue { ["oneOf": [schema, ["type": "null"]]] }

    public static func choice(_ values: [String]) -> JSONValue {
        ["type": "string", "enum": .array(values.map(JSONValue.string))]
    }

    public static func string(_ description: String? = nil) -> JSONValue {
        description.map { ["type": "string", "description": .string($0)] } ?? ["type": "string"]
    }

    /// A text of 1 to `limit` Unicode characters, after white space at its ends is taken away, without U+0000.
    public static func text(_ limit: Int) -> JSONValue {
        [
            "type": "string", "minLength": 1, "maxLength": JSONValue(limit),
            "pattern": #"^[^\u0000]*[^\s\u0000][^\u0000]*$"#,
        ]
    }

    /// A text of a form, with a text that has it.
    public static func text(like pattern: String, _ example: String, atMost limit: Int? = nil) -> JSONValue {
        var schema: JSONObject = ["type": "string", "pattern": .string(pattern), "examples": [.string(example)]]
        schema["maxLength"] = limit.map { JSONValue($0) }
        return .object(schema)
    }

    public static func integer(_ range: ClosedRange<Int64>) -> JSONValue {
        ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
    }

    /// An identifier, as it is written: `item_01h455vb4pex5vsknk084sn02q`.
    public static func identifier(_ prefix: String) -> JSONValue {
        text(like: "^\(prefix)_[0-7][0-9a-hjkmnp-tv-z]{25}$", "\(prefix)_01h455vb4pex5vsknk084sn02q")
    }

    public static var time: JSONValue { ["type": "string", "format": "date-time"] }

    public static var uuid: JSONValue { ["type": "string", "format": "uuid"] }

    /// An object of an answer. Every member is always there, save those of `optional`; clients ignore members that
    /// they do not know.
    public static func object(_ members: JSONObject, optional: Set<String> = []) -> JSONValue {
        let required = members.members.map(\.key).filter { !optional.contains($0) }
        return [
            "type": "object", "required": .array(required.map(JSONValue.string)), "properties": .object(members),
        ]
    }

    /// An object of a request: a member that is not named here is refused.
    public static func fields(required: JSONObject = [:], optional: JSONObject = [:]) -> JSONValue {
        [
            "type": "object", "required": .array(required.keys.map(JSONValue.string)),
            "properties": .object(required + optional), "additionalProperties": false,
        ]
    }
}

// MARK: - Parameters

extension APIWords {
    public static func choice(_ name: String, _ values: [String]) -> JSONValue { query(name, choice(values)) }

    public static func query(_ name: String, _ schema: JSONValue, _ description: String? = nil) -> JSONValue {
        parameter(name, "query", schema, description)
    }

    public static func path(_ name: String, _ description: String) -> JSONValue {
        path(name, ["type": "string"], description)
    }

    public static func path(_ name: String, _ schema: JSONValue, _ description: String? = nil) -> JSONValue {
        parameter(name, "path", schema, description)
    }

    private static func parameter(
        _ name: String, _ place: String, _ schema: JSONValue, _ description: String?
    ) -> JSONValue {
        var object: JSONObject = [
            "name": .string(name), "in": .string(place), "required": .bool(place == "path"), "schema": schema,
        ]
        object["description"] = description.map(JSONValue.string)
        return .object(object)
    }
}

extension JSONObject {
    /// Both objects' members; where both have one, the right's.
    public static func + (left: JSONObject, right: JSONObject) -> JSONObject {
        var sum = left
        for (name, value) in right { sum[name] = value }
        return sum
    }
}
