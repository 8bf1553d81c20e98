import EventSourcing
import Foundation
import JSON
import NIOHTTP1
import Postgres
import Testing

@testable import Query

@Suite struct HistoryTests {
    @Test func `events are told forward from a position, by category and by type`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            let other = try await app.shop("other")
            let item = StreamID(category: "item", id: .version7())
            let listing = StreamID(category: "listing", id: .version7())
            try await app.log.append(
                "ItemReceived", item, version: 1, position: 1, of: shop.id, data: #"{"title":"Żakiet"}"#)
            try await app.log.append("ListingCreated", listing, version: 1, position: 2, of: shop.id)
            try await app.log.append("ItemReceived", item, version: 1, position: 3, of: other.id)
            try await app.log.append("ProductUpdated", item, version: 2, position: 4, of: shop.id)
            try await app.log.append(
                "KeyCreated", StreamID(category: "tenant", id: shop.id.uuid), version: 1, position: 5, of: shop.id,
                data: #"{"key_id":"k","hash":"sealed"}"#)

            func positions(_ query: String) async throws -> [Int64] {
                try await app.get("/v1/events?\(query)", of: shop).data.compactMap { $0["position"]?.integerValue }
            }
            #expect(try await positions("") == [1, 2, 4, 5])
            #expect(try await positions("after=2") == [4, 5])
            #expect(try await positions("category=item") == [1, 4])
            #expect(try await positions("type=ListingCreated") == [2])
            #expect(try await positions("category=item&type=ListingCreated").isEmpty)
            let first = try await app.get("/v1/events?limit=3", of: shop)
            #expect(first.next == "4")
            #expect(first["cache-control"] == "private, no-store")
            #expect(first.data[0]["data"] == ["title": "Żakiet"])
            #expect(first.data[0]["stream_id"]?.stringValue == item.typeID.description)
            let last = try await app.get("/v1/events?limit=3&after=4", of: shop)
            #expect(last.json["next"] == .null)
            #expect(!last.text.contains("sealed"))
            #expect(
                try await app.get("/v1/events?follow=true&after=-1&limit=5", of: shop).pointers == ["/after", "/limit"])
            #expect(try await app.get("/v1/events", of: other).data.count == 1)
            for reader in [QueryApp.Reader.storefront, .backEnd] {
                for path in ["/v1/events", "/v1/streams/item/\(item.typeID)", "/v1/trace/\(UUID().text)"] {
                    #expect(try await app.get(path, as: reader, of: shop).status == 403)
                }
            }
        }
    }

    @Test func `a rare event is found over many empty pages`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            let count = Int(HistoryReader.mostFiltered) + 5
            try await app.administrator.simple(
                """
                INSERT INTO main.events (position, tenant_id, category, stream_id, version, type, schema_version,
                    correlation_id, command_id, data, metadata, recorded_at)
                SELECT n, '\(shop.id)', 'item', gen_random_uuid(), 1,
                    CASE WHEN n = \(count) THEN 'ProductDeleted' ELSE 'ItemReceived' END, 1, gen_random_uuid(),
                    gen_random_uuid(), '{}', '{"actor": "operator:ada", "requested_at": "2026-01-30T10:00:00Z"}', now()
                FROM generate_series(1, \(count)) n
                """)
            let first = try await app.get("/v1/events?type=ProductDeleted", of: shop)
            #expect(first.data.isEmpty)
            let next = try #require(first.next)
            let second = try await app.get("/v1/events?type=ProductDeleted&after=\(next)", of: shop)
            #expect(second.data.count == 1)
            #expect(second.next == nil)
        }
    }

    @Test func `a stream is told in the order of its versions`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            let other = try await app.shop("other")
            let stream = StreamID(category: "item", id: .version7())
            for version in 1...5 as ClosedRange<Int64> {
                try await app.log.append("ProductUpdated", stream, version: version, position: version, of: shop.id)
            }
            let path = "/v1/streams/item/\(stream.typeID)"
            let first = try await app.get("\(path)?limit=3", of: shop)
            #expect(first.data.compactMap { $0["version"]?.integerValue } == [1, 2, 3])
            let cursor = try #require(first.next)
            let second = try await app.get("\(path)?cursor=\(cursor)", of: shop)
            #expect(second.data.compactMap { $0["version"]?.integerValue } == [4, 5])
            #expect(second.json["next"] == .null)
            #expect(try await app.get(path, of: other).status == 404)
            #expect(try await app.get("/v1/streams/listing/\(stream.typeID)", of: shop).status == 404)
            #expect(try await app.get("/v1/streams/Item/x", of: shop).status == 404)
            #expect(try await app.get("/v1/streams/item/\(UUID().id("item"))?cursor=\(cursor)", of: shop).status == 400)
            #expect(try await app.get(path, of: shop, method: .HEAD).body.isEmpty)
        }
    }

    @Test func `a trace leads from the request over its events to the projections, with the lag of each`() async throws
    {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            let correlation = UUID.version7()
            let item = StreamID(category: "item", id: .version7())
            let listing = StreamID(category: "listing", id: .version7())
            try await app.log.append(
                "ItemReceived", item, version: 1, position: 1, of: shop.id, correlation: correlation)
            try await app.log.append(
                "ListingCreated", listing, version: 1, position: 2, of: shop.id, correlation: correlation)
            try await app.log.checkpoint(.items, from: 0, to: 1)
            let task = UUID.version7()
            _ = try await app.administrator.query(
                """
                INSERT INTO main.outbox (task_id, tenant_id, kind, payload, position, correlation_id, command_id, run_at,
                    created_at) VALUES (\(task), \(shop.id.uuid), 'webhook', '{"secret": 1}', 2, \(correlation),
                    \(UUID.version7()), now(), now())
                """)
            let answer = try await app.get("/v1/trace/\(correlation.text)", of: shop)
            #expect(answer.status == 200)
            let json = answer.json
            #expect(json["correlation_id"]?.stringValue == correlation.text)
            #expect(json["request"]?["actor"] == "operator:ada")
            #expect(json["request"]?["requested_at"]?.stringValue == Catalogue.noon.rfc3339)
            #expect(json["request"]?["traceparent"]?.stringValue?.hasPrefix("00-0af7") == true)
            let events = json["events"]?.arrayValue ?? []
            #expect(events.compactMap { $0["type"]?.stringValue } == ["ItemReceived", "ListingCreated"])
            let hops = events.first?["projections"]?.arrayValue ?? []
            #expect(hops.compactMap { $0["projection"]?.stringValue } == ["items", "listings"])
            #expect(hops.first?["position"] == 1)
            #expect(hops.first?["tail_ms"] == .number("2.000"))
            #expect(hops.first?["lag_ms"] == .number("5.000"))
            #expect(hops.last?["committed_at"] == .null)
            #expect(hops.last?["lag_ms"] == .null)
            #expect(json["tasks"]?.arrayValue?.first?["id"]?.stringValue == task.text)
            #expect(!answer.text.contains("secret"))
            #expect(json["caused"] == [])
            #expect(json["truncated"] == false)
            #expect(try await app.get("/v1/trace/\(correlation.text)", of: app.shop("other")).status == 404)
            #expect(try await app.get("/v1/trace/nonsense", of: shop).status == 404)
        }
    }
}
