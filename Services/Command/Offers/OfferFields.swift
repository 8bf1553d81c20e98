import EventSourcing
import Events
import Foundation
import JSON

extension Offer.Make {
    /// From the body of a request.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["listing_id", "price", "buyer"])
        let listing = reader.required("listing_id") { value, pointer throws(InvalidFields) in
            try Field.id(Listing.prefix, value, pointer)
        }
        let price = reader.required("price", Field.money)
        let buyer = reader.required("buyer", Field.buyer)
        guard let listing, let price, let buyer else { throw InvalidFields(errors: reader.errors) }
        self.init(listingID: listing, price: price, buyer: try reader.finish(buyer))
    }
}

extension Offer.Counter {
    /// From the body of a request.
    ///
    /// - Parameter party: whom the principal speaks for; a member can say that the buyer has named the price.
    init(fields body: JSONObject, from party: OfferParty) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["by", "price"])
        let by = reader.optional("by") { value, pointer throws(InvalidFields) in
            let by = try Field.choice(OfferParty.self, value, pointer)
            guard by == party || party == .store else { throw .speaksForBuyer(pointer) }
            return by
        }
        let price = reader.required("price", Field.money)
        self.init(by: by ?? party, price: try reader.finish(price))
    }
}

/// Readers of the bodies of requests that answer an offer.
enum OfferFields {
    /// `{"reason": "store"}`; a member can say that somebody else has declined.
    static func reason(_ body: JSONObject, from party: OfferParty) throws(InvalidFields) -> OfferDeclined.Reason {
        var reader = FieldReader(body, known: ["reason"])
        let reason = reader.optional("reason") { value, pointer throws(InvalidFields) in
            let reason = try Field.choice(OfferDeclined.Reason.self, value, pointer)
            guard reasons.contains(reason) else {
                let names = reasons.map(\.rawValue).joined(separator: ", ")
                throw .one(pointer, .invalid, "must be one of \(names)")
            }
            guard reason == .buyer || party == .store else { throw .speaksForBuyer(pointer) }
            return reason
        }
        return try reader.finish(reason ?? (party == .store ? .store : .buyer))
    }

    /// Those that somebody can give; below the floor a rule declines.
    static let reasons: [OfferDeclined.Reason] = [.store, .consignor, .buyer]

    /// `{"answer": "accept"}`
    static func answer(_ body: JSONObject) throws(InvalidFields) -> OfferAnswer {
        var reader = FieldReader(body, known: ["answer"])
        let answer = reader.required("answer") { value, pointer throws(InvalidFields) in
            try Field.choice(OfferAnswer.self, value, pointer)
        }
        return try reader.finish(answer)
    }
}

extension Field {
    static let externalIDLimit = 200

    /// `{"platform": "shop", "external_id": "42"}`. The platform is a short name without a colon.
    static func buyer(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> OfferBuyer {
        guard let object = value.objectValue else { throw .wrongType(pointer, "an object", value) }
        var reader = FieldReader(object, known: ["platform", "external_id"])
        let platform = reader.required("platform") { value, pointer throws(InvalidFields) in
            let text = try Field.text(limit: 50, value, pointer)
            guard text.utf8.allSatisfy({ (97...122).contains($0) || (48...57).contains($0) || $0 == 95 || $0 == 45 })
            else { throw .one(pointer, .invalid, "must consist of a–z, 0–9, - and _") }
            return text
        }
        let externalID = reader.required("external_id") { value, pointer throws(InvalidFields) in
            try Field.text(limit: externalIDLimit, value, pointer)
        }
        guard reader.errors.isEmpty, let platform, let externalID else {
            throw InvalidFields(errors: reader.errors.map { $0.under(pointer) })
        }
        return OfferBuyer(platform: platform, externalID: externalID)
    }
}

extension InvalidFields {
    fileprivate static func speaksForBuyer(_ pointer: String) -> InvalidFields {
        .one(pointer, .invalid, "a key speaks for the buyer: must be buyer")
    }
}
