import EventSourcing
import EventStore
import Foundation
import JSON
import Logging
import Postgres
import TestSupport
import Testing

@testable import Command

/// Offers over HTTP and the real programs; their times are moved by a runner of the test's own.
@Suite(.serialized) struct OfferTests {
    private static func price(_ amount: Int64) -> JSONValue { ["amount": .integer(amount), "currency": "PLN"] }

    private static func types(_ answer: Instance.Answer) -> [String] {
        (answer["events"].arrayValue ?? []).compactMap { $0["type"]?.stringValue }
    }

    // MARK: - By hand

    @Test func `an offer is made, countered, accepted and sold, and the others are superseded on all channels`()
        async throws
    {
        try await Instance.with { instance in
            let desk = try await Desk(instance, channels: ["storefront", "market"])
            let offer = try await desk.offer(300, by: "ewa", on: 0)
            let rival = try await desk.offer(310, by: "jan", on: 0)
            let stranger = try await desk.offer(320, by: "ola", on: 1)

            // A key speaks for the buyer, and sees what the buyer may know.
            #expect(try await desk.refusal(offer, "accept", as: instance.asBackEnd) == ["422", " offer_turn"])
            _ = try await desk.act(offer, "counter", ["price": Self.price(400)])
            let seen = try await desk.read(offer, as: instance.asBackEnd)
            #expect(seen["status"] == "countered")
            #expect(seen["price"]["amount"] == 400)
            #expect(seen["buyer"] == ["platform": "shop", "external_id": "ewa"])
            for name in ["reason", "automatic", "consignor_answer"] { #expect(seen.json[name] == nil) }
            #expect(try await desk.read(offer, as: instance.asStorefront).status == 403)
            #expect(
                try await desk.refusal(
                    offer, "counter", ["by": "store", "price": Self.price(1)], as: instance.asBackEnd)
                    == ["422", "/by invalid"])

            let accepted = try await desk.act(offer, "accept", as: instance.asBackEnd)
            #expect(Self.types(accepted) == ["OfferAccepted", "ItemAllocationChanged"])
            #expect(try await desk.act(offer, "accept")["events"] == [])
            #expect(try await desk.refusal(rival, "accept") == ["422", " item_held"])
            #expect(try await desk.statuses() == ["accepted", "pending", "pending"])
            #expect(try await desk.refusal("items", desk.item, "release") == ["422", " item_held_for_offer"])
            #expect(
                try await desk.refusal("listings", desk.listings[0], "end", ["reason": "withdrawn"]) == [
                    "422", " item_held",
                ])

            let sale: JSONObject = ["reason": "sold", "price": Self.price(400)]
            func sell(_ body: JSONObject, on listing: Int = 0) async throws -> [String] {
                try await desk.refusal("listings", desk.listings[listing], "end", .object(body))
            }
            #expect(try await sell(sale) == ["422", " item_held"])
            #expect(try await sell(sale.adding("offer_id", rival)) == ["422", "/offer_id offer_not_accepted"])
            #expect(try await sell(sale.adding("offer_id", offer), on: 1) == ["422", "/offer_id offer_not_accepted"])
            let cheaper = sale.adding("offer_id", offer).adding("price", Self.price(399))
            #expect(try await sell(cheaper) == ["422", "/price price_differs"])
            let sold = try await instance.write(
                "POST", "/v1/listings/\(desk.listings[0])/end", .object(sale.adding("offer_id", offer)))
            #expect(
                Self.types(sold) == [
                    "OfferFulfilled", "ListingEnded", "OfferSuperseded", "ItemAllocationChanged",
                    "ItemTitleTransferred", "ListingEnded", "OfferSuperseded",
                ])
            #expect(try await desk.statuses() == ["fulfilled", "superseded", "superseded"])
            #expect(try await desk.refusal(stranger, "accept") == ["422", " offer_ended"])
            try await desk.verified()
        }
    }

    @Test func `a listing that ends takes its own offers with it, and what is lost all of them`() async throws {
        try await Instance.with { instance in
            let desk = try await Desk(instance, channels: ["storefront", "market"])
            _ = try await desk.offer(300, by: "ewa", on: 0)
            let other = try await desk.offer(300, by: "ewa", on: 1)
            _ = try await instance.write("POST", "/v1/listings/\(desk.listings[0])/end", ["reason": "withdrawn"])
            #expect(try await desk.statuses() == ["superseded", "pending"])
            _ = try await desk.act(other, "accept")
            let lost = try await instance.write("POST", "/v1/items/\(desk.item)/lost")
            #expect(
                Self.types(lost) == ["ItemCustodyChanged", "ItemAllocationChanged", "ListingEnded", "OfferSuperseded"])
            #expect(try await desk.statuses() == ["superseded", "superseded"])
            #expect(try await desk.allocation() == "free")
            #expect(try await desk.events(of: other).last?["data"]?["by"] == "end")
            try await desk.verified()
        }
    }

    @Test func `what is held for a buyer is free again when it is withdrawn, and its decisions are told`() async throws
    {
        try await Instance.with { instance in
            let desk = try await Desk(instance)
            let first = try await desk.offer(300, by: "ewa")
            let second = try await desk.offer(310, by: "jan")
            _ = try await desk.act(first, "accept")
            _ = try await desk.act(first, "withdraw", as: instance.asBackEnd)
            #expect(try await desk.allocation() == "free")
            _ = try await desk.act(second, "accept")
            #expect(try await desk.allocation() == "held")
            #expect(try await desk.statuses() == ["withdrawn", "accepted"])
            let decisions = try await desk.rulings()
            #expect(decisions.map { $0["outcome"] } == ["held", "held"])
            #expect(decisions.map { $0["subject"]?.stringValue } == [first, second])
            try await desk.verified()
        }
    }

    @Test func `below the floor it is declined at once, and nobody outside is told why`() async throws {
        try await Instance.with { instance in
            let desk = try await Desk(instance, minimum: 300)
            let low = try await desk.make(299, by: "ewa")
            #expect(low.status == 201)
            #expect(Self.types(low) == ["OfferMade", "OfferDeclined"])
            let high = try await desk.offer(300, by: "jan")
            _ = try await desk.act(high, "decline")
            #expect(try await desk.statuses() == ["declined", "declined"])

            // One that a rule has declined looks like one that somebody has, to the byte.
            let id = low["id"].stringValue ?? ""
            let (automatic, byHand) = (
                try await desk.read(id, as: instance.asBackEnd), try await desk.read(high, as: instance.asBackEnd)
            )
            #expect(Set(automatic.json.objectValue?.keys ?? []) == Set(byHand.json.objectValue?.keys ?? []))
            #expect(automatic["status"] == byHand["status"])
            #expect(automatic["version"] == byHand["version"])
            #expect(Set(automatic.headers.keys) == Set(byHand.headers.keys))
            for answer in [low, automatic] {
                for word in ["floor", "300", "automatic", "minimum"] { #expect(!answer.text.contains(word), "\(word)") }
            }

            // Members find both.
            let seen = try await desk.read(id, as: instance.asOperator)
            #expect(seen["reason"] == "below_floor")
            #expect(seen["automatic"] == true)
            let ruling = try #require(try await desk.rulings().last)
            #expect(ruling["kind"] == "auto_decline")
            #expect(ruling["subject"]?.stringValue == id)
            #expect(ruling["inputs"]?["floor"]?["amount"] == 300)

            // A counter-offer below it too; the store names no such price.
            let next = try await desk.offer(350, by: "ola")
            let counter: JSONValue = ["price": Self.price(299)]
            #expect(try await desk.refusal(next, "counter", counter) == ["422", "/price price_below_floor"])
            _ = try await desk.act(next, "counter", ["price": Self.price(450)])
            let answer = try await desk.act(next, "counter", counter, as: instance.asBackEnd)
            #expect(Self.types(answer) == ["OfferCountered", "OfferDeclined"])
            #expect(try await desk.act(next, "counter", counter, as: instance.asBackEnd)["events"] == [])
            try await desk.verified()
        }
    }

    @Test func `a sale below the minimum price needs a reason, and the reason is kept`() async throws {
        try await Instance.with { instance in
            let desk = try await Desk(instance, minimum: 300)
            let listing = desk.listings[0]
            var sold: JSONObject = ["reason": "sold", "price": Self.price(299)]
            #expect(
                try await desk.refusal("listings", listing, "end", .object(sold))
                    == ["422", "/price/amount below_minimum_price"])
            #expect(
                try await desk.refusal("listings", listing, "end", ["reason": "error", "override_reason": "torn"])
                    == ["422", "/override_reason override_not_allowed"])
            sold["override_reason"] = "torn at the hem"
            #expect(try await desk.send("listings", listing, "end", .object(sold)).status == 200)
            let ruling = try #require(try await desk.rulings().last)
            #expect(ruling["kind"] == "sale")
            #expect(ruling["outcome"] == "overridden")
            #expect(ruling["subject"]?.stringValue == listing)
            #expect(ruling["inputs"]?["floor"]?["amount"] == 300)
            #expect(ruling["inputs"]?["reason"] == "torn at the hem")
            try await desk.verified()
        }
    }

    @Test func `a sale at the minimum price needs no reason, and keeps none`() async throws {
        try await Instance.with { instance in
            let desk = try await Desk(instance, minimum: 300)
            let before = try await desk.rulings().count
            let sale: JSONValue = ["reason": "sold", "price": Self.price(300), "override_reason": "none"]
            #expect(try await desk.send("listings", desk.listings[0], "end", sale).status == 200)
            #expect(try await desk.rulings().count == before)
        }
    }

    @Test func `what is on a contract is not deleted`() async throws {
        try await Instance.with { instance in
            let item = try await instance.consignedItem(minimum: 300)
            let headers = instance.asOperator.merging(["Content-Type": "application/json"]) { $1 }
            let body: JSONValue = ["reason": "sold elsewhere"]
            let answer = try await instance.send(
                "DELETE", .command, "/v1/items/\(item)", headers, body: body.bytes)
            #expect(answer.status == 422)
            #expect(answer["errors"].arrayValue?.first?["code"] == "item_on_contract")
        }
    }

    @Test func `a minimum price that has risen stops what comes anew, and not who pays what is asked`() async throws {
        try await Instance.with { instance in
            let desk = try await Desk(instance, minimum: 300)
            let (item, listing) = (desk.item, desk.listings[0])
            let id = try await desk.contract()
            _ = try await instance.write(
                "PATCH", "/v1/contracts/\(id)/items/\(item)", ["minimum_price": Self.price(900)])
            _ = try await instance.write("POST", "/v1/listings/\(listing)/pause")
            #expect(
                try await desk.refusal("listings", listing, "resume") == ["422", "/price/amount below_minimum_price"])
            #expect(
                try await desk.refusal("items", item, "convert", ["price": Self.price(1)])
                    == ["422", " item_on_contract"])
            _ = try await instance.write(
                "PATCH", "/v1/contracts/\(id)/items/\(item)", ["minimum_price": Self.price(450)])
            _ = try await instance.write("POST", "/v1/listings/\(listing)/resume")
            _ = try await instance.write(
                "PATCH", "/v1/contracts/\(id)/items/\(item)", ["minimum_price": Self.price(900)])

            // It is still asked for 500.
            let low = try await desk.make(499, by: "ewa")
            #expect(Self.types(low) == ["OfferMade", "OfferDeclined"])
            let ruling = try #require(try await desk.rulings().last)
            #expect(ruling["rules"]?.arrayValue?.first?["events"]?.arrayValue?.last?["stream"]?.stringValue == id)
            let full = try await desk.offer(500, by: "jan")
            _ = try await desk.act(full, "accept")
            let held: JSONValue = ["minimum_price": Self.price(1)]
            let change = try await instance.send(
                "PATCH", .command, "/v1/contracts/\(id)/items/\(item)",
                instance.asOperator.merging(["Content-Type": "application/json"]) { $1 }, body: held.bytes)
            #expect(change.status == 422)
            let sale: JSONValue = ["reason": "sold", "price": Self.price(500), "offer_id": .string(full)]
            #expect(try await desk.send("listings", listing, "end", sale).status == 200)
            try await desk.verified()
        }
    }

    @Test func `the consignor is asked, and a contract that ends during a hold ends what is offered after it`()
        async throws
    {
        try await Instance.with { instance in
            let desk = try await Desk(instance, minimum: 100)
            let offer = try await desk.offer(300, by: "ewa")
            _ = try await desk.act(offer, "ask-consignor")
            #expect(try await desk.refusal(offer, "accept") == ["422", " offer_turn"])
            #expect(try await desk.read(offer, as: instance.asBackEnd)["status"] == "pending")
            _ = try await desk.act(offer, "consignor-answer", ["answer": "accept"])
            let rival = try await desk.offer(310, by: "jan")
            _ = try await instance.write("PATCH", "/v1/tenant", ["hold_hours": 700, "offer_hours": 720])
            let late = try await desk.offer(320, by: "ola")
            _ = try await desk.act(offer, "accept")
            #expect(try await desk.statuses() == ["accepted", "pending", "pending"])

            // After ten days its contract is over. What is held is offered until the hold is over too.
            let now = Timestamp.now
            try await desk.run(at: now + .seconds(12 * 86_400))
            #expect(try await desk.statuses() == ["accepted", "expired", "pending"])
            #expect(try await desk.allocation() == "held")
            try await desk.run(at: now + .seconds(701 * 3600))
            #expect(try await desk.allocation() == "free")
            #expect(try await desk.statuses() == ["lapsed", "expired", "superseded"])
            #expect(try await desk.refusal(rival, "accept") == ["422", " offer_ended"])
            #expect(try await desk.refusal(late, "accept") == ["422", " offer_ended"])
            #expect(try await desk.refusal("listings", desk.listings[0], "pause") == ["422", " listing_ended"])
            try await desk.verified()
        }
    }

    // MARK: - Time

    @Test func `a hold that no sale follows lapses, and an offer that nobody answers expires`() async throws {
        try await Instance.with { instance in
            let desk = try await Desk(instance)
            _ = try await instance.write("PATCH", "/v1/tenant", ["hold_hours": 3, "offer_hours": 10])
            let held = try await desk.offer(300, by: "ewa")
            let idle = try await desk.offer(310, by: "jan")
            let accepted = try await desk.act(held, "accept")
            let until = try await desk.events(of: held).last?["data"]?["held_until"]?.stringValue
            let made = try #require(until.flatMap(Timestamp.init(rfc3339:))) - .seconds(3 * 3600)

            try await desk.run(at: made + .seconds(3 * 3600 - 1))
            #expect(try await desk.statuses() == ["accepted", "pending"])
            try await desk.run(at: made + .seconds(3 * 3600))
            #expect(try await desk.statuses() == ["lapsed", "pending"])
            #expect(try await desk.allocation() == "free")
            #expect(try await desk.rulings().map { $0["outcome"] } == ["held", "lapsed"])
            let lapsed = try await desk.events(of: held).last
            #expect(lapsed?["actor"] == "closter")
            // What it led to is told under the request that it began with.
            #expect(
                lapsed?["correlation_id"]?.stringValue == accepted.headers["x-correlation-id"])

            try await desk.run(at: made + .seconds(11 * 3600))
            #expect(try await desk.statuses() == ["lapsed", "expired"])
            // Again: nothing more.
            try await desk.run(at: made + .seconds(1000 * 3600))
            #expect(try await desk.statuses() == ["lapsed", "expired"])
            #expect(try await desk.refusal(idle, "accept") == ["422", " offer_ended"])
            try await desk.verified()
        }
    }

    // MARK: - Many at once

    @Test func `twenty buyers on one item over two channels: one gets it, nineteen are told why not`() async throws {
        try await Instance.with { instance in
            let desk = try await Desk(instance, channels: ["storefront", "market"])
            let offers = try await desk.atOnce(0..<20) { number in
                try await desk.offer(Int64(300 + number), by: "buyer-\(number)", on: number % 2)
            }
            #expect(Set(offers).count == 20)
            let answers = try await desk.atOnce(offers.indices) { number in
                try await desk.send("offers", offers[number], "accept")
            }
            #expect(answers.count { $0.status == 200 } == 1)
            let refused = answers.filter { $0.status != 200 }
            #expect(refused.count == 19)
            for answer in refused {
                #expect(answer.status == 422)
                #expect(answer["errors"][0]?["code"] == "item_held")
                #expect(!answer.text.contains("buyer-"))
                #expect(!answer.text.contains("offer_0"))
            }
            #expect(try await desk.statuses().sorted() == ["accepted"] + Array(repeating: "pending", count: 19))
            #expect(try await desk.allocation() == "held")
            try await desk.verified()
        }
    }

    @Test func `a buyer names three prices on a listing, however many at once`() async throws {
        try await Instance.with { instance in
            let desk = try await Desk(instance, channels: ["storefront", "market"])
            let answers = try await desk.atOnce(0..<12) { number in
                try await desk.make(Int64(300 + number), by: "ewa", on: 0)
            }
            #expect(answers.count { $0.status == 201 } == 3)
            for answer in answers where answer.status != 201 {
                #expect(answer.status == 422)
                #expect(answer["errors"][0]?["code"] == "offer_limit")
            }
            // Of another buyer, or on another listing, they are others.
            _ = try await desk.offer(300, by: "jan", on: 0)
            _ = try await desk.offer(300, by: "ewa", on: 1)
            // What was withdrawn has been named all the same.
            for id in answers.compactMap({ $0["id"].stringValue }) { _ = try await desk.act(id, "withdraw") }
            #expect(try await desk.make(900, by: "ewa", on: 0).status == 422)
            try await desk.verified()
        }
    }

    @Test func `each needs a key of its own, and the same again gives the same answer`() async throws {
        try await Instance.with { instance in
            let desk = try await Desk(instance)
            let bare = try await desk.make(300, by: "ewa", key: nil)
            #expect(bare.status == 400)
            #expect(bare["code"] == "invalid_header")
            let first = try await desk.make(300, by: "ewa", key: "one")
            let again = try await desk.make(300, by: "ewa", key: "one")
            #expect(again.text == first.text)
            #expect(again.headers["idempotency-replayed"] == "true")
            #expect(try await desk.statuses() == ["pending"])
            let id = first["id"].stringValue ?? ""
            #expect(first.headers["location"]?.hasSuffix("/v1/offers/\(id)") == true)
            let metadata = try await desk.metadata(of: id)
            #expect(metadata["on_behalf_of"] == "buyer:shop:ewa")
            #expect(try await desk.send("offers", id, "ask-consignor", as: instance.asBackEnd).status == 403)
            #expect(try await desk.send("offers", id, "ask-consignor").status == 422)
        }
    }

    @Test(arguments: [11, 12, 13] as [UInt64])
    func `whatever is asked for at once, one offer at most is accepted, and it holds the item`(
        seed: UInt64
    ) async throws {
        try await Instance.with { instance in
            let desk = try await Desk(instance, channels: ["storefront", "market"])
            let offers = try await desk.atOnce(0..<6) { number in
                try await desk.offer(Int64(300 + number), by: "buyer-\(number)", on: number % 2)
            }
            let statuses = try await desk.atOnce(0..<6) { worker in
                var chance = SplitMix(seed * 100 + UInt64(worker))
                var statuses: Set<Int> = []
                for step in 0..<25 {
                    let offer = offers.randomElement(using: &chance) ?? ""
                    let amount = Int64.random(in: 300...500, using: &chance)
                    let answer: Instance.Answer
                    switch Int.random(in: 0..<20, using: &chance) {
                    case ..<7: answer = try await desk.send("offers", offer, "accept")
                    case ..<10: answer = try await desk.send("offers", offer, "withdraw")
                    case ..<14:
                        answer = try await desk.send("offers", offer, "counter", ["price": Self.price(amount)])
                    case ..<17: answer = try await desk.make(amount, by: "late-\(worker)-\(step)", on: worker % 2)
                    case 17: answer = try await desk.send("offers", offer, "decline")
                    case 18: answer = try await desk.send("listings", desk.listings[1], "end", ["reason": "withdrawn"])
                    default:
                        answer = try await desk.send(
                            "listings", desk.listings[0], "end",
                            ["reason": "sold", "price": Self.price(amount), "offer_id": .string(offer)])
                    }
                    statuses.insert(answer.status)
                }
                return statuses
            }
            #expect(Set(statuses.joined()).isSubset(of: [200, 201, 409, 422]))
            try await desk.checkLog()
            try await desk.verified()
        }
    }
}
