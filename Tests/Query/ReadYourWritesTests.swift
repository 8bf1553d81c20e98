import EventSourcing
import Foundation
import JSON
import Testing

@testable import Query

@Suite struct ReadYourWritesTests {
    private func write(_ positions: ClosedRange<Int64>, of shop: QueryApp.Shop, in app: QueryApp) async throws {
        for position in positions {
            try await app.log.append(
                "ItemReceived", StreamID(category: "item", id: .version7()), version: 1, position: position, of: shop.id
            )
        }
    }

    @Test func `a read waits until what was written is there`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            try await write(1...3, of: shop, in: app)
            let headers = ["Closter-After": try await app.token(3, of: shop), "Prefer": "respond-async, wait=10"]
            async let waiting = app.get("/v1/items", of: shop, headers)
            _ = try await shop.catalogue.item([:])
            try await app.log.checkpoint(.items, from: 0, to: 3)
            let answer = try await waiting
            #expect(answer.status == 200)
            #expect(answer["preference-applied"] == "wait=10")
            #expect(answer["closter-position"].flatMap(PositionToken.init)?.position == 3)
            // What is there already needs no wait.
            let again = try await app.get("/v1/items", of: shop, ["Closter-After": headers["Closter-After"]!])
            #expect(again.status == 200)
            #expect(again["preference-applied"] == nil)
        }
    }

    @Test func `past the wait it says so, and when to come again`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            try await write(1...2, of: shop, in: app)
            try await app.log.checkpoint(.listings, from: 0, to: 2)
            let token = try await app.token(2, of: shop)
            for headers in [["Closter-After": token], ["Closter-After": token, "Prefer": "wait=1"]] {
                let answer = try await app.get("/v1/items/\(UUID().id("item"))", of: shop, headers)
                #expect(answer.status == 503)
                #expect(answer.code == "not_yet_visible")
                #expect(answer["retry-after"] == "1")
            }
            // The other projection is there, and the log always is.
            #expect(
                try await app.get("/v1/listings", of: shop, ["Closter-After": token, "Prefer": "wait=10"]).status == 200
            )
            let events = try await app.get("/v1/events", of: shop, ["Closter-After": token, "Prefer": "wait=3"])
            #expect(events.status == 200)
            #expect(events["closter-source"] == "tables")
            #expect(events["closter-position"].flatMap(PositionToken.init)?.position == 2)
        }
    }

    @Test func `a token that cannot come true is refused at once`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            let other = try await app.shop("other")
            try await write(1...2, of: shop, in: app)
            let good = try await app.token(2, of: shop)
            let tokens = [
                "garbage", "", String(good.dropLast(1)), try await app.token(2, of: other),
                try await app.token(2, of: shop, epoch: 5), try await app.token(3, of: shop),
                PositionToken(shard: "elsewhere", epoch: 1, tenant: shop.id, position: 1).text,
            ]
            for token in tokens {
                for path in ["/v1/items", "/v1/events"] {
                    let answer = try await app.get(path, of: shop, ["Closter-After": token, "Prefer": "wait=10"])
                    #expect(answer.status == 400, "\(token)")
                    #expect(answer.code == "invalid_position", "\(token)")
                }
            }
            for wait in ["11", "-1", "x", "", "1.5"] {
                let headers = ["Closter-After": good, "Prefer": "wait=\(wait)"]
                #expect(try await app.get("/v1/items", of: shop, headers).code == "invalid_header", "\(wait)")
            }
        }
    }
}
