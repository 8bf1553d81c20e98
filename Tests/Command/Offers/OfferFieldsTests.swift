import Documents
import EventSourcing
import Events
import JSON
import Testing

@testable import Command

@Suite struct `What requests say of offers` {
    private func errors<Value>(_ text: String, _ read: (JSONObject) throws(InvalidFields) -> Value) throws -> [String] {
        let body = try body(text)
        do throws(InvalidFields) {
            _ = try read(body)
            return []
        } catch {
            return error.errors.map { "\($0.pointer) \($0.code.rawValue)" }.sorted()
        }
    }

    @Test func `an offer names listing, price and buyer, and all that is wrong is told at once`() throws {
        let read = Offer.Make.init(fields:)
        let listing = TypeID(prefix: "listing", uuid: listingID)
        let made = try read(
            body(
                """
                {"listing_id": "\(listing)", "price": {"amount": 1, "currency": "PLN"},
                 "buyer": {"platform": "my-shop_2", "external_id": " a:b "}}
                """))
        #expect(
            made
                == Offer.Make(
                    listingID: listingID, price: pln(1),
                    buyer: OfferBuyer(platform: "my-shop_2", externalID: "a:b")))
        #expect(OfferBuyer(made.buyer.text) == made.buyer)
        #expect(try errors("{}", read) == ["/buyer required", "/listing_id required", "/price required"])
        #expect(
            try errors(
                """
                {"listing_id": "item_01h455vb4pex5vsknk084sn02q", "price": 1, "message": "please",
                 "buyer": {"platform": "My:Shop", "external_id": "", "name": "Ewa"}}
                """, read) == [
                    "/buyer/external_id empty", "/buyer/name unknown_field", "/buyer/platform invalid",
                    "/listing_id invalid", "/message unknown_field", "/price wrong_type",
                ])
        let long = String(repeating: "x", count: 201)
        #expect(
            try errors(
                """
                {"listing_id": "\(listing)", "price": {"amount": 1, "currency": "PLN"},
                 "buyer": {"platform": "a", "external_id": "\(long)"}}
                """, read) == ["/buyer/external_id too_long"])
    }

    @Test func `a key speaks for the buyer only`() throws {
        let price = #""price": {"amount": 1, "currency": "PLN"}"#
        func by(_ party: OfferParty, _ text: String) throws -> OfferParty {
            try Offer.Counter(fields: try body(text), from: party).by
        }
        #expect(try by(.store, "{\(price)}") == .store)
        #expect(try by(.buyer, "{\(price)}") == .buyer)
        #expect(try by(.store, #"{"by": "buyer", \#(price)}"#) == .buyer)
        #expect(
            try errors(#"{"by": "store", \#(price)}"#) { body throws(InvalidFields) in
                try Offer.Counter(fields: body, from: .buyer)
            } == ["/by invalid"])
        func reason(_ party: OfferParty) -> (JSONObject) throws(InvalidFields) -> OfferDeclined.Reason {
            { body throws(InvalidFields) in try OfferFields.reason(body, from: party) }
        }
        #expect(try reason(.store)([:]) == .store)
        #expect(try reason(.buyer)([:]) == .buyer)
        #expect(try reason(.store)(["reason": "consignor"]) == .consignor)
        #expect(try errors(#"{"reason": "consignor"}"#, reason(.buyer)) == ["/reason invalid"])
        // A rule says so, and nobody else.
        #expect(try errors(#"{"reason": "below_floor"}"#, reason(.store)) == ["/reason invalid"])
    }

    @Test func `no refusal tells a price that the buyer has not named`() {
        for status in OfferStatus.allCases {
            #expect(!Offer.Refused.ended(status).detail.contains("floor"))
        }
        #expect(!Offer.Refused.belowFloor.detail.contains { $0.isNumber })
        #expect(!Offer.Refused.held.detail.contains { $0.isNumber })
    }
}
