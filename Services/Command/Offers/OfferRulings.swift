import Documents
import EventSourcing
import Events
import Foundation
import JSON

/// What rules decide about offers and sales, as members find it under `GET /v1/decisions`.
extension DecisionMade {
    /// - Parameter version: of the offer's event that named the price.
    static func belowFloor(
        _ price: Money, _ floor: Floor, of offer: UUID, at version: Int64, on listing: ListingRecord
    ) -> DecisionMade {
        DecisionMade(
            kind: .autoDecline, subject: TypeID(prefix: Offer.prefix, uuid: offer), itemID: listing.itemID,
            outcome: "declined", inputs: ["price": price.json, "floor": floor.price.json],
            rules: [
                RuleOutcome(
                    "price_reaches_floor", held: false,
                    reason: "\(price) is below the least that the item may be sold for, \(floor.price)",
                    evidence: [
                        EventLink(Offer.prefix, offer, at: version),
                        EventLink(Listing.prefix, listing.id, at: listing.version), floor.evidence,
                    ])
            ])
    }

    /// - Parameter listing: before it ended.
    static func soldBelowFloor(
        _ price: Money, _ floor: Floor, because reason: String, of listing: ListingRecord
    ) -> DecisionMade {
        DecisionMade(
            kind: .sale, subject: TypeID(prefix: Listing.prefix, uuid: listing.id), itemID: listing.itemID,
            outcome: "overridden", inputs: ["price": price.json, "floor": floor.price.json, "reason": .string(reason)],
            rules: [
                RuleOutcome(
                    "price_reaches_floor", held: false,
                    reason: "\(price) is below the contract's minimum price, \(floor.price)",
                    evidence: [EventLink(Listing.prefix, listing.id, at: listing.version), floor.evidence])
            ])
    }

    /// - Parameters:
    ///   - offer: before it was accepted.
    ///   - item: before it was held.
    static func held(
        for offer: OfferRecord, until: Timestamp, _ item: ItemRecord, on listing: ListingRecord
    ) -> DecisionMade {
        DecisionMade(
            kind: .hold, subject: TypeID(prefix: Offer.prefix, uuid: offer.id), itemID: item.id, outcome: "held",
            inputs: ["price": offer.price.json, "until": .string(until.rfc3339)],
            rules: [
                RuleOutcome(
                    "listing_is_published", held: true, reason: "the listing is published",
                    evidence: [EventLink(Listing.prefix, listing.id, at: listing.version)]),
                RuleOutcome(
                    "item_is_free", held: true, reason: "nobody holds the item, and it was not sold",
                    evidence: [EventLink(Item.prefix, item.id, at: item.version)]),
            ])
    }

    /// - Parameter offer: while it was accepted.
    static func lapsed(_ offer: OfferRecord) -> DecisionMade {
        var inputs: JSONObject = ["price": offer.price.json]
        inputs["until"] = offer.heldUntil.map { .string($0.rfc3339) }
        return DecisionMade(
            kind: .hold, subject: TypeID(prefix: Offer.prefix, uuid: offer.id), itemID: offer.itemID,
            outcome: "lapsed", inputs: inputs,
            rules: [
                RuleOutcome(
                    "sale_followed", held: false, reason: "the item was not sold to the buyer while it was held",
                    evidence: [EventLink(Offer.prefix, offer.id, at: offer.version)])
            ])
    }
}
