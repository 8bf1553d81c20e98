import Documents
import EventSourcing
import Events
import Foundation
import JSON
import Testing

@testable import Command

@Suite struct ImportPlanTests {
    // MARK: - Creation

    @Test func `a new variant becomes an item and a listing, published if the file and the request say so`() throws {
        for (publish, file, status) in [
            (true, "true", ListingStatus.published), (true, "false", .draft), (false, "true", .draft),
        ] {
            var shop = Shop()
            shop.row["Published"] = file
            let plan = try shop.import(publish: publish)
            #expect(plan.outcome == .created && plan.reason == nil)
            let item = try #require(shop.item)
            #expect(item.title == "Ocean Blue Shirt" && item.condition == "ungraded" && item.size == nil)
            #expect(item.attributes["tags"] == ["men", "summer"])
            #expect(item.attributes["seo_title"] == nil, "blank cells are no attributes")
            #expect(item.importKey == #"["ocean-blue-shirt","","",""]"#)
            #expect(shop.listing?.status == status)
            #expect(shop.listing?.price == pln(5000) && shop.listing?.itemID == itemID)
            #expect(shop.listing?.importKey == item.importKey)
        }
    }

    @Test func `both rows are claimed`() throws {
        var shop = Shop()
        try shop.import()
        let key = #"["ocean-blue-shirt","","",""]"#
        #expect(Item.claims(before: nil, after: shop.item).contains(.take(kind: "import_item", value: key)))
        #expect(Listing.claims(before: nil, after: shop.listing).contains(.take(kind: "import_listing", value: key)))
    }

    // MARK: - Who brings it

    @Test func `what somebody brings is theirs, and what nobody brings the store's`() throws {
        for (consignment, holder) in [
            (ImportPlan.Consignment.unstated, ItemTitle.store), (.by(consignorID), .consignor),
        ] {
            var shop = Shop()
            #expect(try shop.import(by: consignment).outcome == .created)
            #expect(shop.item?.titleHolder == holder)
            #expect(shop.item?.consignorID == (holder == .consignor ? consignorID : nil))
        }
    }

    @Test func `whose number nobody has brings nothing in`() throws {
        var shop = Shop()
        let plan = try shop.import(by: .unknown)
        #expect(plan == ImportPlan(outcome: .rejected, reason: "there is no consignor with this number"))
    }

    @Test func `who brought it stays, whatever a later file says, and what the file changed is taken`() throws {
        var shop = Shop()
        try shop.import(by: .by(consignorID))
        try shop.store()
        for consignment in [ImportPlan.Consignment.by(consignorID), .unstated] {
            #expect(try shop.import(by: consignment) == ImportPlan(outcome: .unchanged))
        }
        for consignment in [ImportPlan.Consignment.by(itemID), .unknown] {
            let plan = try shop.import(by: consignment)
            #expect(
                plan == ImportPlan(outcome: .unchanged, reason: "who brought it stays as it was said first"))
        }
        shop.row["Title"] = "Blue Shirt"
        #expect(try shop.import(by: .unknown).outcome == .changed)
        #expect(shop.item?.title == "Blue Shirt" && shop.item?.consignorID == consignorID)
    }

    // MARK: - Again

    @Test func `the same file again changes nothing, also after a journey through storage`() throws {
        var shop = Shop()
        shop.row["Cost per item"] = "20"
        try shop.import()
        try shop.store()
        for publish in [true, false] {
            let plan = try shop.import(publish: publish)
            #expect(plan == ImportPlan(outcome: .unchanged))
        }
    }

    @Test func `a changed file changes what changed`() throws {
        var shop = Shop()
        try shop.import()
        shop.row["Title"] = "Blue Shirt"
        shop.row["Body (HTML)"] = ""
        shop.row["Tags"] = "men"
        shop.row["Variant SKU"] = "S-1"
        let plan = try shop.import()
        #expect(plan.outcome == .changed && plan.listing.isEmpty)
        guard case .updated(let event)? = plan.item.first?.event else { throw Unexpected() }
        #expect(event.changes.keys.sorted() == ["attributes", "description", "sku", "title"])
        #expect(shop.item?.title == "Blue Shirt" && shop.item?.description == nil && shop.item?.sku == "S-1")
        #expect(shop.item?.attributes["tags"] == ["men"] && shop.item?.attributes["variant_grams"] == "0")
        #expect(try shop.import() == ImportPlan(outcome: .unchanged))
    }

    @Test func `what an operator changed stays, and what the file changed beside it is taken`() throws {
        var shop = Shop()
        try shop.import()
        shop.edit([
            "title": "Shirt, ocean blue", "condition": "good", "attributes": ["variant_grams": "250", "note": "x"],
        ])
        shop.row["Title"] = "Blue Shirt"
        shop.row["Vendor"] = "Marella"
        shop.row["Variant Weight Unit"] = "g"
        shop.row["SEO Title"] = "Shirt!"
        shop.row["Variant Grams"] = "200"
        let plan = try shop.import()
        #expect(plan.outcome == .changed)
        #expect(
            plan.reason
                == "kept as it was changed here: title, attributes.variant_grams, attributes.variant_weight_unit")
        let item = try #require(shop.item)
        #expect(item.title == "Shirt, ocean blue" && item.condition == "good" && item.brand == "Marella")
        #expect(item.attributes == ["variant_grams": "250", "note": "x", "seo_title": "Shirt!"])
        // The same file again: still theirs and ours, and no event.
        let again = try shop.import()
        #expect(again.outcome == .unchanged && again.item.isEmpty)
        #expect(shop.item?.title == "Shirt, ocean blue")
    }

    @Test func `what an operator changed to the file's own value is no quarrel`() throws {
        var shop = Shop()
        try shop.import()
        shop.edit(["title": "Blue Shirt"])
        shop.row["Title"] = "Blue Shirt"
        let plan = try shop.import()
        #expect(plan.outcome == .unchanged && plan.reason == nil)
        #expect(try shop.import() == ImportPlan(outcome: .unchanged))
    }

    @Test func `where the file follows an operator the base follows the file`() throws {
        var shop = Shop()
        shop.row["Cost per item"] = "1"
        try shop.import()
        var attributes = try #require(shop.item?.attributes)
        attributes["variant_grams"] = "2"
        attributes["internal"] = ["cost_per_item": "2", "variant_inventory_qty": "1"]
        shop.edit(["title": "Two", "attributes": .object(attributes)])
        shop.list(.priceChanged(.init(itemID: itemID, price: pln(6000), previous: pln(5000))))
        for (column, value) in [("Title", "Two"), ("Variant Grams", "2"), ("Cost per item", "2")] {
            shop.row[column] = value
        }
        shop.row["Variant Price"] = "60"
        let met = try shop.import()
        #expect(met.outcome == .unchanged && met.reason == nil && met.listing.isEmpty)
        guard case .updated(let event)? = met.item.first?.event else { throw Unexpected() }
        #expect(event.changes.isEmpty && met.item.count == 1)
        try shop.store()
        #expect(try shop.import() == ImportPlan(outcome: .unchanged))

        for (column, value) in [("Title", "Three"), ("Variant Grams", "3"), ("Cost per item", "3")] {
            shop.row[column] = value
        }
        shop.row["Variant Price"] = "70"
        let plan = try shop.import()
        #expect(plan.outcome == .changed && plan.reason == nil)
        #expect(shop.item?.title == "Three" && shop.item?.attributes["variant_grams"] == "3")
        #expect(shop.item?.attributes["internal"]?["cost_per_item"] == "3" && shop.listing?.price == pln(7000))
        #expect(try shop.import() == ImportPlan(outcome: .unchanged))
    }

    @Test func `a price that is met, left and met again is the base each time`() throws {
        var shop = Shop()
        try shop.import()
        for (operators, next) in [(6000, "70"), (8000, "50"), (6000, "70")] {
            let previous = try #require(shop.listing?.price)
            shop.list(.priceChanged(.init(itemID: itemID, price: pln(Int64(operators)), previous: previous)))
            shop.row["Variant Price"] = "\(operators / 100)"
            #expect(try shop.import().outcome == .unchanged)
            shop.row["Variant Price"] = next
            #expect(try shop.import().reason == nil)
            #expect(shop.listing?.price == pln((Int64(next) ?? 0) * 100))
            #expect(try shop.import() == ImportPlan(outcome: .unchanged))
        }
    }

    @Test func `what an operator published before the file did is paused when the file no longer publishes it`() throws
    {
        var shop = Shop()
        shop.row["Published"] = "false"
        try shop.import()
        shop.list(.published(.init(itemID: itemID, price: pln(5000))))
        shop.row["Published"] = "true"
        #expect(try shop.import().outcome == .unchanged)
        #expect(try shop.import() == ImportPlan(outcome: .unchanged))
        shop.row["Published"] = "false"
        #expect(try shop.import().listing.map(\.type) == ["ListingPaused"])
        #expect(try shop.import() == ImportPlan(outcome: .unchanged))
    }

    @Test func `hidden attributes are merged one by one too`() throws {
        var shop = Shop()
        shop.row["Cost per item"] = "20"
        try shop.import()
        var attributes = try #require(shop.item?.attributes)
        attributes["internal"] = ["cost_per_item": "20", "variant_inventory_qty": "1", "shelf": "B7"]
        shop.edit(["attributes": .object(attributes)])
        shop.row["Cost per item"] = "25"
        #expect(try shop.import().outcome == .changed)
        #expect(
            shop.item?.attributes["internal"]
                == ["cost_per_item": "25", "variant_inventory_qty": "1", "shelf": "B7"])
    }

    @Test func `a column that is gone says nothing`() throws {
        var shop = Shop()
        try shop.import()
        shop.header.removeAll { ["Vendor", "Tags", "Image Src", "Published", "Option1 Value"].contains($0) }
        #expect(try shop.import() == ImportPlan(outcome: .unchanged))
        #expect(shop.item?.brand == "partners-demo")
    }

    @Test func `a deleted item stays deleted, with what its listing is`() throws {
        var shop = Shop()
        try shop.import()
        shop.item = Item.fold([fact(.deleted(.init(reason: "torn")))], from: shop.item)
        shop.row["Title"] = "Blue Shirt"
        shop.row["Variant Price"] = "70"
        #expect(try shop.import() == ImportPlan(outcome: .unchanged, reason: "the item was deleted here"))
    }

    // MARK: - The listing

    @Test func `a new price is taken, unless an operator set one`() throws {
        var shop = Shop()
        try shop.import()
        shop.row["Variant Price"] = "45"
        #expect(try shop.import().outcome == .changed)
        #expect(shop.listing?.price == pln(4500) && shop.listing?.lowestPrice30d == pln(5000))
        #expect(try shop.import() == ImportPlan(outcome: .unchanged))

        shop.list(.priceChanged(.init(itemID: itemID, price: pln(4000), previous: pln(4500))))
        shop.row["Variant Price"] = "48"
        #expect(
            try shop.import() == ImportPlan(outcome: .unchanged, reason: "kept as it was changed here: price"))
        #expect(shop.listing?.price == pln(4000))
    }

    @Test func `a draft is published when the file says so`() throws {
        var shop = Shop()
        shop.row["Published"] = "false"
        try shop.import()
        shop.row["Published"] = "true"
        shop.row["Variant Price"] = "55"
        #expect(try shop.import(publish: false).listing.map(\.type) == ["ListingPriceChanged"])
        #expect(try shop.import(publish: true).listing.map(\.type) == ["ProductPublished"])
        #expect(shop.listing?.status == .published)
        #expect(try shop.import() == ImportPlan(outcome: .unchanged))
    }

    @Test func `what the file no longer publishes is paused, and only a person resumes`() throws {
        var shop = Shop()
        try shop.import()
        shop.row["Published"] = "false"
        #expect(try shop.import().listing.map(\.type) == ["ListingPaused"])
        #expect(try shop.import() == ImportPlan(outcome: .unchanged))
        shop.row["Published"] = "true"
        #expect(
            try shop.import() == ImportPlan(outcome: .unchanged, reason: "the listing is paused and stays so"))
        // Resumed by a person, the file's old word does not count again.
        shop.row["Published"] = "false"
        shop.list(.resumed(.init(itemID: itemID)))
        #expect(try shop.import() == ImportPlan(outcome: .unchanged))
        #expect(shop.listing?.status == .published)
    }

    @Test func `a listing that an operator paused stays paused`() throws {
        var shop = Shop()
        try shop.import()
        shop.list(.paused(.init(itemID: itemID)))
        shop.row["Title"] = "Blue Shirt"
        #expect(try shop.import().listing.isEmpty)
        #expect(shop.listing?.status == .paused)
    }

    @Test func `what has ended is not listed again`() throws {
        var shop = Shop()
        try shop.import()
        shop.list(.ended(.init(itemID: itemID, reason: .sold, price: pln(5000))))
        #expect(try shop.import() == ImportPlan(outcome: .unchanged))
        shop.row["Variant Price"] = "70"
        #expect(try shop.import() == ImportPlan(outcome: .unchanged, reason: "the listing has ended"))
    }

    // MARK: - Reports

    @Test func `a remark does not keep a row out`() throws {
        var shop = Shop()
        shop.row["Variant Inventory Qty"] = "3"
        let remark = "the inventory quantity is \"3\", but a variant is one item here"
        let plan = try shop.import()
        #expect(plan.outcome == .noted && plan.reason == "created; \(remark)" && plan.item.count == 1)
        let again = try shop.import()
        #expect(again == ImportPlan(outcome: .noted, reason: "unchanged; \(remark)"))
    }

    @Test func `an item full of attributes refuses more, and nothing of the row goes in`() throws {
        var shop = Shop()
        try shop.import()
        let full = JSONObject((0..<100).map { ("a\($0)", .integer(1)) })
        shop.edit(["attributes": .object(full)])
        shop.row["SEO Title"] = "Shirt!"
        let plan = try shop.import()
        #expect(plan == ImportPlan(outcome: .rejected, reason: "attributes must not have more than 100 members"))
    }

    @Test func `random histories: a repeated import is always unchanged, and nobody's work is lost`() throws {
        var random = SplitMix(seed: 99)
        for _ in 0..<100 {
            var shop = Shop()
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let text = ["x", "y", "z"].randomElement(using: &random) ?? "x"
                switch Int.random(in: 0...6, using: &random) {
                case 0: shop.row["Title"] = text
                case 1: shop.row["Vendor"] = Bool.random(using: &random) ? text : nil
                case 2: shop.row["Variant Price"] = "\(Int.random(in: 1...3, using: &random))"
                case 3: shop.row["Published"] = Bool.random(using: &random) ? "true" : "false"
                case 4 where shop.item != nil: shop.edit(["brand": .string(text)])
                case 5 where shop.listing?.status == .published: shop.list(.paused(.init(itemID: itemID)))
                default: shop.row["SEO Title"] = text
                }
                let brand = shop.item?.brand
                let base = shop.item?.imported?["values"]?["brand"]
                try shop.import()
                if let brand, base != .string(brand) { #expect(shop.item?.brand == brand) }
                let again = try shop.import()
                #expect(again.item.isEmpty && again.listing.isEmpty && again.outcome == .unchanged)
            }
        }
    }
}

private struct Unexpected: Error {}

/// A file of one row, and what its imports have made here.
private let consignorID = UUID(bits: 77)

private struct Shop {
    var header = ShopifyFile.classic
    var row = ShopifyFile.shirt
    var item: Item.State = nil
    var listing: Listing.State = nil

    @discardableResult
    mutating func `import`(
        publish: Bool = true, by consignor: ImportPlan.Consignment = .unstated
    ) throws -> ImportPlan {
        let line = try #require(try lines(ShopifyFile(header, row).text).first)
        let variant = try #require(line.variant)
        let plan = ImportPlan.plan(
            variant, item: item, listing: listing,
            .init(
                item: Stamp(id: itemID, at: noon), listing: Stamp(id: listingID, at: noon), terms: warsaw,
                publish: publish, consignor: consignor))
        item = Item.fold(plan.item, from: item)
        listing = Listing.fold(plan.listing, from: listing)
        return plan
    }

    /// An operator changes the item.
    mutating func edit(_ changes: JSONObject) {
        item = Item.fold([fact(.updated(ProductUpdated(changes: changes)))], from: item)
    }

    /// An operator changes the listing.
    mutating func list(_ event: ListingEvent) {
        listing = Listing.fold([fact(event)], from: listing)
    }

    /// The states as the database gives them back.
    mutating func store() throws {
        item = try Item.decode(Item.encode(item))
        if listing != nil { listing = try Listing.decode(Listing.encode(listing)) }
    }
}
