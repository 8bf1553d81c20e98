import Crypto
import Documents
import EventSourcing
import Events
import Foundation

/// A price that a buyer names for what is listed, until it is sold to the buyer or nothing comes of it.
enum Offer: Aggregate {
    // STORED NAMES (in OfferEvent and ClaimKind): only ever add.
    typealias Event = Fact<OfferEvent>
    /// nil: nothing was offered.
    typealias State = OfferRecord?

    static let category = OfferEvent.category
    static let prefix = "offer"
    static let initial: State = nil

    static func evolve(_ state: inout State, _ fact: Event) {
        _ = OfferRecord.fold(&state, fact.event, id: fact.id, version: (state?.version ?? 0) + 1, at: fact.at)
    }

    /// Prices that one buyer names on one listing, for ever: too few to find the floor by.
    static let attemptLimit = 3
    /// Open offers of one item.
    static let openLimit = 200

    // MARK: - Naming a price

    struct Make: Sendable, Equatable {
        var listingID: UUID
        var price: Money
        var buyer: OfferBuyer
    }

    struct Counter: Sendable, Equatable {
        var by: OfferParty
        var price: Money
    }

    /// What there is of offers already, by the claims.
    struct Standing: Sendable, Equatable {
        /// Prices that the buyer has named on the listing.
        var attempts: Int
        /// Open offers of the item.
        var open: Int
        /// Offers that were ever made on the listing.
        var offers: Int
    }

    /// A price below the floor is declined in the same append.
    ///
    /// - Parameter floor: nil where there is none.
    static func make(
        _ intent: Make, on listing: Listing.State, floor: Money?, _ standing: Standing, _ terms: Listing.Terms,
        _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        guard state == nil else { return [] }
        guard let listing else { throw .listingUnknown }
        try check(listing)
        try check(intent.price, terms)
        guard standing.attempts < attemptLimit else { throw .attempts }
        guard standing.open < openLimit else { throw .tooMany }
        let made = OfferMade(
            listingID: listing.id, itemID: listing.itemID, price: intent.price, buyer: intent.buyer,
            attempt: Int64(standing.attempts) + 1, number: Int64(standing.offers) + 1,
            expiresAt: stamp.at + terms.offers)
        let events: [Event] = stamp.facts(.made(made))
        return events + declining(intent.price, below: floor, stamp)
    }

    /// Each in turn: the store answers an offer, the buyer a counter-offer.
    ///
    /// - Parameter attempts: prices that the buyer has named on the listing.
    static func counter(
        _ intent: Counter, on listing: Listing.State, floor: Money?, attempts: Int, _ terms: Listing.Terms,
        _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let offer = try existing(state)
        let next = intent.by == .store ? OfferStatus.countered : .pending
        let isNamed = offer.by == intent.by && offer.price == intent.price
        guard !isNamed || offer.stage != next && offer.declined?.isAutomatic != true else { return [] }
        guard offer.by != intent.by else { throw refusal(offer) }
        try check(next, offer, stamp)
        try check(listing)
        try check(intent.price, terms)
        switch intent.by {
        case .store:
            guard !isBelow(intent.price, floor) else { throw .belowFloor }
        case .buyer:
            guard attempts < attemptLimit else { throw .attempts }
        }
        let countered = OfferCountered(
            by: intent.by, price: intent.price, expiresAt: stamp.at + terms.offers,
            attempt: intent.by == .buyer ? Int64(attempts) + 1 : nil)
        let events: [Event] = stamp.facts(.countered(countered))
        return intent.by == .store ? events : events + declining(intent.price, below: floor, stamp)
    }

    private static func declining(_ price: Money, below floor: Money?, _ stamp: Stamp) -> [Event] {
        guard isBelow(price, floor) else { return [] }
        return stamp.facts(.declined(OfferDeclined(reason: .belowFloor, isAutomatic: true)))
    }

    private static func isBelow(_ price: Money, _ floor: Money?) -> Bool {
        guard let floor else { return false }
        return price.amount < floor.amount
    }

    // MARK: - Answering

    /// The item is held from then on, by its own event in the same append, which refuses where it is not free.
    ///
    /// - Parameter party: who says so; a member of the tenant also says what the buyer has.
    static func accept(
        by party: OfferParty, on listing: Listing.State, floor: Money?, _ terms: Listing.Terms, _ stamp: Stamp,
        _ state: State
    ) throws(Refused) -> [Event] {
        let offer = try existing(state)
        guard offer.stage != .accepted else { return [] }
        guard offer.stage != .pending || party == .store else { throw .turn(offer.stage) }
        try check(.accepted, offer, stamp)
        try check(listing)
        // What the store has named itself stands, whatever the floor has become.
        guard offer.by == .store || !isBelow(offer.price, floor) else { throw .belowFloor }
        return stamp.facts(.accepted(OfferAccepted(price: offer.price, heldUntil: stamp.at + terms.hold)))
    }

    static func decline(
        _ reason: OfferDeclined.Reason, by party: OfferParty, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let offer = try existing(state)
        guard offer.stage != .declined else { return [] }
        // A buyer who no longer wants what is with the store withdraws it.
        guard offer.stage == .countered || party == .store else { throw refusal(offer) }
        try check(.declined, offer)
        return stamp.facts(.declined(OfferDeclined(reason: reason)))
    }

    static func withdraw(_ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let offer = try existing(state)
        guard offer.stage != .withdrawn else { return [] }
        try check(.withdrawn, offer)
        return stamp.facts(.withdrawn)
    }

    static func askConsignor(_ item: Item.State, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let offer = try existing(state)
        guard offer.stage != .asked else { return [] }
        try check(.asked, offer, stamp)
        guard item?.titleHolder == .consignor else { throw .notConsigned }
        return stamp.facts(.consignorAsked)
    }

    /// It binds nobody: the store decides.
    static func consignorAnswered(
        _ answer: OfferAnswer, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let offer = try existing(state)
        guard offer.stage != .pending || offer.consignorAnswer != answer else { return [] }
        guard offer.stage == .asked else { throw offer.stage.isNegotiated ? .notAsked : refusal(offer) }
        try check(.pending, offer, stamp)
        return stamp.facts(.consignorAnswered(answer))
    }

    // MARK: - What comes of it

    /// Nobody has answered in time.
    ///
    /// - Parameter dueAt: the time that it was given; where it was given more since, nothing happens.
    static func expire(_ dueAt: Timestamp, _ stamp: Stamp, _ state: State) -> [Event] {
        guard let offer = state, offer.stage.isNegotiated, offer.expiresAt <= dueAt else { return [] }
        return stamp.facts(.expired)
    }

    /// No sale has followed in time.
    static func lapse(_ dueAt: Timestamp, _ stamp: Stamp, _ state: State) -> [Event] {
        guard let offer = state, offer.stage == .accepted, let until = offer.heldUntil, until <= dueAt else {
            return []
        }
        return stamp.facts(.holdLapsed)
    }

    /// What was offered for is gone.
    static func supersede(_ cause: OfferSuperseded, _ stamp: Stamp, _ state: State) -> [Event] {
        state?.stage.isOpen == true ? stamp.facts(.superseded(cause)) : []
    }

    /// Goes with the end of its listing as sold.
    static func fulfil(
        on listing: UUID, for price: Money?, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        guard let offer = state, offer.listingID == listing, offer.stage == .accepted else { throw .notAccepted }
        guard offer.price == price else { throw .price(offer.price) }
        return stamp.facts(.fulfilled(OfferFulfilled(price: offer.price)))
    }

    // MARK: - Checks

    static func existing(_ state: State) throws(Refused) -> OfferRecord {
        guard let state else { throw .unknown }
        return state
    }

    private static func check(_ next: OfferStatus, _ offer: OfferRecord) throws(Refused) {
        guard OfferTransitions.offer.allows(offer.stage, next) else { throw refusal(offer) }
    }

    /// And before its time was over, whether or not somebody has noticed.
    private static func check(_ next: OfferStatus, _ offer: OfferRecord, _ stamp: Stamp) throws(Refused) {
        try check(next, offer)
        guard stamp.at < offer.expiresAt else { throw .ended(.expired) }
    }

    private static func refusal(_ offer: OfferRecord) -> Refused {
        offer.stage == .accepted ? .accepted : offer.stage.isOpen ? .turn(offer.stage) : .ended(offer.stage)
    }

    private static func check(_ listing: Listing.State) throws(Refused) {
        guard listing?.status == .published else { throw .notOffered }
    }

    private static func check(_ price: Money, _ terms: Listing.Terms) throws(Refused) {
        guard price.currency == terms.currency else { throw .currency(price.currency, not: terms.currency) }
        guard price.amount > 0 else { throw .priceNotPositive }
    }

    // MARK: - Storage

    static func claims(before: State, after: State) -> [Claim] {
        guard let after else { return [] }
        let counted = Set(before?.attempts ?? [])
        var claims = after.attempts.filter { !counted.contains($0) }.map { attempt in
            Claim.take(
                kind: ClaimKind.offerOfBuyer, value: "\(attempts(of: after.buyer, on: after.listingID))\(attempt)")
        }
        if before == nil {
            let number = "\(after.listingID.claimed)/\(after.number)"
            claims.append(.take(kind: ClaimKind.offerNumber, value: number))
        }
        let (wasOpen, isOpen) = (before?.stage.isOpen ?? false, after.stage.isOpen)
        let open = "\(after.itemID.claimed)/\(after.listingID.claimed)/\(after.id.claimed)"
        if isOpen, !wasOpen { claims.append(.take(kind: ClaimKind.openOffer, value: open)) }
        if wasOpen, !isOpen { claims.append(.release(kind: ClaimKind.openOffer, value: open)) }
        return claims
    }

    /// What the claims of a buyer's prices on a listing begin with. No name is readable in it.
    static func attempts(of buyer: OfferBuyer, on listing: UUID) -> String {
        let digest = SHA256.hash(data: Array("\(buyer.platform)\0\(buyer.externalID)".utf8))
        let hex = digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        return "\(listing.claimed)/\(hex)/"
    }

    static func reactions(to fact: Event, _ state: State) -> [Reaction] {
        let subject = TypeID(prefix: prefix, uuid: fact.id)
        return switch fact.event {
        case .made(let event): [.intent(.expireOffer, on: subject, at: event.expiresAt)]
        case .countered(let event): [.intent(.expireOffer, on: subject, at: event.expiresAt)]
        case .accepted(let event): [.intent(.lapseHold, on: subject, at: event.heldUntil)]
        default: []
        }
    }

    static func encode(_ state: State) -> [UInt8] { state?.bytes ?? [] }

    static func decode(_ json: [UInt8]) throws -> State { try OfferRecord(stored: json) }
}

extension Offer: StoredAggregate {}
