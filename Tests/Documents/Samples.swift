import Documents
import EventSourcing
import Foundation
import JSON

/// A coat, its listing, and the times at which things happen to them.
enum Sample {
    static let itemID = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8057")!
    static let listingID = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8058")!
    static let otherListingID = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8059")!

    static func day(_ day: Int, _ hour: Int = 10) -> Timestamp {
        Timestamp(rfc3339: "2026-01-01T00:00:00Z")! + .seconds((day - 1) * 86_400 + hour * 3600)
    }

    static func pln(_ amount: Int64) -> Money { Money(amount: amount, currency: Currency(code: "PLN")!)! }

    static var item: ItemRecord {
        var item = ItemRecord(
            id: itemID,
            values: [
                "title": "Płaszcz \"Zima\"", "condition": "very_good", "brand": "Max Mara", "category": "Coats",
                "size": "38", "sku": "MM-1", "photos": ["https://cdn.example.com/1.jpg"],
                "attributes": ["tags": ["wool"], "internal": ["shelf": "A7"], "length": "long"],
            ], at: day(1))
        item.setImported(["key": "coat/38", "values": ["title": "Coat"]])
        return item
    }

    static var draft: ListingRecord {
        ListingRecord(id: listingID, itemID: itemID, channel: "storefront", price: pln(12000), at: day(2))
    }

    static var published: ListingRecord {
        var listing = draft
        listing.publish(price: pln(12000), at: day(3))
        listing.advance(to: 2, at: day(3))
        return listing
    }

    static func text(_ bytes: [UInt8]?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }
}
