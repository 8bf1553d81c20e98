import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@Suite(.serialized) struct CatalogueTests {
    static let catalogue = """
        Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price,Image Src
        coat,Żakiet z wełny,<p>Ciepły</p>,Simple,Żakiety,"wełna, zima",true,Size,38,Z-38,1,349.00,https://example.org/z.jpg
        coat,,,,,,,,40,Z-40,1,349.00,
        shirt,Linen shirt,"Two
        lines",Nordhem,Shirts,,true,Title,Default Title,,1,120,
        scarf,Silk scarf,,Nordhem,Scarves,,false,Title,Default Title,,1,80,
        broken,Broken,,,,,true,Title,Default Title,,1,"1.234,5x",

        """

    @Test func `a catalogue travels from a CSV file to the storefront, once`() async throws {
        try await Instance.with { instance in
            let report = try await instance.importFile(Self.catalogue)
            #expect(report["status"] == "done")
            #expect(report["counts"]["created"] == 4)
            #expect(report["counts"]["rejected"] == 1)

            try await eventually("the storefront lists what is published") {
                try await instance.read("/v1/listings", instance.asStorefront)["data"].arrayValue?.count == 3
            }
            let found = try await instance.read("/v1/listings?q=zakiet&size=40", instance.asStorefront)
            #expect(found["data"].arrayValue?.count == 1)
            let listing = try #require(found["data"].arrayValue?.first)
            #expect(listing["title"] == "Żakiet z wełny")
            #expect(listing["brand"] == "Simple")
            #expect(listing["price"] == ["amount": 34900, "currency": "PLN"])
            #expect(listing["sku"] == nil)
            #expect(try await instance.read("/v1/listings")["data"].arrayValue?.count == 4)

            let head = try await instance.read("/v1/events?limit=200")["data"].arrayValue?.count
            let again = try await instance.importFile(Self.catalogue)
            #expect(again["counts"]["unchanged"] == 4)
            #expect(again["counts"]["created"] == 0)
            // The second import's own three events, and nothing of an item or a listing.
            let after = try await instance.read("/v1/events?limit=200")["data"].arrayValue?.count
            #expect(after == head.map { $0 + 3 })
            let (status, output) = try await instance.tool(["verify"])
            #expect(status == 0, "\(output)")
        }
    }

    @Test func `a trace shows request, events and projections with their times`() async throws {
        try await Instance.with { instance in
            let report = try await instance.importFile(Self.catalogue)
            let line = try #require(report["lines"].arrayValue?.first)
            let correlation = try #require(line["correlation_id"]?.stringValue)
            try await eventually("both projections have the line's events") {
                let trace = try await instance.read("/v1/trace/\(correlation)")
                let events = trace["events"].arrayValue ?? []
                return events.count == 3
                    && events.allSatisfy { event in
                        let hops = event["projections"]?.arrayValue ?? []
                        return hops.count == 2
                            && hops.allSatisfy { $0["committed_at"]?.stringValue != nil }
                    }
            }
            let trace = try await instance.read("/v1/trace/\(correlation)")
            #expect(trace["request"]["actor"] == "operator:operator")
            let types = trace["events"].arrayValue?.compactMap { $0["type"]?.stringValue }
            #expect(types == ["ItemReceived", "ListingCreated", "ProductPublished"])
        }
    }

    @Test func `an import goes on after a killed service, each row once`() async throws {
        try await Instance.with { instance in
            let rows = 1500
            let csv =
                "Handle,Title,Published,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price\n"
                + (1...rows).map { "h\($0),Thing \($0),true,Title,Default Title,S-\($0),1,10.00\n" }.joined()
            let id = try await instance.sendFile(csv)
            try await eventually("some rows are in") {
                (try await instance.read("/v1/imports/\(id)?lines=none")["counts"]["created"]?.integerValue ?? 0) > 200
            }
            _ = await instance.kill(.command)
            let before = try await instance.read("/v1/imports/\(id)")
            #expect(before["status"] == "running")
            #expect((before["lines"].arrayValue?.count ?? 0) < rows)
            try await instance.start(.command)
            let report = try await instance.importEnded(id)
            #expect(report["status"] == "done")
            #expect(report["counts"]["created"]?.integerValue == Int64(rows))
            let lines = try #require(report["lines"].arrayValue)
            #expect(Set(lines.compactMap { $0["item_id"]?.stringValue }).count == rows)
            let connection = try await instance.database.connect()
            let counted = try await connection.query(
                "SELECT count(*), count(DISTINCT stream_id) FROM main.events WHERE type = 'ItemReceived'")
            #expect(try counted[0].decode(0, as: Int.self) == rows)
            #expect(try counted[0].decode(1, as: Int.self) == rows)
            await connection.close()
        }
    }
}
