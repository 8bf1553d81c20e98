import Documents
import EventSourcing
import Events
import Foundation
import JSON
import Testing

@testable import Command

let itemID = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8057")!
let listingID = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8058")!
let noon = Timestamp(rfc3339: "2026-03-10T11:00:00Z")!
let zloty = Currency(code: "PLN")!
let euro = Currency(code: "EUR")!
let dinar = Currency(code: "KWD")!
let yen = Currency(code: "JPY")!

func pln(_ amount: Int64) -> Money { Money(amount: amount, currency: zloty)! }

func days(_ count: Int64, after time: Timestamp = noon) -> Timestamp {
    Timestamp(microseconds: time.microseconds + count * 86_400_000_000)
}

let warsaw = Listing.Terms(currency: zloty, days: CalendarDays(timeZone: "Europe/Warsaw")!)
let stamp = Stamp(id: itemID, at: noon)

func fact(_ event: ItemEvent, at time: Timestamp = noon) -> Item.Event { Fact(id: itemID, at: time, event: event) }
func fact(_ event: ListingEvent, at time: Timestamp = noon) -> Listing.Event {
    Fact(id: listingID, at: time, event: event)
}

let coat = ItemReceived(title: "Coat", condition: "good", brand: "Max Mara", sku: "C-1")

/// What a request's body says.
func body(_ text: String) throws -> JSONObject {
    try #require(try JSONValue(parsing: text).objectValue)
}
