import EventSourcing
import Foundation
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
        return schema["oneOf"]?.arrayValue?.flatMap { shapes($0, in: document) } ?? [schema]
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
            let document = try await instance.send(
                // The client takes no answer that was packed as well as this one can be.
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
            #expect((200...299).contains(empty.status), "\(said): \(empty.text)")
        }
        for (name, value) in samples where !required.contains(name) {
            var body = minimal.with(name, value)
            let companions = (shape["dependentRequired"]?[name]?.arrayValue ?? []).compactMap(\.stringValue)
            for (other, value) in samples where companions.contains(other) { body[other] = value }
            let answer = try await scene.send(call.method, call.path, body)
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

/// Makes what a request needs to find, in the state that it needs.
private final class Scene: Sendable {
    private let instance: Instance

    init(_ instance: Instance) { self.instance = instance }

    func send(_ method: String, _ path: String, _ body: JSONObject?) async throws -> Instance.Answer {
        var headers = instance.asOperator
        let (path, line) = try await resolve(path)
        let value = try await body.asyncMap { try await mended(.object($0), line) }
        if value != nil { headers["Content-Type"] = "application/json" }
        if path == "/v1/tenants" { headers["Closter-Tenant"] = nil }
        if path.hasPrefix("/v1/offers") { headers["Idempotency-Key"] = UUID.version7().text }
        return try await instance.send(method, .command, path, headers, body: value?.bytes ?? [])
    }

    /// With identifiers of what is there, what must be unique, and the tenant's currency.
    ///
    /// - Parameter line: the item of an intake, or the listing that is to end.
    private func mended(_ value: JSONValue, _ line: String?) async throws -> JSONValue {
        if let elements = value.arrayValue {
            var mended: [JSONValue] = []
            for element in elements { mended.append(try await self.mended(element, line)) }
            return .array(mended)
        }
        guard let object = value.objectValue else { return value }
        var mended: JSONObject = [:]
        var line = line, owner: String?
        if object["consignor_id"] != nil, object["items"].map({ !$0.isNull }) ?? false {
            // Things of a contract are its consignor's.
            let consignor = try await consignor()
            owner = consignor
            line = try await made(
                "/v1/items", ["title": "Coat", "condition": "good", "consignor_id": .string(consignor)])
        }
        for (name, member) in object {
            let random = JSONValue.string("X-\(UInt64.random(in: 0..<1_000_000_000))")
            switch name {
            case _ where member.isNull: mended[name] = member
            case "item_id":
                var id = line
                if id == nil { id = try await item() }
                mended[name] = .string(id ?? "")
            case "location_id": mended[name] = .string(try await location())
            case "consignor_id", "into":
                var id = owner
                if id == nil { id = try await consignor() }
                mended[name] = .string(id ?? "")
            case "listing_id": mended[name] = .string(try await listing(for: "offer"))
            case "offer_id": mended[name] = .string(try await offer(for: "sale", on: line))
            case "sku", "number", "code": mended[name] = member.stringValue == nil ? member : random
            case "slug": mended[name] = .string("t\(UInt64.random(in: 0..<UInt64.max))")
            case "currency" where object["amount"] != nil: mended[name] = "PLN"
            default: mended[name] = try await self.mended(member, line)
            }
        }
        return .object(mended)
    }

    private func resolve(_ path: String) async throws -> (path: String, line: String?) {
        guard path.contains("{id}") else { return (path, nil) }
        let parts = path.split(separator: "/")
        func named(_ id: String) -> (String, String?) { (path.replacing("{id}", with: id), nil) }
        switch parts[1] {
        case "items": return named(try await item(for: parts.count > 3 ? String(parts[3]) : ""))
        case "consignors": return named(try await consignor())
        case "locations": return named(try await location())
        case "keys":
            return named(try await made("/v1/keys", ["kind": "publishable"], "key_id"))
        case "contracts":
            let (contract, item) = try await contract(for: String(parts.last ?? ""))
            return (path.replacing("{id}", with: contract).replacing("{item_id}", with: item), item)
        case "offers": return named(try await offer(for: String(parts[3])))
        case "stocktakes":
            return named(try await made("/v1/stocktakes", ["location_id": .string(location())]))
        case "valuations": return named(try await valuation(for: String(parts[3])))
        case "intakes":
            let (intake, line) = try await intake(for: String(parts.last ?? ""))
            return (path.replacing("{id}", with: intake).replacing("{item_id}", with: line), line)
        default:
            let listing = try await listing(for: String(parts[3]))
            return (path.replacing("{id}", with: listing), listing)
        }
    }

    private func made(_ path: String, _ body: JSONValue, _ member: String = "id") async throws -> String {
        let key = ["Idempotency-Key": UUID.version7().text]
        return try await instance.write("POST", path, body, key)[member].stringValue ?? ""
    }

    /// A contract with an item, of which this can be said.
    private func contract(for action: String) async throws -> (contract: String, item: String) {
        let consignor = try await consignor()
        let digest = JSONValue.string(String(repeating: "a", count: 64))
        let item = try await made(
            "/v1/items", ["title": "Coat", "condition": "good", "consignor_id": .string(consignor)])
        let contract = try await made(
            "/v1/contracts",
            [
                "consignor_id": .string(consignor), "items": [["item_id": .string(item)]],
                "terms": [
                    "tiers": [["from": ["amount": 0, "currency": "PLN"], "percent": 50]], "term_days": 30,
                ],
            ])
        if action == "items" {
            let another = try await made(
                "/v1/items", ["title": "Hat", "condition": "good", "consignor_id": .string(consignor)])
            return (contract, another)
        }
        guard ["activate", "amend", "extend", "terminate"].contains(action) else { return (contract, item) }
        _ = try await instance.write(
            "POST", "/v1/consignors/\(consignor)/terms", ["document": digest, "method": "paper"])
        _ = try await instance.write(
            "POST", "/v1/contracts/\(contract)/sign",
            ["document": digest, "signer": "consignor", "method": "paper"])
        if action != "activate" { _ = try await instance.write("POST", "/v1/contracts/\(contract)/activate") }
        return (contract, item)
    }

    private func consignor() async throws -> String { try await made("/v1/consignors", ["name": "Jan"]) }

    private func location() async throws -> String {
        let code = "L-\(UInt64.random(in: 0..<1_000_000_000))"
        return try await made("/v1/locations", ["code": .string(code), "name": "Place", "kind": "store"])
    }

    /// Of somebody to answer, or answered.
    private func valuation(for action: String) async throws -> String {
        let method: JSONValue = action == "complete" ? "manual" : "comparables"
        return try await made("/v1/valuations", ["item_id": .string(item()), "method": method])
    }

    private func listing(for action: String, of item: String? = nil) async throws -> String {
        var offered = item
        if offered == nil { offered = try await self.item() }
        let listing = try await made(
            "/v1/listings", ["item_id": .string(offered ?? ""), "price": ["amount": 100, "currency": "PLN"]])
        if ["pause", "resume", "offer", "end"].contains(action) {
            _ = try await instance.write("POST", "/v1/listings/\(listing)/publish")
        }
        return listing
    }

    /// An offer of which this can be said; for a sale an accepted one.
    ///
    /// - Parameter listing: nil: one of its own.
    private func offer(for action: String, on listing: String? = nil) async throws -> String {
        var place = listing
        if place == nil {
            let asks = action == "ask-consignor" || action == "consignor-answer"
            place = try await self.listing(for: "offer", of: asks ? instance.consignedItem(minimum: 0) : item())
        }
        let offer = try await made(
            "/v1/offers",
            [
                "listing_id": .string(place ?? ""), "price": ["amount": 1, "currency": "PLN"],
                "buyer": ["platform": "shop", "external_id": "1"],
            ])
        let before = ["sale": "accept", "consignor-answer": "ask-consignor"][action]
        if let before { _ = try await made("/v1/offers/\(offer)/\(before)", [:]) }
        return offer
    }

    /// An item of which this can be said.
    private func item(for action: String = "") async throws -> String {
        var body: JSONObject = ["title": "Coat", "condition": "good"]
        if action == "return" || action == "convert" { body["consignor_id"] = .string(try await consignor()) }
        let item = try await made("/v1/items", .object(body))
        func first(_ action: String, _ body: JSONValue = [:]) async throws {
            _ = try await instance.write("POST", "/v1/items/\(item)/\(action)", body)
        }
        switch action {
        case "arrive": try await first("repair", ["custodian": "Tailor"])
        case "found": try await first("lost")
        case "release": try await first("hold")
        case "reinstate": try await first("withdraw")
        case "handover":
            let listing = try await made(
                "/v1/listings", ["item_id": .string(item), "price": ["amount": 100, "currency": "PLN"]])
            _ = try await instance.write("POST", "/v1/listings/\(listing)/publish")
            _ = try await instance.write(
                "POST", "/v1/listings/\(listing)/end",
                ["reason": "sold", "price": ["amount": 100, "currency": "PLN"]])
        default: break
        }
        return item
    }

    /// An intake with a line, of which this can be said.
    private func intake(for action: String) async throws -> (intake: String, line: String) {
        let intake = try await made("/v1/intakes", ["location_id": .string(location())])
        let added = try await instance.write("POST", "/v1/intakes/\(intake)/items", ["title": "Coat"])
        let line = added["items"][0]?.stringValue ?? ""
        if action == "receive" || action == "authentication" || action == "settle" {
            _ = try await instance.write("POST", "/v1/intakes/\(intake)/submit")
        }
        let verdict: JSONObject? =
            switch action {
            case "authentication": ["outcome": "needs_authentication", "authenticator": "Lab"]
            case "settle": ["outcome": "rejected", "reason": "torn", "fate": "dispose"]
            default: nil
            }
        if let verdict {
            let entry = verdict.with("item_id", .string(line))
            _ = try await instance.write("POST", "/v1/intakes/\(intake)/receive", ["items": [.object(entry)]])
        }
        return (intake, line)
    }
}

extension Optional {
    fileprivate func asyncMap<Value>(_ transform: (Wrapped) async throws -> Value) async rethrows -> Value? {
        if let self { try await transform(self) } else { nil }
    }
}

extension JSONObject {
    fileprivate func with(_ name: String, _ value: JSONValue) -> JSONObject {
        var object = self
        object[name] = value
        return object
    }
}
