import EventSourcing
import Foundation
import JSON
import Postgres
import TestSupport
import Testing

/// A day at the counter, over HTTP and the real programs.
@Suite(.serialized) struct CounterTests {
    private static func location(in instance: Instance) async throws -> String {
        let code = String(UUID.version7().text.suffix(8))
        let opened = try await instance.write(
            "POST", "/v1/locations", ["code": .string(code), "name": "Shelf", "kind": "store"])
        return opened["id"].stringValue ?? ""
    }

    private static func ids(_ answer: Instance.Answer) -> [String] {
        (answer["items"].arrayValue ?? []).compactMap { $0.stringValue ?? $0["item_id"]?.stringValue }
    }

    private static func item(
        _ id: String, after answer: Instance.Answer, _ instance: Instance
    ) async throws -> Instance.Answer {
        try await read("/v1/items/\(id)", after: answer, instance)
    }

    /// As a member reads it after what was written.
    private static func read(
        _ path: String, after answer: Instance.Answer, _ instance: Instance
    ) async throws -> Instance.Answer {
        let position = answer.headers["closter-position"] ?? ""
        return try await instance.read(
            path, instance.asOperator.merging(["Closter-After": position, "Prefer": "wait=10"]) { $1 })
    }

    private static func refusal(
        _ path: String, _ body: JSONValue, _ instance: Instance
    ) async throws -> [String] {
        let answer = try await instance.send(
            "POST", .command, path, instance.asOperator.merging(["Content-Type": "application/json"]) { $1 },
            body: body.bytes)
        let errors = answer["errors"].arrayValue ?? []
        return ["\(answer.status)"]
            + errors.map { "\($0["pointer"]?.stringValue ?? "") \($0["code"]?.stringValue ?? "")" }
    }

    @Test func `what comes in is entered, received, and becomes items that say where they are`() async throws {
        try await Instance.with { instance in
            let location = try await Self.location(in: instance)
            let other = try await Self.location(in: instance)
            let consignor =
                try await instance.write("POST", "/v1/consignors", ["name": "Ewa Nowak", "number": "K-1"])["id"]
                .stringValue ?? ""
            #expect(
                try await Self.refusal(
                    "/v1/intakes", ["location_id": "location_01h455vb4pex5vsknk084sn02q"], instance)
                    == ["422", "/location_id location_unknown"])
            let intake = try await instance.write(
                "POST", "/v1/intakes", ["location_id": .string(location), "consignor_id": .string(consignor)])
            #expect(intake.status == 201)
            let path = "/v1/intakes/\(intake["id"].stringValue ?? "")"

            // Twelve things; the same request again gives the same answer.
            let many = (1...12).map { number -> JSONValue in
                [
                    "title": .string("Thing \(number)"), "acquisition": ["legal_basis": "agency"],
                    "suggestions": [
                        "title": ["source": "vision", "confidence": .number("0.5"), "decision": "accepted"]
                    ],
                ]
            }
            let key = ["Idempotency-Key": "twelve"]
            let added = try await instance.write("POST", "\(path)/items", ["items": .array(many)], key)
            let ids = Self.ids(added)
            #expect(ids.count == 12)
            let again = try await instance.write("POST", "\(path)/items", ["items": .array(many)], key)
            #expect(again.text == added.text)
            _ = try await instance.write("PATCH", "\(path)/items/\(ids[0])", ["brand": "Gucci"])
            _ = try await instance.write("DELETE", "\(path)/items/\(ids[11])")
            #expect(
                try await Self.refusal(
                    "\(path)/receive", ["items": [["item_id": .string(ids[0]), "outcome": "accepted"]]], instance)
                    == ["422", " intake_not_submitted"])
            _ = try await instance.write("POST", "\(path)/submit")

            // Two are rejected, one goes to the authenticator, the others become items in the same append.
            var verdicts: [JSONValue] = ids[0..<8].map { ["item_id": .string($0), "outcome": "accepted"] }
            verdicts += ids[8..<10].map {
                ["item_id": .string($0), "outcome": "rejected", "reason": "torn", "fate": "return"]
            }
            verdicts.append(["item_id": .string(ids[10]), "outcome": "needs_authentication", "authenticator": "E"])
            let received = try await instance.write("POST", "\(path)/receive", ["items": .array(verdicts)])
            let skus = (received["items"].arrayValue ?? []).compactMap { $0["sku"]?.stringValue }
            #expect(Self.ids(received) == Array(ids[0..<8]))
            #expect(Set(skus).count == 8)
            #expect(received["events"].arrayValue?.count == 11 + 8)
            let repeated = try await instance.write("POST", "\(path)/receive", ["items": .array(verdicts)])
            #expect(repeated["events"] == [])

            let item = try await Self.item(ids[0], after: received, instance)
            #expect(item["sku"].stringValue == skus[0])
            #expect(item["brand"] == "Gucci")
            #expect(item["custody"] == "in_house")
            #expect(item["location_id"].stringValue == location)
            #expect(item["consignor_id"].stringValue == consignor)
            #expect(item["title_holder"] == "consignor")
            #expect(item["status"] == "received")

            let shown = try await Self.read(path, after: received, instance)
            #expect(shown["status"] == "submitted")
            #expect(
                shown["items"].arrayValue?.map { $0["status"]?.stringValue } == Array(repeating: "accepted", count: 8)
                    + ["rejected", "rejected", "at_authenticator"])
            let listed = try await instance.read("/v1/intakes?consignor_id=\(consignor)&status=submitted&q=thing+7")
            #expect(listed["data"].arrayValue?.count == 1)

            let closedLocation = try await Self.location(in: instance)
            _ = try await instance.write("POST", "/v1/locations/\(closedLocation)/close", ["reason": "x"])
            #expect(
                try await Self.refusal(
                    "/v1/items/\(ids[0])/move", ["location_id": .string(closedLocation)], instance)
                    == ["422", "/location_id location_closed"])

            // The report comes; the rest is settled, and nothing of the intake is left in custody.
            let report: JSONValue = [
                "outcome": "authentic", "cost": ["amount": 900, "currency": "PLN"], "bearer": "consignor",
                "report": ["sha256": .string(String(repeating: "a", count: 64)), "reference": "R-1"],
            ]
            _ = try await instance.write("POST", "\(path)/items/\(ids[10])/authentication", report)
            _ = try await instance.write(
                "POST", "\(path)/receive", ["items": [["item_id": .string(ids[10]), "outcome": "accepted"]]])
            for id in ids[8..<10] { _ = try await instance.write("POST", "\(path)/items/\(id)/settle") }
            let held = try await Self.custody(instance)
            #expect(held.count == 9)
            let intakeUUID = intake["id"].stringValue.flatMap { TypeID($0) }?.uuid.text ?? "?"
            #expect(!held.contains { $0.hasSuffix(intakeUUID) })

            // Moved, elsewhere only once.
            let move: JSONValue = ["location_id": .string(other)]
            let moved = try await instance.write("POST", "/v1/items/\(ids[0])/move", move)
            #expect(moved["events"][0]?["type"] == "ItemMoved")
            #expect(try await instance.write("POST", "/v1/items/\(ids[0])/move", move)["events"] == [])
            #expect(try await Self.item(ids[0], after: moved, instance)["location_id"].stringValue == other)

            // Everything at the location is looked at: one is missing, the one that was moved lies here after all.
            let stocktake = try await instance.write("POST", "/v1/stocktakes", ["location_id": .string(location)])
            let stocktakePath = "/v1/stocktakes/\(stocktake["id"].stringValue ?? "")"
            let codes = [ids[0]] + skus[1..<7] + [ids[10], "nobody's"]
            let seen = try await instance.write(
                "POST", "\(stocktakePath)/scans", ["codes": .array(codes.map(JSONValue.string))])
            #expect(seen["unknown"] == ["nobody's"])
            let closed = try await instance.write("POST", "\(stocktakePath)/close")
            #expect(
                closed["events"].arrayValue?.map { $0["type"] } == [
                    "StocktakeClosed", "ItemCustodyChanged", "ItemMoved",
                ])
            #expect(try await instance.write("POST", "\(stocktakePath)/close")["events"] == [])
            #expect(try await Self.item(ids[7], after: closed, instance)["status"] == "lost")
            #expect(try await Self.item(ids[0], after: closed, instance)["location_id"].stringValue == location)
            #expect(try await Self.custody(instance).count == 8)
            let result = try await Self.read(stocktakePath, after: closed, instance)
            #expect(result["status"] == "closed")
            #expect(result["expected"] == 8)
            #expect(result["missing"] == [.string(ids[7])])
            #expect(result["elsewhere"] == [.string(ids[0])])
            try await Self.verified(instance)
        }
    }

    @Test func `a sale tells the item, and what is lost is offered no longer`() async throws {
        try await Instance.with { instance in
            let price: JSONValue = ["amount": 10_000, "currency": "PLN"]
            func listing(_ item: String, _ channel: String) async throws -> String {
                let created = try await instance.write(
                    "POST", "/v1/listings",
                    ["item_id": .string(item), "price": price, "channel": .string(channel)])
                let path = "/v1/listings/\(created["id"].stringValue ?? "")"
                _ = try await instance.write("POST", "\(path)/publish")
                return path
            }
            let coat = try await instance.write("POST", "/v1/items", ["title": "Coat", "condition": "good"])
            let coatID = coat["id"].stringValue ?? ""
            let shop = try await listing(coatID, "storefront")
            _ = try await listing(coatID, "window")

            // Held, it is sold to nobody.
            _ = try await instance.write("POST", "/v1/items/\(coatID)/hold", ["reason": "until six"])
            #expect(
                try await Self.refusal("\(shop)/end", ["reason": "sold", "price": price], instance)
                    == ["422", " item_held"])
            _ = try await instance.write("POST", "/v1/items/\(coatID)/release")
            #expect(try await Self.refusal("/v1/items/\(coatID)/handover", [:], instance) == ["422", " item_not_sold"])
            let sold = try await instance.write("POST", "\(shop)/end", ["reason": "sold", "price": price])
            #expect(
                sold["events"].arrayValue?.map { $0["type"] } == [
                    "ListingEnded", "ItemAllocationChanged", "ItemTitleTransferred", "ListingEnded",
                ])
            let item = try await Self.item(coatID, after: sold, instance)
            #expect(item["status"] == "sold")
            #expect(item["allocation"] == "sold")
            #expect(item["title_holder"] == "sold")
            let handed = try await instance.write("POST", "/v1/items/\(coatID)/handover")
            #expect(try await Self.item(coatID, after: handed, instance)["custody"] == "with_buyer")

            let bag = try await instance.write("POST", "/v1/items", ["title": "Bag", "condition": "good"])
            let bagID = bag["id"].stringValue ?? ""
            let offer = try await listing(bagID, "storefront")
            let lost = try await instance.write("POST", "/v1/items/\(bagID)/lost")
            #expect(lost["events"].arrayValue?.map { $0["type"] } == ["ItemCustodyChanged", "ListingEnded"])
            #expect(try await Self.item(bagID, after: lost, instance)["status"] == "lost")
            #expect(try await Self.refusal("\(offer)/publish", [:], instance) == ["422", " listing_ended"])
            #expect(
                try await Self.refusal("/v1/listings", ["item_id": .string(bagID), "price": price], instance)
                    == ["422", "/item_id item_custody"])
            let found = try await instance.write("POST", "/v1/items/\(bagID)/found")
            #expect(try await Self.item(bagID, after: found, instance)["status"] == "received")
            let withdrawn = try await instance.write("POST", "/v1/items/\(bagID)/withdraw")
            #expect(try await Self.item(bagID, after: withdrawn, instance)["status"] == "withdrawn")

            // A SKU that was typed is passed over, and each item has one of its own.
            let first = try await instance.write("POST", "/v1/items/\(bagID)/sku")
            let sku = try await Self.item(bagID, after: first, instance)["sku"].stringValue ?? ""
            #expect(sku.hasSuffix("-00001"))
            let typed = sku.dropLast() + "2"
            _ = try await instance.write(
                "POST", "/v1/items", ["title": "x", "condition": "good", "sku": .string(String(typed))])
            let third = try await instance.write("POST", "/v1/items", ["title": "y", "condition": "good"])
            let thirdID = third["id"].stringValue ?? ""
            let given = try await instance.write("POST", "/v1/items/\(thirdID)/sku")
            #expect(
                try await Self.item(thirdID, after: given, instance)["sku"].stringValue?.hasSuffix("-00003") == true)
            #expect(try await instance.write("POST", "/v1/items/\(thirdID)/sku")["events"] == [])

            // Tables and projections say the same, in lists and one by one.
            for status in ["sold", "received", "withdrawn", "lost"] {
                let path = "/v1/items?status=\(status)"
                let projected = try await instance.read(
                    path,
                    instance.asOperator.merging([
                        "Closter-After": given.headers["closter-position"] ?? "", "Prefer": "wait=10",
                    ]) { $1 })
                try instance.setSwitches("default: tables\n")
                try await eventually("the tables answer") {
                    try await instance.read(path).headers["closter-source"] == "tables"
                }
                #expect(try await instance.read(path).text == projected.text, "\(status)")
                try instance.setSwitches("default: projections\n")
                try await eventually("the projections answer") {
                    try await instance.read(path).headers["closter-source"] == "projections"
                }
            }
            try await Self.verified(instance)
        }
    }

    private static func custody(_ instance: Instance) async throws -> [String] {
        let administrator = try await instance.database.connect()
        let rows = try await administrator.query("SELECT value FROM main.claims WHERE kind = 'custody'")
        await administrator.close()
        return try rows.map { try $0.decode(0, as: String.self) }
    }

    /// Log, tables, claims and projections agree.
    private static func verified(_ instance: Instance) async throws {
        try await eventually("everything is projected and nothing differs") {
            try await instance.tool(["verify"]).status == 0
        }
    }
}
