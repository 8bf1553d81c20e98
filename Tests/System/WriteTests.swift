import Foundation
import JSON
import TestSupport
import Testing

@Suite(.serialized) struct WriteTests {
    private static let coat: JSONValue = ["title": "Coat", "condition": "good"]

    private func post(
        _ instance: Instance, _ path: String, _ body: String, _ headers: [String: String] = [:]
    ) async throws -> Instance.Answer {
        let all = instance.asOperator.merging(["Content-Type": "application/json"]) { $1 }.merging(headers) { $1 }
        return try await instance.send("POST", .command, path, all, body: Array(body.utf8))
    }

    @Test func `the same key a hundred times at once has one effect and one answer`() async throws {
        try await Instance.with { instance in
            let answers = try await withThrowingTaskGroup(of: Instance.Answer.self) { group in
                for _ in 0..<100 {
                    group.addTask {
                        try await post(instance, "/v1/items", Self.coat.text, ["Idempotency-Key": "once"])
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(answers.map(\.status)) == [201])
            #expect(Set(answers.map(\.text)).count == 1)
            #expect(answers.count { $0.headers["idempotency-replayed"] == "true" } == 99)
            let other = try await post(
                instance, "/v1/items", #"{"title": "Other", "condition": "good"}"#, ["Idempotency-Key": "once"])
            #expect(other.status == 422)
            #expect(other["code"] == "idempotency_key_reused")
        }
    }

    @Test func `a refusal leaves its key free, and what is already true keeps it`() async throws {
        try await Instance.with { instance in
            let key = ["Idempotency-Key": "k"]
            #expect(try await post(instance, "/v1/items", #"{"title": ""}"#, key).status == 422)
            let item = try await post(instance, "/v1/items", Self.coat.text, key)
            #expect(item.status == 201)
            let id = item["id"].stringValue ?? ""
            let listing = try await instance.write(
                "POST", "/v1/listings", ["item_id": .string(id), "price": ["amount": 100, "currency": "PLN"]])
            let publish = "/v1/listings/\(listing["id"].stringValue ?? "")/publish"
            let first = try await instance.write("POST", publish)
            #expect(first["events"].arrayValue?.count == 1)
            let again = try await instance.write("POST", publish, nil, ["Idempotency-Key": "p"])
            #expect(again["events"].arrayValue?.isEmpty == true)
            #expect(again["position"] == first["position"])
            let replayed = try await instance.write("POST", publish, nil, ["Idempotency-Key": "p"])
            #expect(replayed.headers["idempotency-replayed"] == "true")
            #expect(replayed.text == again.text)
        }
    }

    @Test func `If-Match lets exactly one of many through`() async throws {
        try await Instance.with { instance in
            let item = try await instance.write("POST", "/v1/items", Self.coat)
            let path = "/v1/items/\(item["id"].stringValue ?? "")"
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        try await instance.send(
                            "PATCH", .command, path,
                            instance.asOperator.merging([
                                "Content-Type": "application/json", "If-Match": #""1-abc""#,
                            ]) { $1 }, body: Array(#"{"title": "Coat \#(number)"}"#.utf8)
                        ).status
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.count { $0 == 200 } == 1)
            #expect(statuses.count { $0 == 412 } == 19)
        }
    }

    @Test func `fifty writers on one listing are decided one after the other`() async throws {
        try await Instance.with { instance in
            let item = try await instance.write("POST", "/v1/items", Self.coat)
            let listing = try await instance.write(
                "POST", "/v1/listings", ["item_id": item["id"], "price": ["amount": 1, "currency": "PLN"]])
            let path = "/v1/listings/\(listing["id"].stringValue ?? "")/price"
            let versions = try await withThrowingTaskGroup(of: Int64.self) { group in
                for amount in 0..<50 {
                    group.addTask {
                        let price: JSONValue = ["price": ["amount": .integer(Int64(amount) + 2), "currency": "PLN"]]
                        return try await instance.write("POST", path, price)["version"].integerValue ?? 0
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(versions.sorted() == Array(2...51))
        }
    }

    @Test func `what is sold on one channel is withdrawn from the others`() async throws {
        try await Instance.with { instance in
            let item = try await instance.write("POST", "/v1/items", Self.coat)
            var listings: [String] = []
            for channel in ["storefront", "market"] {
                let listing = try await instance.write(
                    "POST", "/v1/listings",
                    [
                        "item_id": item["id"], "price": ["amount": 100, "currency": "PLN"],
                        "channel": .string(channel),
                    ])
                listings.append(listing["id"].stringValue ?? "")
                _ = try await instance.write("POST", "/v1/listings/\(listings.last ?? "")/publish")
            }
            let sale = try await instance.write(
                "POST", "/v1/listings/\(listings[0])/end",
                ["reason": "sold", "price": ["amount": 100, "currency": "PLN"]])
            #expect(sale["id"].stringValue == listings[0])
            #expect(
                sale["events"].arrayValue?.map { $0["type"] } == [
                    "ListingEnded", "ItemAllocationChanged", "ItemTitleTransferred", "ListingEnded",
                ])
            let after = ["Closter-After": sale.headers["closter-position"] ?? "", "Prefer": "wait=10"]
            let all = instance.asOperator.merging(after) { $1 }
            #expect(try await instance.read("/v1/listings/\(listings[0])", all)["end_reason"] == "sold")
            #expect(try await instance.read("/v1/listings/\(listings[1])", all)["end_reason"] == "withdrawn")
            #expect(try await instance.read("/v1/items/\(item["id"].stringValue ?? "")", all)["status"] == "sold")
            let storefront = instance.asStorefront.merging(after) { $1 }
            #expect(try await instance.read("/v1/listings", storefront)["data"].arrayValue?.isEmpty == true)
        }
    }

    @Test func `bad input gets a clear answer and changes nothing`() async throws {
        try await Instance.with { instance in
            let before = try await instance.read("/v1/events?limit=200")["data"].arrayValue?.count
            let cases: [(body: [UInt8], status: Int, code: String)] = [
                (Array(#"{"title": "#.utf8), 400, "malformed_json"),
                (Array(#"{"title": "a", "title": "b", "condition": "good"}"#.utf8), 400, "malformed_json"),
                (Array(#"{"title": ""#.utf8) + [0xC3, 0x28] + Array(#""}"#.utf8), 400, "malformed_json"),
                (Array(#"["title"]"#.utf8), 422, "invalid_fields"),
                (Array(#"{"title": "a\u0000b", "condition": "good"}"#.utf8), 422, "invalid_fields"),
                (Array(#"{"title": 7, "condition": "good"}"#.utf8), 422, "invalid_fields"),
                (Array(#"{"title": "a", "condition": "good", "colour": "red"}"#.utf8), 422, "invalid_fields"),
                (
                    Array(#"{"title": "a", "condition": "good", "description": ""#.utf8)
                        + [UInt8](repeating: 0x61, count: 2 << 20) + Array(#""}"#.utf8), 413, "too_large"
                ),
            ]
            for (body, status, code) in cases {
                let answer = try await instance.send(
                    "POST", .command, "/v1/items",
                    instance.asOperator.merging(["Content-Type": "application/json"]) { $1 }, body: body)
                #expect(answer.status == status, "\(answer.text)")
                #expect(answer["code"].stringValue == code, "\(answer.text)")
                #expect(answer.headers["content-type"] == "application/problem+json")
            }
            let anonymous = try await instance.send("POST", .command, "/v1/items", ["Content-Type": "application/json"])
            #expect(anonymous.status == 401 || anonymous.status == 400)
            let storefront = try await instance.send(
                "POST", .command, "/v1/items",
                instance.asStorefront.merging(["Content-Type": "application/json"]) { $1 }, body: Self.coat.bytes)
            #expect(storefront.status == 403)
            let after = try await instance.read("/v1/events?limit=200")["data"].arrayValue?.count
            #expect(after == before)
        }
    }

    @Test func `two tenants never meet`() async throws {
        try await Instance.with { instance in
            let item = try await instance.write("POST", "/v1/items", Self.coat)
            _ = try await instance.write(
                "POST", "/v1/tenants",
                ["slug": "other", "name": "Other", "currency": "EUR", "time_zone": "Europe/Berlin"])
            let elsewhere = instance.asOperator.merging(["Closter-Tenant": "other"]) { $1 }
            let path = "/v1/items/\(item["id"].stringValue ?? "")"
            try await eventually("the other tenant is known") {
                try await instance.read("/v1/items", elsewhere).status == 200
            }
            #expect(try await instance.read(path, elsewhere).status == 404)
            let stolen = try await instance.send(
                "PATCH", .command, path, elsewhere.merging(["Content-Type": "application/json"]) { $1 },
                body: Array(#"{"title": "Mine"}"#.utf8))
            #expect(stolen.status == 404)
            let token = item.headers["closter-position"] ?? ""
            #expect(
                try await instance.read("/v1/items", elsewhere.merging(["Closter-After": token]) { $1 }).status == 400)
        }
    }
}
