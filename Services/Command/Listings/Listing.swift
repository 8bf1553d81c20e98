import Documents
import EventSourcing
import Events
import Foundation
import JSON

/// An item offered at a price on a channel.
enum Listing: Aggregate {
    // STORED NAMES (in ListingEvent and ClaimKind): only ever add.
    typealias Event = Fact<ListingEvent>
    /// nil: nothing was created.
    typealias State = ListingRecord?

    static let category = ListingEvent.category
    static let prefix = "listing"
    static let initial: State = nil

    static func evolve(_ state: inout State, _ fact: Event) {
        guard let version = state?.version else {
            state = ListingRecord(begins: fact.event, id: fact.id, at: fact.at)
            return
        }
        state?.apply(fact.event, at: fact.at)
        state?.advance(to: version + 1, at: fact.at)
    }

    // MARK: - Decisions

    struct Create: Sendable, Equatable {
        var itemID: UUID
        var price: Money
        var channel: String
        var imported: ImportedListing?
    }

    struct SetPrice: Sendable, Equatable {
        var price: Money
        var imported: ImportedListing?
    }

    struct End: Sendable, Equatable {
        var reason: ListingEnded.Reason
        /// What it was sold for.
        var price: Money?
        /// The accepted offer that it was sold to.
        var offerID: UUID?
        /// Why it was sold below the contract's minimum price.
        var overrideReason: String?
    }

    /// What a tenant's settings decide.
    struct Terms: Sendable {
        var currency: Currency
        /// In the tenant's time zone.
        var days: CalendarDays
        /// How long an accepted offer holds its item: real hours, whatever the clocks do meanwhile.
        var hold = Duration.seconds(24 * 3600)
        /// How long an offer waits for an answer.
        var offers = Duration.seconds(48 * 3600)

        /// A reduction names the lowest price of this many days before it (Directive 98/6/EC, article 6a).
        static let priceWindow = 30
    }

    enum Refused: Refusal {
        case unknown
        case itemUnknown, itemDeleted, itemWithdrawn
        case itemCustody(ItemCustody)
        case priceNotPositive
        case currency(Currency, not: Currency)
        case neverPublished
        case paused
        case ended
        case soldWithoutPrice
        case priceWithoutSale
        case offerWithoutSale
        case overrideWithoutSale
        case noContract
        case belowFloor(Money)
    }

    /// What a consignor's item may be offered on.
    struct Coverage: Sendable, Equatable {
        var contractID: UUID
        var floor: Money?
        /// Of the item, as the terms in force have them.
        var markdowns: [MarkdownStep]
    }

    /// The item as it is read with the intent. One open listing per item and channel, and none of an item that was
    /// sold: claims that go with it guard that.
    ///
    /// - Parameter coverage: of a consignor's item; nil: there is no active contract for it.
    static func create(
        _ intent: Create, of item: Item.State, under coverage: Coverage? = nil, _ terms: Terms, _ stamp: Stamp,
        _ state: State
    ) throws(Refused) -> [Event] {
        guard state == nil else { return [] }
        try check(intent.price, terms)
        let item = try offerable(item, under: coverage, for: intent.price)
        return stamp.facts(
            .created(
                ListingCreated(
                    itemID: item.id, price: intent.price, channel: intent.channel, imported: intent.imported,
                    contractID: coverage?.contractID, floor: coverage?.floor)))
    }

    /// What is offered is there, or will be, and the store's own or under contract, for no less than that says: asked
    /// whenever an item comes before customers.
    @discardableResult
    static func offerable(
        _ item: Item.State, under coverage: Coverage? = nil, for price: Money? = nil
    ) throws(Refused) -> ItemRecord {
        guard let item else { throw .itemUnknown }
        guard !item.isDeleted else { throw .itemDeleted }
        guard item.custody.isOfferable else { throw .itemCustody(item.custody) }
        guard !item.isWithdrawn else { throw .itemWithdrawn }
        guard item.titleHolder != .consignor || coverage != nil else { throw .noContract }
        if let price, let floor = coverage?.floor, price.amount < floor.amount { throw .belowFloor(floor) }
        return item
    }

    static func publish(
        _ stamp: Stamp, _ state: State, imported: ImportedListing? = nil
    ) throws(Refused) -> [Event] {
        let listing = try existing(state)
        switch listing.status {
        case .draft:
            return stamp.facts(
                .published(ProductPublished(itemID: listing.itemID, price: listing.price, imported: imported)))
        case .published: return []
        case .paused: throw .paused
        case .ended: throw .ended
        }
    }

    /// - Parameter floor: what its contract says now.
    static func setPrice(
        _ intent: SetPrice, floor: Money? = nil, _ terms: Terms, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let listing = try existing(state)
        guard listing.status.isOpen else { throw .ended }
        try check(intent.price, terms)
        if let floor, intent.price.amount < floor.amount { throw .belowFloor(floor) }
        guard intent.price != listing.price else { return [] }
        return stamp.facts(
            .priceChanged(
                ListingPriceChanged(
                    itemID: listing.itemID, price: intent.price, previous: listing.price,
                    lowestPrice30d: lowestPrice(before: intent.price, listing, terms, stamp.at),
                    imported: intent.imported)))
    }

    static func pause(
        _ stamp: Stamp, _ state: State, imported: ImportedListing? = nil
    ) throws(Refused) -> [Event] {
        let listing = try existing(state)
        switch listing.status {
        case .draft: throw .neverPublished
        case .published: return stamp.facts(.paused(ListingPaused(itemID: listing.itemID, imported: imported)))
        case .paused: return []
        case .ended: throw .ended
        }
    }

    static func resume(
        _ stamp: Stamp, _ state: State, imported: ImportedListing? = nil
    ) throws(Refused) -> [Event] {
        let listing = try existing(state)
        switch listing.status {
        case .draft: throw .neverPublished
        case .published: return []
        case .paused: return stamp.facts(.resumed(ListingResumed(itemID: listing.itemID, imported: imported)))
        case .ended: throw .ended
        }
    }

    /// - Parameter floor: of a sale that no accepted offer has agreed on.
    static func end(
        _ intent: End, floor: Money? = nil, _ terms: Terms, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let listing = try existing(state)
        guard listing.status.isOpen else { return [] }
        switch (intent.reason, intent.price) {
        case (.sold, nil): throw .soldWithoutPrice
        case (.sold, let price?):
            try check(price, terms)
            if intent.overrideReason == nil, let floor, price.amount < floor.amount { throw .belowFloor(floor) }
        case (.withdrawn, nil), (.expired, nil), (.error, nil): break
        case (.withdrawn, _?), (.expired, _?), (.error, _?): throw .priceWithoutSale
        }
        guard intent.reason == .sold || intent.offerID == nil else { throw .offerWithoutSale }
        guard intent.reason == .sold || intent.overrideReason == nil else { throw .overrideWithoutSale }
        return stamp.facts(
            .ended(ListingEnded(itemID: listing.itemID, reason: intent.reason, price: intent.price)))
    }

    static func existing(_ state: State) throws(Refused) -> ListingRecord {
        guard let state else { throw .unknown }
        return state
    }

    private static func check(_ price: Money, _ terms: Terms) throws(Refused) {
        guard price.currency == terms.currency else { throw .currency(price.currency, not: terms.currency) }
        guard price.amount > 0 else { throw .priceNotPositive }
    }

    /// With a reduction: the lowest price in force in the days before it; nil before the first publication.
    static func lowestPrice(
        before price: Money, _ listing: ListingRecord, _ terms: Terms, _ now: Timestamp
    ) -> Money? {
        guard price.amount < listing.price.amount else { return nil }
        return listing.lowestPrice(since: terms.days.start(of: Terms.priceWindow, before: now))
    }

    // MARK: - Storage

    static func claims(before: State, after: State) -> [Claim] {
        guard let after else { return [] }
        let item = after.itemID.claimed
        let open = "\(item)/\(after.channel)"
        var claims: [Claim] = []
        if before == nil {
            claims.append(.take(kind: ClaimKind.openListing, value: open))
            if let key = after.importKey { claims.append(.take(kind: ClaimKind.importListing, value: key)) }
        }
        if !after.status.isOpen {
            claims.append(.release(kind: ClaimKind.openListing, value: open))
            if after.endReason == .sold { claims.append(.take(kind: ClaimKind.soldItem, value: item)) }
        } else if before == nil || (after.status == .published && before?.status != .published) {
            // There is exactly one: nobody offers what was sold elsewhere.
            claims.append(.absent(kind: ClaimKind.soldItem, prefix: item))
        }
        return claims
    }

    static func encode(_ state: State) -> [UInt8] { state?.bytes ?? [] }

    static func decode(_ json: [UInt8]) throws -> State { try ListingRecord(stored: json) }
}

extension ListingRecord {
    /// The key of the row it was imported from.
    var importKey: String? { imported?["key"]?.stringValue }
}
