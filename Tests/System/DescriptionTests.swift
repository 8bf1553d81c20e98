import JSON
import TestSupport
import Testing

/// What the command service says of its requests' bodies is held against what its routes take.
@Suite(.serialized) struct DescriptionTests {
    /// A value of a schema; nil where the test has to know one.
    private static func sample(_ schema: JSONValue, in document: JSONValue) -> JSONValue? {
        if let name = schema["$ref"]?.stringValue?.split(separator: "/").last {
            return document["components"]?["schemas"]?[String(name)].flatMap { sample($0, in: document) }
        }
        if let constant = schema["const"] { return constant }
        if let example = schema["examples"]?[0] { return example }
        if let first = schema["enum"]?[0] { return first }
        if let first = schema["oneOf"]?[0] { return sample(first, in: document) }
        switch schema["type"]?.stringValue {
        case "null": return .null
        case "integer": return schema["minimum"] ?? 1
        case "string": return .string("a")
        case "array":
            guard schema["maxItems"] != 0, let items = schema["items"] else { return [] }
            return sample(items, in: document).map { [$0] }
        case "object":
            let members = (schema["properties"]?.objectValue ?? [:]).members.compactMap { name, member in
                sample(member, in: document).map { (name, $0) }
            }
            return .object(JSONObject(members))
        default: return nil
        }
    }

    /// The shapes that a body may have: one, or the alternatives.
    private static func shapes(_ schema: JSONValue, in document: JSONValue) -> [JSONValue] {
        if let name = schema["$ref"]?.stringValue?.split(separator: "/").last {
            return document["components"]?["schemas"]?[String(name)].map { shapes($0, in: document) } ?? []
        }
        return schema["oneOf"]?.arrayValue ?? [schema]
    }

    private struct Call {
        var method: String
        var path: String
        var isOptional: Bool
        var schema: JSONValue
    }

    private static func calls(_ document: JSONValue) -> [Call] {
        (document["paths"]?.objectValue ?? [:]).members.flatMap { path, item in
            (item.objectValue ?? [:]).members.compactMap { method, operation in
                operation["requestBody"]?["content"]?["application/json"]?["schema"].map {
                    Call(
                        method: method.uppercased(), path: path,
                        isOptional: operation["requestBody"]?["required"] == false, schema: $0)
                }
            }
        }
    }

    @Test func `a body of the described shape is taken, and no other`() async throws {
        try await Instance.with { instance in
            // It says the same of so many routes that the client takes the compressed form for an attack.
            let document = try await instance.send(
                "GET", .command, "/openapi.json", ["Accept-Encoding": "identity"]
            ).json
            let calls = Self.calls(document)
            #expect(calls.count > 10)
            let scene = Scene(instance)
            for call in calls {
                for shape in Self.shapes(call.schema, in: document) {
                    try await check(call, shape, document, scene)
                }
            }
        }
    }

    private func check(_ call: Call, _ shape: JSONValue, _ document: JSONValue, _ scene: Scene) async throws {
        let properties = (shape["properties"]?.objectValue ?? [:]).members
        let required = (shape["required"]?.arrayValue ?? []).compactMap(\.stringValue)
        let samples = properties.compactMap { name, schema in
            Self.sample(schema, in: document).map { (name, $0) }
        }
        #expect(samples.count == properties.count, "\(call.path)")
        let minimal = JSONObject(samples.filter { required.contains($0.0) })
        let said = "\(call.method) \(call.path)"

        let least = try await scene.send(call.method, call.path, minimal)
        #expect((200...299).contains(least.status), "\(said) \(minimal): \(least.text)")
        if call.isOptional {
            let empty = try await scene.send(call.method, call.path, nil)
            #expect(empty.status == 200, "\(said): \(empty.text)")
        }
        for (name, value) in samples where !required.contains(name) {
            let answer = try await scene.send(call.method, call.path, minimal.with(name, value))
            #expect((200...299).contains(answer.status), "\(said) with \(name): \(answer.text)")
        }
        for (name, schema) in properties where !required.contains(name) {
            let allowsNull = schema["oneOf"]?.arrayValue?.contains { $0["type"] == "null" } ?? false
            guard schema["type"] != "null" else { continue }
            let answer = try await scene.send(call.method, call.path, minimal.with(name, .null))
            #expect((answer.status < 300) == allowsNull, "\(said) with \(name) null: \(answer.text)")
        }
        let unknown = try await scene.send(call.method, call.path, minimal.with("unheard_of", 1))
        #expect(unknown.status == 422, "\(said): \(unknown.text)")
        #expect(unknown["errors"][0]?["pointer"] == "/unheard_of", "\(said): \(unknown.text)")
        for name in required {
            var incomplete = minimal
            incomplete[name] = nil
            let answer = try await scene.send(call.method, call.path, incomplete)
            #expect(answer.status == 422, "\(said) without \(name): \(answer.text)")
        }
    }
}

/// Makes what a request needs to find: an item, a listing that is in the right status.
private final class Scene: Sendable {
    private let instance: Instance

    init(_ instance: Instance) { self.instance = instance }

    func send(_ method: String, _ path: String, _ body: JSONObject?) async throws -> Instance.Answer {
        var headers = instance.asOperator
        var body = body
        if body?["item_id"] != nil { body?["item_id"] = .string(try await item()) }
        if body?["slug"] != nil { body?["slug"] = .string("t\(UInt64.random(in: 0..<UInt64.max))") }
        if body?["sku"] != nil, body?["sku"] != .null { body?["sku"] = .string("\(UInt64.random(in: 0..<UInt64.max))") }
        if body != nil { headers["Content-Type"] = "application/json" }
        // A price is in the tenant's currency.
        if var price = body?["price"]?.objectValue {
            price["currency"] = "PLN"
            body?["price"] = .object(price)
        }
        if path == "/v1/tenants" { headers["Closter-Tenant"] = nil }
        return try await instance.send(
            method, .command, try await resolve(path), headers, body: body.map { JSONValue.object($0).bytes })
    }

    private func resolve(_ path: String) async throws -> String {
        guard path.contains("{id}") else { return path }
        if path.hasPrefix("/v1/items/") { return path.replacing("{id}", with: try await item()) }
        let listing = try await instance.write(
            "POST", "/v1/listings",
            ["item_id": .string(try await item()), "price": ["amount": 100, "currency": "PLN"]])
        let id = listing["id"].stringValue ?? ""
        if path.hasSuffix("/pause") || path.hasSuffix("/resume") {
            _ = try await instance.write("POST", "/v1/listings/\(id)/publish")
        }
        return path.replacing("{id}", with: id)
    }

    private func item() async throws -> String {
        try await instance.write("POST", "/v1/items", ["title": "Coat", "condition": "good"])["id"].stringValue ?? ""
    }
}

extension JSONObject {
    fileprivate func with(_ name: String, _ value: JSONValue) -> JSONObject {
        var object = self
        object[name] = value
        return object
    }
}
