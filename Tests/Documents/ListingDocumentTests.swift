import Documents
import EventSourcing
import JSON
import Testing

@Suite struct `Listing documents` {
    @Test func `an operator sees the listing and its item in one`() throws {
        var listing = Sample.published
        listing.changePrice(to: Sample.pln(9000), lowestPrice30d: Sample.pln(12000), at: Sample.day(9))
        listing.advance(to: 3, at: Sample.day(9))
        #expect(
            Sample.text(ListingDocument.bytes(listing, Sample.item, for: .operators))
                == #"{"id":"listing_01h455vb4pex5vsknk084sn02r","version":3,"status":"published","#
                + #""item_id":"item_01h455vb4pex5vsknk084sn02q","channel":"storefront","#
                + #""price":{"amount":9000,"currency":"PLN"},"#
                + #""title":"Płaszcz \"Zima\"","description":null,"brand":"Max Mara","category":"Coats","#
                + #""condition":"very_good","size":"38","color":null,"material":null,"sku":"MM-1","#
                + #""photos":["https://cdn.example.com/1.jpg"],"#
                + #""attributes":{"internal":{"shelf":"A7"},"length":"long","tags":["wool"]},"#
                + #""price_history":[{"price":{"amount":12000,"currency":"PLN"},"at":"2026-01-03T10:00:00.000000Z"},"#
                + #"{"price":{"amount":9000,"currency":"PLN"},"at":"2026-01-09T10:00:00.000000Z"}],"#
                + #""lowest_price_30d":{"amount":12000,"currency":"PLN"},"#
                + #""published_at":"2026-01-03T10:00:00.000000Z","ended_at":null,"end_reason":null,"sold_price":null,"#
                + #""created_at":"2026-01-02T10:00:00.000000Z","updated_at":"2026-01-09T10:00:00.000000Z"}"#)
    }

    @Test func `a storefront sees published ones only, without SKU and internal attributes`() throws {
        let bytes = try #require(ListingDocument.bytes(Sample.published, Sample.item, for: .storefront))
        let document = try JSONValue(parsing: bytes)
        #expect(document.objectValue?.keys.contains("sku") == false)
        #expect(document["attributes"] == ["tags": ["wool"], "length": "long"])
        #expect(document["title"] == "Płaszcz \"Zima\"")

        var paused = Sample.published
        paused.pause()
        var ended = Sample.published
        ended.end(.expired, soldFor: nil, at: Sample.day(9))
        for hidden in [Sample.draft, paused, ended] {
            #expect(ListingDocument.bytes(hidden, Sample.item, for: .storefront) == nil)
            #expect(ListingDocument.bytes(hidden, Sample.item, for: .operators) != nil)
        }
    }

    @Test func `a sold listing tells how it ended`() throws {
        var listing = Sample.published
        listing.end(.sold, soldFor: Sample.pln(8500), at: Sample.day(9))
        let document = try JSONValue(
            parsing: try #require(ListingDocument.bytes(listing, Sample.item, for: .operators)))
        #expect(document["status"] == "ended")
        #expect(document["end_reason"] == "sold")
        #expect(document["sold_price"] == Sample.pln(8500).json)
        #expect(document["ended_at"] == "2026-01-09T10:00:00.000000Z")
    }

    @Test func `an item's change shows in the listing, whose version stays`() throws {
        var item = Sample.item
        item.apply(["brand": "Weekend"])
        let before = ListingDocument.bytes(Sample.published, Sample.item, for: .operators)
        let after = ListingDocument.bytes(Sample.published, item, for: .operators)
        #expect(before != after)
        #expect(try JSONValue(parsing: after!)["version"] == 2)
    }
}

@Suite struct `Prices of a listing` {
    @Test func `the history begins with the first publication`() {
        var listing = Sample.draft
        listing.changePrice(to: Sample.pln(13000), lowestPrice30d: nil, at: Sample.day(2, 12))
        #expect(listing.priceHistory == [])
        listing.publish(price: Sample.pln(13000), at: Sample.day(3))
        #expect(listing.priceHistory == [.init(price: Sample.pln(13000), at: Sample.day(3))])
        listing.pause()
        listing.changePrice(to: Sample.pln(11000), lowestPrice30d: Sample.pln(13000), at: Sample.day(4))
        listing.resume()
        #expect(listing.status == .published)
        #expect(listing.publishedAt == Sample.day(3))
        #expect(listing.priceHistory.map(\.price.amount) == [13000, 11000])
    }

    @Test func `the lowest price of a reduction stays until the next`() {
        var listing = Sample.published
        listing.changePrice(to: Sample.pln(9000), lowestPrice30d: Sample.pln(12000), at: Sample.day(4))
        listing.changePrice(to: Sample.pln(10000), lowestPrice30d: nil, at: Sample.day(5))
        #expect(listing.lowestPrice30d == Sample.pln(12000))
        listing.changePrice(to: Sample.pln(8000), lowestPrice30d: Sample.pln(9000), at: Sample.day(6))
        #expect(listing.lowestPrice30d == Sample.pln(9000))
    }

    @Test func `the lowest price since a moment counts what was in force at it`() {
        var listing = Sample.published  // 12000 since day 3
        listing.changePrice(to: Sample.pln(8000), lowestPrice30d: nil, at: Sample.day(10))
        listing.changePrice(to: Sample.pln(15000), lowestPrice30d: nil, at: Sample.day(20))
        listing.changePrice(to: Sample.pln(14000), lowestPrice30d: nil, at: Sample.day(25))
        #expect(listing.lowestPrice(since: Sample.day(1)) == Sample.pln(8000))
        #expect(listing.lowestPrice(since: Sample.day(15)) == Sample.pln(8000))
        #expect(listing.lowestPrice(since: Sample.day(20)) == Sample.pln(14000))
        #expect(listing.lowestPrice(since: Sample.day(19, 23)) == Sample.pln(8000))
        #expect(listing.lowestPrice(since: Sample.day(26)) == Sample.pln(14000))
        #expect(Sample.draft.lowestPrice(since: Sample.day(1)) == nil)
    }

    @Test func `a clock that runs behind does not disturb the order of the history`() {
        var listing = Sample.published
        listing.changePrice(to: Sample.pln(9000), lowestPrice30d: nil, at: Sample.day(2))
        #expect(listing.priceHistory.map(\.at) == [Sample.day(3), Sample.day(3)])
    }
}
