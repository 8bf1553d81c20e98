import Documents
import EventSourcing
import Events
import Foundation

/// Decisions about where an item is, whose it is and what it is promised to. Each moves one fact, and is told by the
/// others whether it may.
extension Item {
    struct Move: Sendable, Equatable {
        var locationID: UUID
        var stocktakeID: UUID?
    }

    struct ChangeCustody: Sendable, Equatable {
        var custody: ItemCustody
        var locationID: UUID?
        var custodian: String?
        var reason: String?
        var disposal: ItemDisposal?
        var stocktakeID: UUID?
        /// Only from one of these, where they are named.
        var from: Set<ItemCustody>?
    }

    /// To the store's own stock, for what the consignor is given.
    struct Convert: Sendable, Equatable {
        var price: Money
    }

    struct Sell: Sendable, Equatable {
        var listingID: UUID
        /// The accepted offer that it is sold to.
        var offerID: UUID?
        /// nil: of a sale from before items told of theirs.
        var price: Money?
    }

    static func move(_ intent: Move, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let item = try existing(state)
        guard item.custody.isInHouse else { throw .custody(item.custody, not: .inHouse) }
        guard item.locationID != intent.locationID else { return [] }
        return stamp.facts(.moved(ItemMoved(locationID: intent.locationID, stocktakeID: intent.stocktakeID)))
    }

    static func changeCustody(_ intent: ChangeCustody, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let item = try existing(state)
        if item.custody == intent.custody {
            if let location = intent.locationID, location != item.locationID, item.custody == .inHouse {
                return try move(Move(locationID: location, stocktakeID: intent.stocktakeID), stamp, state)
            }
            guard let custodian = intent.custodian, custodian != item.custodian else { return [] }
        } else {
            guard ItemTransitions.custody.allows(item.custody, intent.custody),
                intent.from?.contains(item.custody) ?? true
            else {
                throw .custody(item.custody, not: intent.custody)
            }
            try check(intent.custody, item)
        }
        let change: [Event] = stamp.facts(
            .custodyChanged(
                ItemCustodyChanged(
                    custody: intent.custody, locationID: intent.locationID ?? item.kept(for: intent.custody),
                    custodian: intent.custodian, reason: intent.reason, disposal: intent.disposal,
                    stocktakeID: intent.stocktakeID)))
        // What nobody can be given is held for no offer.
        guard !intent.custody.isOfferable, let offer = item.heldFor else { return change }
        return change + release(from: offer, stamp, state)
    }

    /// What the other facts say to a change of custody.
    private static func check(_ custody: ItemCustody, _ item: ItemRecord) throws(Refused) {
        switch custody {
        case .withBuyer:
            guard item.allocation == .sold else { throw .notSold }
        case .returnedToConsignor:
            try checkFree(item)
            guard item.titleHolder == .consignor else { throw .notConsigned }
        case .disposed:
            try checkFree(item)
        case .expected, .inHouse, .atAuthenticator, .atRepair, .inTransit, .lost, .damaged:
            break
        }
    }

    private static func checkFree(_ item: ItemRecord) throws(Refused) {
        switch item.allocation {
        case .free: break
        case .held: throw .held
        case .sold: throw .sold
        }
    }

    static func convert(
        _ intent: Convert, _ terms: Listing.Terms, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let item = try existing(state)
        guard intent.price.currency == terms.currency else {
            throw .currency(intent.price.currency, not: terms.currency)
        }
        guard intent.price.amount >= 0 else { throw .priceNegative }
        guard item.titleHolder != .store else { return [] }
        guard ItemTransitions.title.allows(item.titleHolder, .store) else { throw .title(item.titleHolder) }
        return stamp.facts(.titleTransferred(ItemTitleTransferred(title: .store, price: intent.price)))
    }

    static func hold(reason: String?, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        try allocate(.held, reason: reason, stamp, state)
    }

    static func release(reason: String?, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        try allocate(.free, reason: reason, stamp, state)
    }

    private static func allocate(
        _ allocation: ItemAllocation, reason: String?, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let item = try existing(state)
        guard item.heldFor == nil else { throw .heldForOffer }
        guard item.allocation != allocation else { return [] }
        guard ItemTransitions.allocation.allows(item.allocation, allocation) else { throw .sold }
        return stamp.facts(.allocationChanged(ItemAllocationChanged(allocation: allocation, reason: reason)))
    }

    /// Goes with an offer that is accepted, in the same append.
    static func hold(
        for offer: UUID, until: Timestamp, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let item = try existing(state)
        guard item.heldFor != offer else { return [] }
        try checkFree(item)
        guard item.custody.isOfferable else { throw .custody(item.custody, not: .withBuyer) }
        return stamp.facts(
            .allocationChanged(ItemAllocationChanged(allocation: .held, offerID: offer, until: until)))
    }

    /// Goes with an offer that holds the item no longer.
    static func release(from offer: UUID, _ stamp: Stamp, _ state: State) -> [Event] {
        guard state?.heldFor == offer else { return [] }
        return stamp.facts(.allocationChanged(ItemAllocationChanged(allocation: .free, offerID: offer)))
    }

    /// Goes with the end of a listing as sold, in the same append: allocation and title move together. What is held is sold
    /// to the offer that it is held for, and to nobody else.
    static func sell(_ intent: Sell, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let item = try existing(state)
        guard ItemTransitions.allocation.allows(item.allocation, .sold) else { throw .sold }
        guard item.allocation != .held || intent.offerID != nil && item.heldFor == intent.offerID else { throw .held }
        guard item.custody.isOfferable else { throw .custody(item.custody, not: .withBuyer) }
        return sale(intent, stamp)
    }

    /// What a sale from before items told of theirs means for one: it comes before the first fact that moves after it.
    static func settle(_ listingID: UUID?, _ stamp: Stamp, _ state: State) -> [Event] {
        guard let listingID, let item = state, item.allocation == .free, item.titleHolder != .sold else { return [] }
        return sale(Sell(listingID: listingID), stamp)
    }

    private static func sale(_ intent: Sell, _ stamp: Stamp) -> [Event] {
        stamp.facts(
            .allocationChanged(
                ItemAllocationChanged(allocation: .sold, listingID: intent.listingID, offerID: intent.offerID)),
            .titleTransferred(
                ItemTitleTransferred(title: .sold, price: intent.price, listingID: intent.listingID)))
    }

    static func withdraw(reason: String?, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let item = try existing(state)
        guard !item.isWithdrawn else { return [] }
        try checkFree(item)
        return stamp.facts(.withdrawn(ItemWithdrawn(reason: reason)))
    }

    static func reinstate(_ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let item = try existing(state)
        return item.isWithdrawn ? stamp.facts(.reinstated(ItemReinstated())) : []
    }
}

extension Item.Refused {
    var code: String {
        switch self {
        case .unknown: "item_unknown"
        case .deleted: "item_deleted"
        case .custody: "item_custody"
        case .title: "item_title"
        case .held: "item_held"
        case .heldForOffer: "item_held_for_offer"
        case .sold: "item_sold"
        case .notSold: "item_not_sold"
        case .notConsigned: "item_not_consigned"
        case .priceNegative: "price_negative"
        case .currency: "wrong_currency"
        }
    }

    var detail: String {
        switch self {
        case .unknown: "there is no such item"
        case .deleted: "the item was deleted"
        case .custody(let custody, let wanted):
            "custody: the item is \(custody.rawValue), and from there it cannot become \(wanted.rawValue)"
        case .title(let title): "title: it lies with \(title.rawValue), and cannot pass to the store"
        case .held: "allocation: the item is held for somebody; release it first"
        case .heldForOffer: "allocation: the item is held for an offer; withdraw the offer first"
        case .sold: "allocation: the item was sold"
        case .notSold: "allocation: the item was not sold"
        case .notConsigned: "title: the item is not a consignor's"
        case .priceNegative: "a price is not below zero"
        case .currency(let currency, let expected): "prices are in \(expected), not in \(currency)"
        }
    }

    var pointer: String? {
        switch self {
        case .priceNegative: "/price/amount"
        case .currency: "/price/currency"
        default: nil
        }
    }
}

extension ItemRecord {
    /// What is damaged in the house stays where it lies.
    fileprivate func kept(for custody: ItemCustody) -> UUID? { custody == .damaged ? locationID : nil }
}
