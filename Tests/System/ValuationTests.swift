import EventSourcing
import Foundation
import JSON
import TestSupport
import Testing

/// What items are worth, over HTTP and the real programs.
@Suite(.serialized) struct ValuationTests {
    private static func price(_ amount: Int64) -> JSONValue { ["amount": .integer(amount), "currency": "PLN"] }

    private static func coat(
        _ instance: Instance, _ condition: String = "very_good", _ headers: [String: String] = [:]
    ) async throws -> String {
        let item = try await instance.write(
            "POST", "/v1/items",
            ["title": "Coat", "brand": "Ganni", "category": "Coats", "condition": .string(condition)], headers)
        return item["id"].stringValue ?? ""
    }

    /// A coat that was sold.
    @discardableResult
    private static func sold(
        _ amount: Int64, _ instance: Instance, _ condition: String = "very_good", _ headers: [String: String] = [:]
    ) async throws -> (item: String, listing: String) {
        let item = try await coat(instance, condition, headers)
        let listing = try await instance.write(
            "POST", "/v1/listings", ["item_id": .string(item), "price": price(amount)], headers)
        let id = listing["id"].stringValue ?? ""
        _ = try await instance.write("POST", "/v1/listings/\(id)/publish", nil, headers)
        _ = try await instance.write(
            "POST", "/v1/listings/\(id)/end", ["reason": "sold", "price": price(amount)], headers)
        return (item, id)
    }

    private static func ask(
        _ item: String, _ method: String, _ instance: Instance, _ headers: [String: String] = [:]
    ) async throws -> Instance.Answer {
        try await instance.write(
            "POST", "/v1/valuations", ["item_id": .string(item), "method": .string(method)], headers)
    }

    private static func read(
        _ path: String, after answer: Instance.Answer, _ instance: Instance, _ headers: [String: String] = [:]
    ) async throws -> Instance.Answer {
        let position = answer.headers["closter-position"] ?? ""
        return try await instance.read(
            path,
            instance.asOperator.merging(["Closter-After": position, "Prefer": "wait=10"]) { $1 }.merging(headers) { $1 }
        )
    }

    private static func types(_ answer: Instance.Answer) -> [String] {
        (answer["events"].arrayValue ?? []).compactMap { $0["type"]?.stringValue }
    }

    private static func refusal(_ path: String, _ body: JSONValue, _ instance: Instance) async throws -> [String] {
        let answer = try await instance.send(
            "POST", .command, path, instance.asOperator.merging(["Content-Type": "application/json"]) { $1 },
            body: body.bytes)
        let errors = answer["errors"].arrayValue ?? []
        return ["\(answer.status)"]
            + errors.map { "\($0["pointer"]?.stringValue ?? "") \($0["code"]?.stringValue ?? "")" }
    }

    @Test func `what alike was sold for says what an item is worth, and a decision says why`() async throws {
        try await Instance.with { instance in
            var sales: [(item: String, listing: String)] = []
            for amount in [14_000, 10_000, 12_000] as [Int64] { sales.append(try await Self.sold(amount, instance)) }
            try await Self.sold(90_000, instance, "good")
            let asked = try await Self.ask(try await Self.coat(instance), "comparables", instance)
            #expect(asked.status == 201)
            #expect(Self.types(asked) == ["ValuationRequested", "ValuationCompleted", "DecisionMade"])
            let id = asked["id"].stringValue ?? ""
            #expect(asked.headers["location"]?.hasSuffix("/v1/valuations/\(id)") == true)

            let valuation = try await Self.read("/v1/valuations/\(id)", after: asked, instance)
            #expect(valuation["status"] == "completed")
            #expect(valuation["low"] == Self.price(10_000))
            #expect(valuation["proposed"] == Self.price(12_000))
            #expect(valuation["high"] == Self.price(14_000))
            #expect(valuation["confidence"] == 56)
            #expect(
                (valuation["comparables"].arrayValue ?? []).compactMap { $0["listing_id"]?.stringValue }
                    == sales.reversed().map { $0.listing })

            // Why: each rule, with the events it rests on, which are there.
            let decisions = try await Self.read("/v1/decisions?subject=\(id)&kind=valuation", after: asked, instance)
            #expect(decisions["data"].arrayValue?.count == 1)
            let decision = decisions["data"][0] ?? .null
            #expect(decision["outcome"] == "valued")
            #expect(decision["item_id"] == valuation["item_id"])
            #expect(decision["inputs"]?["brand"] == "Ganni")
            #expect(decision["inputs"]?["considered"] == 3)
            let rules = decision["rules"]?.arrayValue ?? []
            #expect(rules.map { $0["held"] } == [true, true, true])
            let links = rules.last?["events"]?.arrayValue ?? []
            #expect(links.count == 3)
            for link in links {
                let stream = link["stream"]?.stringValue ?? ""
                let history = try await instance.read("/v1/streams/listing/\(stream)")
                let event = history["data"].arrayValue?.first { $0["version"] == link["version"] }
                #expect(event?["type"] == "ListingEnded")
                #expect(event?["data"]?["reason"] == "sold")
            }
            let one = try await instance.read("/v1/decisions/\(decision["id"]?.stringValue ?? "")")
            #expect(one.json == decision)

            // A sold coat is none of its own: two are left, and the other condition joins them.
            let again = try await Self.ask(sales[0].item, "comparables", instance)
            let widened = try await Self.read("/v1/valuations/\(again["id"].stringValue ?? "")", after: again, instance)
            #expect(widened["evidence"]["found"] == 3)
            #expect(widened["evidence"]["same_condition"] == 2)
            #expect(widened["comparables"][0]?["adjusted"] == Self.price(114_545))

            // Lists, as files too.
            let listed = try await instance.read("/v1/valuations?item_id=\(sales[0].item)&method=comparables")
            #expect(listed["data"].arrayValue?.count == 1)
            #expect(try await instance.read("/v1/valuations?status=inconclusive")["data"] == [])
            let file = try await instance.read(
                "/v1/valuations", instance.asOperator.merging(["Accept": "text/csv"]) { $1 })
            #expect(file.text.hasPrefix("id,status,item_id,method,note,low_amount,proposed_amount,high_amount,"))
            #expect(file.text.contains(",10000,12000,14000,PLN,56,"))
            let why = try await instance.read(
                "/v1/decisions", instance.asOperator.merging(["Accept": "text/csv"]) { $1 })
            #expect(why.text.hasPrefix("id,kind,subject,item_id,outcome,"))
            #expect(try await instance.read("/v1/decisions", instance.asBackEnd).status == 403)

            // What another tenant sold says nothing here.
            try await instance.createTenant("other")
            let other = ["Closter-Tenant": "other"]
            let theirs = try await Self.ask(
                try await Self.coat(instance, "very_good", other), "comparables", instance, other)
            #expect(Self.types(theirs) == ["ValuationRequested", "ValuationInconclusive", "DecisionMade"])
            let path = "/v1/valuations/\(theirs["id"].stringValue ?? "")"
            let none = try await Self.read(path, after: theirs, instance, other)
            #expect(
                none["inconclusive"] == ["reason": "too_few_comparables", "found": 0, "needed": 3, "missing": []])
            #expect(try await instance.read(path).status == 404)
            try await eventually("everything is projected and nothing differs") {
                try await instance.tool(["verify"]).status == 0
            }
        }
    }

    @Test func `somebody answers, somebody knows better, and what is missing is named`() async throws {
        try await Instance.with { instance in
            let item = try await instance.write("POST", "/v1/items", ["title": "Thing", "condition": "good"])
            let id = item["id"].stringValue ?? ""
            let unclear = try await Self.ask(id, "comparables", instance)
            let said = try await Self.read(
                "/v1/valuations/\(unclear["id"].stringValue ?? "")", after: unclear, instance)
            #expect(said["status"] == "inconclusive")
            #expect(said["inconclusive"]["reason"] == "not_described")
            #expect(said["inconclusive"]["missing"] == ["category", "brand"])

            let asked = try await Self.ask(id, "manual", instance)
            #expect(Self.types(asked) == ["ValuationRequested"])
            let path = "/v1/valuations/\(asked["id"].stringValue ?? "")"
            let better: JSONValue = ["proposed": Self.price(25_000), "reason": "signed"]
            #expect(try await Self.refusal("\(path)/override", better, instance) == ["422", " valuation_not_answered"])
            let answer: JSONValue = [
                "low": Self.price(10_000), "proposed": Self.price(15_000), "high": Self.price(20_000),
                "confidence": 70, "note": "seen",
            ]
            #expect(try await Self.types(instance.write("POST", "\(path)/complete", answer)) == ["ValuationCompleted"])
            #expect(try await Self.types(instance.write("POST", "\(path)/complete", answer)) == [])
            #expect(
                try await Self.refusal(
                    "\(path)/complete",
                    [
                        "low": Self.price(1), "proposed": Self.price(1), "high": Self.price(1), "confidence": 1,
                    ], instance) == ["422", " valuation_answered"])
            let known = try await instance.write("POST", "\(path)/override", better)
            let read = try await Self.read(path, after: known, instance)
            #expect(read["status"] == "overridden")
            #expect(read["proposed"] == Self.price(25_000))
            #expect(read["override"]["instead_of"]?["high"] == Self.price(20_000))
            #expect(
                try await Self.refusal(
                    "\(path)/override", ["proposed": ["amount": 1, "currency": "EUR"], "reason": "x"], instance)
                    == ["422", "/proposed/currency wrong_currency"])
            #expect(
                try await Self.refusal(
                    "/v1/valuations", ["item_id": "item_01h455vb4pex5vsknk084sn02q", "method": "manual"], instance)
                    == ["422", "/item_id item_unknown"])
            #expect(
                try await Self.refusal("/v1/valuations/valuation_01h455vb4pex5vsknk084sn02q/complete", answer, instance)
                    .first == "404")
        }
    }
}
