import Documents
import EventSourcing
import Events
import JSON
import Testing

@Suite struct `Item documents` {
    private let published = ItemListings([Sample.published])

    @Test func `an operator sees every field, absent ones as null`() throws {
        let bytes = ItemDocument.bytes(Sample.item, ItemListings(), for: .operators)
        #expect(
            Sample.text(bytes)
                == #"{"id":"item_01h455vb4pex5vsknk084sn02q","version":1,"status":"received","#
                + #""title":"Płaszcz \"Zima\"","description":null,"brand":"Max Mara","category":"Coats","#
                + #""condition":"very_good","size":"38","color":null,"material":null,"sku":"MM-1","#
                + #""photos":["https://cdn.example.com/1.jpg"],"#
                + #""attributes":{"internal":{"shelf":"A7"},"length":"long","tags":["wool"]},"#
                + #""custody":"in_house","location_id":null,"title_holder":"store","allocation":"free","#
                + #""consignor_id":null,"#
                + #""created_at":"2026-01-01T10:00:00.000000Z","updated_at":"2026-01-01T10:00:00.000000Z"}"#)
    }

    @Test func `a storefront sees neither SKU nor internal attributes, and all else alike`() throws {
        let operators = try JSONValue(
            parsing: try #require(ItemDocument.bytes(Sample.item, published, for: .operators)))
        let bytes = try #require(ItemDocument.bytes(Sample.item, published, for: .storefront))
        let storefront = try JSONValue(parsing: bytes)
        var expected = operators.objectValue!
        for name in ["sku", "custody", "location_id", "title_holder", "allocation", "consignor_id"] {
            expected[name] = nil
        }
        expected["attributes"] = ["tags": ["wool"], "length": "long"]
        #expect(storefront == .object(expected))
        #expect(Sample.text(bytes)?.contains("MM-1") == false)
        #expect(Sample.text(bytes)?.contains("imported") == false)
    }

    @Test(
        arguments: [
            ([], false, ItemStatus.received, false),
            ([.init(.draft)], false, .listed, false),
            ([.init(.paused)], false, .listed, false),
            ([.init(.published)], false, .listed, true),
            ([.init(.ended, endReason: .withdrawn)], false, .received, false),
            ([.init(.ended, endReason: .sold)], false, .sold, false),
            ([.init(.ended, endReason: .sold), .init(.draft)], false, .sold, false),
            ([.init(.ended, endReason: .sold), .init(.ended, endReason: .expired)], false, .sold, false),
            ([.init(.ended, endReason: .sold)], true, .deleted, false),
            ([.init(.published)], true, .deleted, false),
        ] as [([ItemListings.Entry], Bool, ItemStatus, Bool)])
    func `status and visibility follow from the listings`(
        entries: [ItemListings.Entry], isDeleted: Bool, status: ItemStatus, isVisible: Bool
    ) {
        var item = Sample.item
        item.isDeleted = isDeleted
        var listings = ItemListings()
        for (id, entry) in zip([Sample.listingID, Sample.otherListingID], entries) { listings[id] = entry }
        #expect(ItemDocument.status(of: item, listings) == status)
        #expect((ItemDocument.bytes(item, listings, for: .storefront) != nil) == isVisible)
        #expect(ItemDocument.bytes(item, listings, for: .operators) != nil)
    }
}

@Suite struct `Items as facts` {
    private static func item(_ events: ItemEvent...) -> ItemRecord {
        events.reduce(into: Sample.item) { $0.apply($1) }
    }

    private static func gone(_ custody: ItemCustody) -> ItemEvent {
        .custodyChanged(ItemCustodyChanged(custody: custody))
    }

    @Test(
        arguments: [
            (Self.gone(.expected), ItemStatus.expected), (Self.gone(.lost), .lost), (Self.gone(.damaged), .damaged),
            (Self.gone(.disposed), .disposed), (Self.gone(.returnedToConsignor), .returned),
            (Self.gone(.atRepair), .received), (.withdrawn(ItemWithdrawn()), .withdrawn),
            (.allocationChanged(ItemAllocationChanged(allocation: .held)), .received),
            (.allocationChanged(ItemAllocationChanged(allocation: .sold)), .sold),
        ] as [(ItemEvent, ItemStatus)])
    func `the status is the first that is so`(event: ItemEvent, status: ItemStatus) {
        let item = Self.item(event)
        #expect(ItemDocument.status(of: item, ItemListings()) == status)
        #expect(
            ItemDocument.status(of: item, ItemListings([Sample.published]))
                == ([.received, .withdrawn].contains(status) ? .listed : status))
        var sold = Sample.published
        sold.end(.sold, soldFor: Sample.pln(1), at: Sample.day(9))
        #expect(ItemDocument.status(of: item, ItemListings([sold])) == .sold)
    }

    @Test func `a sale from before items told of theirs shows in the document`() throws {
        var sold = Sample.published
        sold.end(.sold, soldFor: Sample.pln(1), at: Sample.day(9))
        let document = try JSONValue(
            parsing: try #require(ItemDocument.bytes(Sample.item, ItemListings([sold]), for: .operators)))
        #expect(document["allocation"] == "sold")
        #expect(document["title_holder"] == "sold")
        #expect(Sample.item.allocation == .free)
    }

    @Test func `an item that nothing of the kind has happened to is stored as it always was`() {
        let text = String(decoding: Sample.item.bytes, as: UTF8.self)
        for name in ["custody", "location", "title_holder", "seller", "allocation", "consignor", "withdrawn"] {
            #expect(!text.contains(name), "\(name)")
        }
    }

    @Test func `every fact comes back as it was stored`() throws {
        let place = Sample.otherListingID
        var item = ItemRecord(
            ItemReceived(
                title: "Bag", condition: "good", consignorID: Sample.listingID, locationID: place,
                acquisition: ItemAcquisition(legalBasis: .commissionSale)), id: Sample.itemID, at: Sample.day(1))
        #expect(item.titleHolder == .consignor)
        #expect(try ItemRecord(stored: item.bytes) == item)
        item.apply(.custodyChanged(ItemCustodyChanged(custody: .atRepair, custodian: "Janusz")))
        item.apply(.allocationChanged(ItemAllocationChanged(allocation: .sold)))
        item.apply(.titleTransferred(ItemTitleTransferred(title: .sold)))
        item.apply(.withdrawn(ItemWithdrawn()))
        #expect(item.seller == .consignor)
        #expect(item.custodian == "Janusz")
        #expect(item.locationID == nil)
        #expect(try ItemRecord(stored: item.bytes) == item)
        item.apply(.reinstated(ItemReinstated()))
        #expect(!item.isWithdrawn)
    }

    @Test func `what is bought from a consignor is the store's at once`() {
        let bought = ItemReceived(
            title: "Bag", condition: "good", consignorID: Sample.listingID,
            acquisition: ItemAcquisition(legalBasis: .purchase))
        #expect(bought.titleHolder == .store)
        #expect(ItemReceived(title: "Bag", condition: "good").titleHolder == .store)
        #expect(ItemReceived(title: "Bag", condition: "good", consignorID: Sample.itemID).titleHolder == .consignor)
    }
}

@Suite struct `Item records` {
    @Test func `changes set and clear fields`() {
        var item = Sample.item
        item.apply(["title": "Coat", "brand": nil, "photos": nil, "attributes": nil, "color": "black"])
        #expect(item.title == "Coat")
        #expect(item.brand == nil)
        #expect(item.photos == [])
        #expect(item.attributes == [:])
        #expect(item.color == "black")
        #expect(item.size == "38")
    }

    @Test func `what cannot be applied is let be`() {
        var item = Sample.item
        item.apply(["title": nil, "condition": 5, "no_such_field": 1, "photos": [1]])
        #expect(item.title == Sample.item.title)
        #expect(item.condition == "very_good")
        #expect(item.photos == [])
    }

    @Test func `each field can be asked for by its name`() {
        var item = Sample.item
        for name in [
            "title", "condition", "description", "brand", "category", "size", "color", "material", "sku",
        ] {
            item.apply(JSONObject([(name, JSONValue.string("x"))]))
            #expect(item.value(of: name) == "x", "\(name)")
        }
        #expect(item.value(of: "photos") == ["https://cdn.example.com/1.jpg"])
        #expect(item.value(of: "attributes")?["length"] == "long")
        #expect(item.value(of: "version") == nil)
    }

    @Test func `attributes are the same whether they have been through jsonb or not`() {
        var sent = Sample.item
        sent.apply(["attributes": ["zz": 1, "a": ["y": .number("1e2"), "x": .number("1.50e1")]]])
        var stored = Sample.item
        stored.apply(["attributes": ["a": ["x": .number("15.0"), "y": 100], "zz": 1]])
        #expect(sent.bytes == stored.bytes)
        #expect(
            ItemDocument.bytes(sent, ItemListings(), for: .operators)
                == ItemDocument.bytes(stored, ItemListings(), for: .operators))
    }

    @Test func `time never runs backwards`() {
        var item = Sample.item
        item.advance(to: 2, at: Sample.day(5))
        item.advance(to: 3, at: Sample.day(4))
        #expect(item.version == 3)
        #expect(item.updatedAt == Sample.day(5))
    }
}

@Suite struct `Records in storage` {
    @Test func `an item record comes back as it was`() throws {
        #expect(try ItemRecord(stored: Sample.item.bytes) == Sample.item)
        var deleted = ItemRecord(id: Sample.itemID, values: ["title": "x"], at: Sample.day(1))
        deleted.isDeleted = true
        #expect(try ItemRecord(stored: deleted.bytes) == deleted)
    }

    @Test func `a listing record comes back as it was`() throws {
        var listing = Sample.published
        #expect(try ListingRecord(stored: Sample.draft.bytes) == Sample.draft)
        #expect(try ListingRecord(stored: listing.bytes) == listing)
        listing.changePrice(to: Sample.pln(9000), lowestPrice30d: Sample.pln(12000), at: Sample.day(9))
        listing.end(.sold, soldFor: Sample.pln(8500), at: Sample.day(10))
        listing.setImported(["published": true, "price": Sample.pln(12000).json])
        #expect(try ListingRecord(stored: listing.bytes) == listing)
    }

    @Test func `an import record comes back as it was`() throws {
        var record = ImportRecord(
            id: Sample.itemID, format: "shopify", currency: Currency(code: "PLN")!, publish: true, bytes: 20_971_520,
            sha256: "00", at: Sample.day(1))
        #expect(try ImportRecord(stored: record.stored) == record)
        record.status = .done
        record.counts = .init()
        record.counts?[.rejected] = 3
        record.reason = "x"
        record.advance(to: 3, at: Sample.day(2))
        #expect(try ImportRecord(stored: record.stored) == record)
    }

    @Test func `rows' memories come back as they were`() throws {
        var listings = ItemListings([Sample.published])
        listings[Sample.otherListingID] = .init(.ended, endReason: .withdrawn)
        let row = ItemWithListings(item: Sample.item, listings: listings)
        #expect(try ItemWithListings(stored: row.bytes) == row)
        #expect(row.bytes == ItemWithListings(item: row.item, listings: listings).bytes)
        let pair = ListingWithItem(listing: Sample.published, item: Sample.item)
        #expect(try ListingWithItem(stored: pair.bytes) == pair)
    }

    @Test func `SQL finds ids as plain UUIDs at the top level`() throws {
        let json = try JSONValue(parsing: Sample.published.bytes)
        #expect(json["item_id"] == "01890a5d-ac96-774b-bcce-b302099a8057")
        #expect(json["status"] == "published")
        #expect(json["price"] == ["amount": 12000, "currency": "PLN"])
        #expect(try JSONValue(parsing: Sample.item.bytes)["brand"] == "Max Mara")
    }

    @Test func `what is missing or wrong is named, what is unknown ignored`() throws {
        for bytes in [Sample.item.bytes, Sample.published.bytes] {
            var object = try JSONValue(parsing: bytes).objectValue!
            object["from_the_future"] = 1
            if object["title"] != nil {
                #expect(try ItemRecord(json: .object(object)) == Sample.item)
            } else {
                #expect(try ListingRecord(json: .object(object)) == Sample.published)
            }
        }
        var object = try JSONValue(parsing: Sample.published.bytes).objectValue!
        object["price"] = nil
        #expect(throws: RecordDecodingError(record: "listing", member: "price")) {
            try ListingRecord(json: .object(object))
        }
        object["price"] = 5
        #expect(throws: RecordDecodingError(record: "listing", member: "price")) {
            try ListingRecord(json: .object(object))
        }
        #expect(throws: RecordDecodingError(record: "item", member: "")) { try ItemRecord(stored: Array("[".utf8)) }
        #expect(throws: RecordDecodingError(record: "listing", member: "")) {
            try ListingWithItem(stored: Array("{}".utf8))
        }
    }
}
