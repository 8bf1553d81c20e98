import EventSourcing
import Events
import Foundation
import JSON

extension Listing.Refused {
    var code: String {
        switch self {
        case .unknown: "listing_unknown"
        case .itemUnknown: "item_unknown"
        case .itemDeleted: "item_deleted"
        case .itemWithdrawn: "item_withdrawn"
        case .itemCustody: "item_custody"
        case .priceNotPositive: "price_not_positive"
        case .currency: "wrong_currency"
        case .neverPublished: "listing_never_published"
        case .paused: "listing_paused"
        case .ended: "listing_ended"
        case .soldWithoutPrice: "price_required"
        case .priceWithoutSale: "price_not_allowed"
        case .offerWithoutSale: "offer_not_allowed"
        case .overrideWithoutSale: "override_not_allowed"
        case .noContract: "contract_required"
        case .belowFloor: "below_minimum_price"
        }
    }

    var detail: String {
        switch self {
        case .unknown: "there is no such listing"
        case .itemUnknown: "there is no such item"
        case .itemDeleted: "the item was deleted"
        case .itemWithdrawn: "the item was withdrawn; reinstate it first"
        case .itemCustody(let custody): "custody: the item is \(custody.rawValue), and cannot be offered"
        case .priceNotPositive: "a price is above zero"
        case .currency(let currency, let expected): "prices are in \(expected), not in \(currency)"
        case .neverPublished: "the listing is a draft"
        case .paused: "the listing is paused: resume it"
        case .ended: "the listing has ended"
        case .soldWithoutPrice: "a listing that ends as sold names the price it was sold for"
        case .priceWithoutSale: "only a listing that ends as sold names a price"
        case .offerWithoutSale: "only a listing that ends as sold names an offer"
        case .overrideWithoutSale: "only a listing that ends as sold overrides a minimum price"
        case .noContract: "a consignor's item is offered under an active contract"
        case .belowFloor(let floor): "the contract's minimum price is \(floor)"
        }
    }

    var pointer: String? {
        switch self {
        case .itemUnknown, .itemDeleted, .itemWithdrawn, .itemCustody, .noContract: "/item_id"
        case .priceNotPositive, .belowFloor: "/price/amount"
        case .currency: "/price/currency"
        case .soldWithoutPrice, .priceWithoutSale: "/price"
        case .offerWithoutSale: "/offer_id"
        case .overrideWithoutSale: "/override_reason"
        case .unknown, .neverPublished, .paused, .ended: nil
        }
    }
}

extension Listing.Create {
    static let defaultChannel = "storefront"

    /// From the body of a request.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["item_id", "price", "channel"])
        let itemID = reader.required("item_id") { value, pointer throws(InvalidFields) in
            guard let id = TypeID.uuid(of: try Field.string(value, pointer), prefix: Item.prefix) else {
                throw .one(pointer, .invalid, "must be the id of an item")
            }
            return id
        }
        let price = reader.required("price", Field.money)
        let channel = reader.optional("channel", Self.channel)
        guard let itemID, let price else { throw InvalidFields(errors: reader.errors) }
        self.init(
            itemID: itemID, price: price, channel: try reader.finish(channel ?? Self.defaultChannel), imported: nil)
    }

    /// A short name: it is part of a claim.
    private static func channel(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> String {
        let text = try Field.text(limit: 50, value, pointer)
        guard text.allSatisfy({ $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "_" || $0 == "-") }) else {
            throw .one(pointer, .invalid, "must consist of a–z, 0–9, - and _")
        }
        return text
    }
}

extension Listing.SetPrice {
    /// From the body of a request.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["price"])
        let price = reader.required("price", Field.money)
        self.init(price: try reader.finish(price), imported: nil)
    }
}

extension Listing.End {
    /// From the body of a request.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["reason", "price", "offer_id", "override_reason"])
        let reason = reader.required("reason") { value, pointer throws(InvalidFields) in
            try Field.choice(ListingEnded.Reason.self, value, pointer)
        }
        let price = reader.optional("price", Field.money)
        let offer = reader.optional("offer_id") { value, pointer throws(InvalidFields) in
            try Field.id(Offer.prefix, value, pointer)
        }
        let override = reader.optional("override_reason", Field.reason)
        self.init(reason: try reader.finish(reason), price: price, offerID: offer, overrideReason: override)
    }
}
