package import EventSourcing
package import Events
import Foundation

/// What the operational tables and the claims must hold of one stream, by its events alone: the other side of what
/// `append` was given, for whoever proves that they agree.
package struct StoredFold: Sendable {
    /// A value that the stream holds in its tenant.
    package struct Held: Hashable, Sendable {
        package var kind: String
        package var value: String

        package init(kind: String, value: String) {
            self.kind = kind
            self.value = value
        }
    }

    /// The categories of this program's streams.
    package static let categories = [
        Item.category, Listing.category, TenantAccount.category, Import.category, Location.category, Intake.category,
        Stocktake.category, Consignor.category, Contract.category, Offer.category, Valuation.category,
        RuleDecision.category,
    ]

    private var stream: any StreamFolding

    /// Before the stream's first event; nil for a category that is none of this program's.
    package init?(category: String) {
        switch category {
        case Item.category: stream = StreamFold<Item, ItemEvent>()
        case Listing.category: stream = StreamFold<Listing, ListingEvent>()
        case TenantAccount.category: stream = StreamFold<TenantAccount, TenantEvent>()
        case Import.category: stream = StreamFold<Import, ImportEvent>()
        case Consignor.category: stream = StreamFold<Consignor, ConsignorEvent>()
        case Stocktake.category: stream = StreamFold<Stocktake, StocktakeEvent>()
        case Offer.category: stream = StreamFold<Offer, OfferEvent>()
        case Intake.category: stream = StreamFold<Intake, IntakeEvent>()
        case Contract.category: stream = StreamFold<Contract, ContractEvent>()
        case RuleDecision.category: stream = StreamFold<RuleDecision, DecisionEvent>()
        case Location.category: stream = StreamFold<Location, LocationEvent>()
        case Valuation.category: stream = StreamFold<Valuation, ValuationEvent>()
        default: return nil
        }
    }

    /// Takes in the stream's next event. After an error the fold is of no use.
    package mutating func apply(_ event: StoredEvent) throws(EventDecodingError) { try stream.apply(event) }

    /// The operational state, byte for byte.
    package var state: [UInt8] { stream.state }

    /// What it holds after its last event.
    package var held: Set<Held> { stream.held }
}

private protocol StreamFolding: Sendable {
    mutating func apply(_ stored: StoredEvent) throws(EventDecodingError)
    var state: [UInt8] { get }
    var held: Set<StoredFold.Held> { get }
}

private struct StreamFold<A: StoredAggregate, Payload: StorableEvent>: StreamFolding where A.Event == Fact<Payload> {
    private var current = A.initial
    /// Before the events of the last intent.
    private var before = A.initial
    /// The last event's.
    private var intent: UUID?
    /// Before the last intent's events.
    private var settled: Set<StoredFold.Held> = []

    mutating func apply(_ stored: StoredEvent) throws(EventDecodingError) {
        let fact = Fact(id: stored.stream.id, at: stored.metadata.requestedAt, event: try Payload(stored))
        if let intent, intent != stored.metadata.commandID {
            settled = held
            before = current
        }
        intent = stored.metadata.commandID
        A.evolve(&current, fact)
    }

    var state: [UInt8] { A.encode(current) }

    /// Claims follow from what a whole intent did to the state, and what it gives back goes before what it takes.
    var held: Set<StoredFold.Held> {
        var held = settled
        let claims = A.claims(before: before, after: current)
        for case .release(let kind, let value) in claims { held.remove(.init(kind: kind, value: value)) }
        for case .take(let kind, let value) in claims { held.insert(.init(kind: kind, value: value)) }
        return held
    }
}
