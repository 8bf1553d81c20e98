import Documents
import EventSourcing
import Events
import Foundation

/// A price below which an item is not sold, and the event that says so.
struct Floor: Sendable {
    var price: Money
    var evidence: EventLink
}

/// What a contract says of an item, for those who offer it.
extension Decision {
    /// What a consignor's item may be offered on; nil for the store's own, and where no contract of it is active.
    mutating func coverage(of item: ItemRecord?, at now: Timestamp) async throws -> Listing.Coverage? {
        guard let item, item.titleHolder == .consignor, let contract = try await contract(of: item.id),
            contract.stage == .active
        else { return nil }
        return contract.coverage(of: item.id, at: now)
    }

    /// Below which a listing's item is neither listed, nor offered, nor sold, by the terms in force now; nil: there is no
    /// such price.
    mutating func floor(of listing: ListingRecord, at now: Timestamp) async throws -> Floor? {
        guard listing.contractID != nil, let contract = try await contract(of: listing.itemID) else { return nil }
        return contract.floor(of: listing.itemID, at: now)
    }

    /// Below which no offer is taken: the floor, or what the store asks for itself, where that has become less.
    mutating func leastOffer(on listing: ListingRecord, at now: Timestamp) async throws -> Floor? {
        var floor = try await floor(of: listing, at: now)
        if let asked = floor?.price, listing.price.amount < asked.amount { floor?.price = listing.price }
        return floor
    }

    /// Ends what is offered of an item whose contract is over: what its expiry did not do while the item was held.
    mutating func endIfContractIsOver(_ item: UUID, _ terms: Listing.Terms, at now: Timestamp) async throws {
        guard let record = try await load(Item.self, item).state, record.titleHolder == .consignor else { return }
        if let contract = try await contract(of: item), contract.stage == .active { return }
        try await withdrawListings(of: item, as: .expired, terms, at: now)
    }

    /// The contract that an item is on, if it is not over.
    mutating func contract(of item: UUID) async throws -> ContractRecord? {
        guard let holder = try await holders(kind: ClaimKind.contractItem, values: [item.claimed]).values.first else {
            return nil
        }
        return try await load(Contract.self, holder).state
    }

    /// Changes a contract, and plans anew what it now says otherwise of these items.
    mutating func append(
        _ events: [Contract.Event], to contract: Snapshot<Contract>, replanning items: [UUID], _ terms: Listing.Terms,
        at now: Timestamp
    ) async throws {
        append(events, to: contract)
        guard let changed = Contract.fold(events, from: contract.state) else { return }
        try await plan(items, of: changed, terms, at: now)
    }

    /// Plans anew what is offered of these items, by the terms in force.
    mutating func plan(
        _ items: [UUID], of contract: ContractRecord, _ terms: Listing.Terms, at now: Timestamp
    ) async throws {
        guard contract.stage == .active else { return }
        for item in items {
            for id in try await holders(kind: ClaimKind.openListing, prefix: item.claimed + "/") {
                let listing = try await load(Listing.self, id)
                let coverage = contract.coverage(of: item, at: now)
                append(try Listing.plan(coverage, terms, Stamp(id: id, at: now), listing.state), to: listing)
            }
        }
    }
}

extension ContractRecord {
    /// By the terms in force, and what is agreed on for the item alone.
    func coverage(of item: UUID, at now: Timestamp) -> Listing.Coverage? {
        guard let own = self[item]?.item, let terms = terms(at: now)?.terms else { return nil }
        return Listing.Coverage(
            contractID: id, floor: floor(of: item, at: now)?.price, markdowns: own.markdowns ?? terms.markdowns)
    }

    func floor(of item: UUID, at now: Timestamp) -> Floor? {
        guard let own = self[item], let terms = terms(at: now) else { return nil }
        let agreed =
            own.item.minimumPrice.map { ($0, own.version) }
            ?? terms.terms.minimumPrice.map { ($0, terms.version) }
        return agreed.map { Floor(price: $0, evidence: EventLink(Contract.prefix, id, at: $1)) }
    }
}

extension Contract {
    /// Its term is over, or its grace: what is offered under it is offered no longer, but for what is held for a buyer.
    static let expireDue: DueHandler = { call, decision in
        let stamp = Stamp(id: call.id, at: call.at)
        let contract = try await decision.load(Contract.self, call.id)
        let items = try await decision.items(contract.state?.items.map(\.item.itemID) ?? [])
        let unsold = (contract.state?.items ?? []).map(\.item.itemID).filter {
            items[$0]?.titleHolder == .consignor && items[$0]?.custody.isOver == false
        }
        let events = try expire(unsold, stamp, contract.state)
        decision.append(events, to: contract)
        for case .expired in events.map(\.event) {
            for id in unsold where items[id]?.allocation != .held {
                try await decision.withdrawListings(of: id, as: .expired, call.terms, at: call.at)
            }
        }
    }
}

extension Contract {
    /// Other terms are in force: what is offered under the contract goes by them.
    static let amendDue: DueHandler = { call, decision in
        guard let contract = try await decision.load(Contract.self, call.id).state else { return }
        try await decision.plan(contract.itemIDs, of: contract, call.terms, at: call.at)
    }
}

extension ItemCustody {
    /// It went for good.
    fileprivate var isOver: Bool { self == .withBuyer || self == .returnedToConsignor || self == .disposed }
}
