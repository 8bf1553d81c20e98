import Documents
import EventSourcing

extension Offer {
    enum Refused: Refusal {
        case unknown
        case listingUnknown
        /// The listing is not published.
        case notOffered
        case priceNotPositive
        case currency(Currency, not: Currency)
        case attempts
        case tooMany
        /// Somebody else has to answer.
        case turn(OfferStatus)
        case accepted
        case ended(OfferStatus)
        case notAsked
        case notConsigned
        /// Only told to members: no key names a price that is refused for it.
        case belowFloor
        /// Somebody has the item already.
        case held
        /// The listing cannot end: its item is held for an offer.
        case listingHeld
        case notAccepted
        /// What it was accepted for.
        case price(Money)
    }
}

extension Offer.Refused {
    var code: String {
        switch self {
        case .unknown: "offer_unknown"
        case .listingUnknown: "listing_unknown"
        case .notOffered: "listing_not_published"
        case .priceNotPositive: "price_not_positive"
        case .currency: "wrong_currency"
        case .attempts: "offer_limit"
        case .tooMany: "too_many_offers"
        case .turn: "offer_turn"
        case .accepted: "offer_accepted"
        case .ended: "offer_ended"
        case .notAsked: "consignor_not_asked"
        case .notConsigned: "item_not_consigned"
        case .belowFloor: "price_below_floor"
        case .held, .listingHeld: "item_held"
        case .notAccepted: "offer_not_accepted"
        case .price: "price_differs"
        }
    }

    var detail: String {
        switch self {
        case .unknown: "there is no such offer"
        case .listingUnknown: "there is no such listing"
        case .notOffered: "the listing is not published"
        case .priceNotPositive: "a price is above zero"
        case .currency(let currency, let expected): "prices are in \(expected), not in \(currency)"
        case .attempts: "a buyer names at most \(Offer.attemptLimit) prices for a listing"
        case .tooMany: "at most \(Offer.openLimit) offers for an item are open"
        case .turn(.countered): "the offer is with the buyer, who was named another price"
        case .turn(.asked): "the offer is with the consignor"
        case .turn: "the offer is with the store"
        case .accepted: "the offer was accepted: withdraw it to let the item go"
        case .ended(.superseded): "the item is not to be had any more"
        case .ended(.fulfilled): "the item was sold to the buyer"
        case .ended(.lapsed): "the item was held for the buyer, and is no longer"
        case .ended(let status): "the offer was \(status.rawValue), or its time is over"
        case .notAsked: "the consignor was not asked"
        case .notConsigned: "title: the item is not a consignor's"
        case .belowFloor: "the price is below the least that the item may be sold for"
        case .held: "allocation: the item is held already: another offer was accepted, or somebody has asked for it"
        case .listingHeld: "allocation: the item is held for an offer on this listing; withdraw the offer first"
        case .notAccepted: "no accepted offer on this listing has this id"
        case .price(let price): "the offer was accepted at \(price)"
        }
    }

    var pointer: String? {
        switch self {
        case .listingUnknown: "/listing_id"
        case .priceNotPositive: "/price/amount"
        case .currency: "/price/currency"
        case .belowFloor, .price: "/price"
        case .notAccepted: "/offer_id"
        default: nil
        }
    }
}
