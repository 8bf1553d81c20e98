import Documents
import EventSourcing
import Events
import Foundation

/// What decisions about listings and offers have to do with each other.
extension Decision {
    /// Ends a listing, and with it its open offers, but for one that this intent has decided about already.
    ///
    /// - Parameters:
    ///   - events: that end it; where there are none, nothing happens.
    ///   - sale: the listing that sold the item; nil: nothing was sold.
    mutating func end(
        _ listing: Snapshot<Listing>, _ events: [Listing.Event], soldBy sale: UUID? = nil, at time: Timestamp
    ) async throws {
        guard !events.isEmpty, let record = listing.state else { return }
        let next = try await offers(on: record.id) + 1
        var offers: [Snapshot<Offer>] = []
        for id in try await holders(
            kind: ClaimKind.openOffer, prefix: "\(record.itemID.claimed)/\(record.id.claimed)/")
        {
            offers.append(try await load(Offer.self, id))
        }
        // One that came meanwhile has the next number.
        let guards = [Claim.absent(kind: ClaimKind.offerNumber, prefix: "\(record.id.claimed)/\(next)")]
        append(events, to: listing, guards: guards)
        let cause = OfferSuperseded(by: sale == nil ? .end : .sale, listingID: sale ?? record.id)
        for offer in offers where !hasChanged(offer.stream) {
            append(Offer.supersede(cause, Stamp(id: offer.stream.id, at: time), offer.state), to: offer)
        }
    }

    /// How a buyer stands who makes an offer on a listing.
    func standing(of buyer: OfferBuyer, on listing: ListingRecord) async throws -> Offer.Standing {
        Offer.Standing(
            attempts: try await attempts(of: buyer, on: listing.id),
            open: try await holders(kind: ClaimKind.openOffer, prefix: "\(listing.itemID.claimed)/").count,
            offers: try await offers(on: listing.id))
    }

    /// How many prices a buyer has named on a listing.
    func attempts(of buyer: OfferBuyer, on listing: UUID) async throws -> Int {
        try await holders(kind: ClaimKind.offerOfBuyer, prefix: Offer.attempts(of: buyer, on: listing)).count
    }

    /// How many offers were ever made on a listing.
    private func offers(on listing: UUID) async throws -> Int {
        try await holders(kind: ClaimKind.offerNumber, prefix: "\(listing.claimed)/").count
    }
}
