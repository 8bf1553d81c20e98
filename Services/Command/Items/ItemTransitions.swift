import Documents
import Events

/// What may follow what, for each of an item's four facts by itself. Decisions ask these tables, tests hold every log
/// against them, and doc/SPEC.md prints them.
enum ItemTransitions {
    static let description = TransitionTable<ItemDescribed>([
        .unknown: [.described],
        .described: [.deleted],
        .deleted: [],
    ])

    static let custody = TransitionTable<ItemCustody>([
        .expected: [.inHouse, .inTransit, .lost],
        .inHouse: [
            .atAuthenticator, .atRepair, .inTransit, .withBuyer, .returnedToConsignor, .lost, .damaged, .disposed,
        ],
        .atAuthenticator: [.inHouse, .inTransit, .lost, .damaged, .disposed],
        .atRepair: [.inHouse, .inTransit, .lost, .damaged, .disposed],
        .inTransit: [.inHouse, .atAuthenticator, .atRepair, .withBuyer, .returnedToConsignor, .lost, .damaged],
        .damaged: [.inHouse, .atRepair, .inTransit, .returnedToConsignor, .lost, .disposed],
        .lost: [.inHouse],
        .withBuyer: [],
        .returnedToConsignor: [],
        .disposed: [],
    ])

    static let title = TransitionTable<ItemTitle>([
        .consignor: [.store, .sold],
        .store: [.sold],
        .sold: [],
    ])

    static let allocation = TransitionTable<ItemAllocation>([
        .free: [.held, .sold],
        .held: [.free, .sold],
        .sold: [],
    ])
}

/// Whether there is a description of an item.
enum ItemDescribed: CaseIterable, Sendable {
    case unknown, described, deleted

    init(_ state: Item.State) { self = state.map { $0.isDeleted ? .deleted : .described } ?? .unknown }
}

/// For each value of a fact, those that may come after it.
struct TransitionTable<Fact: Hashable & CaseIterable & Sendable>: Sendable {
    let next: [Fact: Set<Fact>]

    init(_ next: [Fact: Set<Fact>]) { self.next = next }

    func allows(_ from: Fact, _ to: Fact) -> Bool { next[from]?.contains(to) ?? false }
}

extension ItemCustody {
    /// Where it is in the house can be said.
    var isInHouse: Bool { self == .inHouse || self == .damaged }

    /// The tenant answers for the item: it has it, or had it brought to somebody.
    var isAnsweredFor: Bool {
        switch self {
        case .inHouse, .atAuthenticator, .atRepair, .inTransit, .damaged: true
        case .expected, .withBuyer, .returnedToConsignor, .lost, .disposed: false
        }
    }

    /// An item that can be, or will be, handed to a buyer.
    var isOfferable: Bool {
        switch self {
        case .expected, .inHouse, .atAuthenticator, .atRepair, .inTransit: true
        case .withBuyer, .returnedToConsignor, .lost, .damaged, .disposed: false
        }
    }
}

extension ItemRecord {
    /// `<location uuid>/<item uuid>` while it is there.
    var locationClaim: String? {
        guard let locationID, !isDeleted, custody.isInHouse else { return nil }
        return "\(locationID.claimed)/\(id.claimed)"
    }

    /// `<consignor uuid>/<item uuid>` while a consignor's item, sold or not, is in the tenant's custody.
    var custodyClaim: String? {
        guard let consignorID, !isDeleted, custody.isAnsweredFor,
            titleHolder == .consignor || seller == .consignor
        else { return nil }
        return "\(consignorID.claimed)/\(id.claimed)"
    }
}
