import Documents
import EventSourcing
import Foundation

extension Decision {
    /// Below which a listing's item is neither listed, nor offered, nor sold; nil: there is no such price.
    mutating func floor(of listing: ListingRecord, at now: Timestamp) async throws -> Money? { nil }

    /// Ends what is offered of an item whose contract is over.
    mutating func endIfContractIsOver(_ item: UUID, _ terms: Listing.Terms, at now: Timestamp) async throws {}
}
