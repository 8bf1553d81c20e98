import Documents
import EventSourcing
import Events
import Foundation
import JSON

/// What a consignor and the store agree on: on what terms which items are sold, and for how long.
enum Contract: Aggregate {
    // STORED NAMES (in ContractEvent and ClaimKind): only ever add.
    typealias Event = Fact<ContractEvent>
    /// nil: nothing was drafted.
    typealias State = ContractRecord?

    static let category = ContractEvent.category
    static let prefix = "contract"
    static let initial: State = nil

    static func evolve(_ state: inout State, _ fact: Event) {
        _ = ContractRecord.fold(&state, fact.event, id: fact.id, version: (state?.version ?? 0) + 1, at: fact.at)
    }

    /// Items of one contract: what expires at once is decided at once.
    static let itemLimit = 500
    /// Items that one request adds.
    static let batchLimit = 100
    /// How far ahead a term may be extended, and other terms agreed on.
    static let horizon = Duration.seconds(100 * 366 * 86_400)

    // MARK: - Decisions

    struct Draft: Sendable, Equatable {
        var consignorID: UUID
        var number: String?
        var note: String?
        var terms: ContractTerms?
        var items: [ContractItem] = []
    }

    struct Amend: Sendable, Equatable {
        var terms: ContractTerms
        /// nil: now.
        var effectiveFrom: Timestamp?
        var document: String?
    }

    struct RemoveItem: Sendable, Equatable {
        var itemID: UUID
        var reason: String?
    }

    /// What an item must be to be on a contract of this consignor.
    typealias Items = [UUID: ItemRecord]

    enum Refused: Refusal {
        case unknown
        case stage(ContractStatus)
        case notReady([RuleOutcome])
        case currency(String, Currency, not: Currency)
        case itemUnknown(Int)
        case itemNotConsignors(Int)
        case itemTwice(Int)
        case itemNotOn
        case itemHeld
        case itemSold
        case tooManyItems
        case noTerms
        case effectiveInPast
        case effectiveTooFar
        case notLater
        case untilTooFar
    }

    /// - Parameter absorbed: the consignors for whom the contract's goes on.
    static func draft(
        _ intent: Draft, _ items: Items, absorbed: [UUID] = [], _ terms: Listing.Terms, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        guard state == nil else { return [] }
        var events: [Event] = stamp.facts(
            .drafted(ContractDrafted(consignorID: intent.consignorID, number: intent.number, note: intent.note)))
        if let wanted = intent.terms { events += try setTerms(wanted, terms, stamp, fold(events)) }
        if !intent.items.isEmpty {
            events += try addItems(intent.items, items, absorbed: absorbed, terms, stamp, fold(events))
        }
        return events
    }

    /// Until it is active; after that it is amended.
    static func setTerms(
        _ intent: ContractTerms, _ terms: Listing.Terms, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let contract = try existing(state)
        guard contract.stage == .draft || contract.stage == .signed else { throw .stage(contract.stage) }
        try check(intent.moneys, in: "/terms", terms)
        guard contract.versions.last?.terms != intent else { return [] }
        return stamp.facts(.termsSet(ContractTermsSet(terms: intent)))
    }

    /// Also while it is active: what a consignor brings later goes by the same terms.
    ///
    /// - Parameter absorbed: the consignors for whom the contract's goes on.
    static func addItems(
        _ intent: [ContractItem], _ items: Items, absorbed: [UUID] = [], _ terms: Listing.Terms, _ stamp: Stamp,
        _ state: State
    ) throws(Refused) -> [Event] {
        let contract = try open(state)
        guard contract.stage != .expired else { throw .stage(.expired) }
        var new: [ContractItem] = []
        for (index, item) in intent.enumerated() {
            try check(item.moneys, in: "/items/\(index)", terms)
            guard let record = items[item.itemID], !record.isDeleted else { throw .itemUnknown(index) }
            guard record.titleHolder == .consignor, let owner = record.consignorID,
                owner == contract.consignorID || absorbed.contains(owner)
            else { throw .itemNotConsignors(index) }
            guard !new.contains(where: { $0.itemID == item.itemID }) else { throw .itemTwice(index) }
            if contract[item.itemID] == nil { new.append(item) }
        }
        guard contract.items.count + new.count <= itemLimit else { throw .tooManyItems }
        return new.isEmpty ? [] : stamp.facts(.itemsAdded(ContractItemsAdded(items: new)))
    }

    /// What is agreed on for one item alone, from now on: not once a buyer has it, or it is held for one.
    static func changeItem(
        _ intent: ContractItem, of item: ItemRecord?, _ terms: Listing.Terms, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let contract = try open(state)
        guard let known = contract[intent.itemID] else { throw .itemNotOn }
        try check(intent.moneys, in: "", terms)
        guard known.item != intent else { return [] }
        try checkFree(item)
        return stamp.facts(.itemChanged(intent))
    }

    /// The terms of a sale are those of then.
    private static func checkFree(_ item: ItemRecord?) throws(Refused) {
        switch item?.allocation {
        case .held: throw .itemHeld
        case .sold: throw .itemSold
        case .free, nil: break
        }
    }

    /// Only without an open listing, and not when it was sold or is held: a claim that goes with it guards the first.
    static func removeItem(
        _ intent: RemoveItem, _ item: ItemRecord?, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let contract = try open(state)
        guard contract[intent.itemID] != nil else { return [] }
        try checkFree(item)
        let fee = contract.stage == .active ? contract.terms(at: stamp.at)?.terms.earlyWithdrawalFee : nil
        return stamp.facts(
            .itemRemoved(ContractItemRemoved(itemID: intent.itemID, reason: intent.reason, fee: fee)))
    }

    static func sign(_ intent: ContractSigned, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let contract = try open(state)
        guard !contract.versions.isEmpty else { throw .noTerms }
        if let known = contract.signature?.signed, contract.isSignedAsItIs, known.document == intent.document,
            known.signer == intent.signer, known.method == intent.method
        {
            return []
        }
        return stamp.facts(.signed(intent))
    }

    /// The evaluation is an event beside what follows from it.
    static func activate(
        _ facts: ContractReadiness.Facts?, _ terms: Listing.Terms, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let contract = try open(state)
        guard contract.stage != .active else { return [] }
        guard contract.stage == .signed || contract.stage == .draft, let facts else { throw .stage(contract.stage) }
        let evaluation = ContractReadiness.evaluate(facts)
        guard evaluation.isReady, let agreed = contract.terms(at: stamp.at)?.terms else {
            throw .notReady(evaluation.rules)
        }
        let endsAt = terms.days.start(of: -Int(agreed.termDays), before: stamp.at)
        return stamp.facts(
            .readinessEvaluated(evaluation),
            .activated(
                ContractActivated(
                    at: stamp.at, endsAt: endsAt,
                    graceEndsAt: terms.days.start(of: -Int(agreed.graceDays), before: endsAt))))
    }

    /// From a moment on, now or later: what was sold before it is not touched.
    static func amend(
        _ intent: Amend, _ terms: Listing.Terms, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let contract = try open(state)
        guard contract.stage == .active || contract.stage == .expired else { throw .stage(contract.stage) }
        try check(intent.terms.moneys, in: "/terms", terms)
        let from = intent.effectiveFrom ?? stamp.at
        guard from >= stamp.at else { throw .effectiveInPast }
        guard from <= stamp.at + horizon else { throw .effectiveTooFar }
        if let last = contract.versions.last, last.terms == intent.terms, last.from <= from { return [] }
        return stamp.facts(
            .amended(ContractAmended(effectiveFrom: from, terms: intent.terms, document: intent.document)))
    }

    /// Until the end of a day, later than that of its term; from its grace it comes back.
    static func extend(
        until day: String, _ terms: Listing.Terms, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let contract = try open(state)
        guard contract.stage == .active || contract.stage == .expired, let end = contract.endsAt,
            let endsAt = terms.days.end(of: day)
        else { throw .stage(contract.stage) }
        guard endsAt != end || contract.stage == .expired else { return [] }
        guard endsAt > end, endsAt > stamp.at else { throw .notLater }
        guard endsAt <= stamp.at + horizon else { throw .untilTooFar }
        let grace = contract.terms(at: stamp.at)?.terms.graceDays ?? 0
        return stamp.facts(
            .extended(
                ContractExtended(endsAt: endsAt, graceEndsAt: terms.days.start(of: -Int(grace), before: endsAt))))
    }

    /// Whatever its time has come for: its term is over, or its grace. Nothing, where it was extended meanwhile.
    static func expire(_ unsold: [UUID], _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let contract = try existing(state)
        switch contract.stage {
        case .active:
            guard let endsAt = contract.endsAt, let graceEndsAt = contract.graceEndsAt, endsAt <= stamp.at else {
                return []
            }
            return stamp.facts(.expired(ContractExpired(graceEndsAt: graceEndsAt)))
        case .expired:
            guard let graceEndsAt = contract.graceEndsAt, graceEndsAt <= stamp.at else { return [] }
            let fate = contract.terms(at: stamp.at)?.terms.unsold ?? .toReturn
            return stamp.facts(.ended(ContractEnded(unsold: fate, items: unsold)))
        case .draft, .signed, .ended, .terminated: return []
        }
    }

    static func terminate(reason: String, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let contract = try existing(state)
        guard contract.stage != .terminated else { return [] }
        guard contract.stage != .ended else { throw .stage(.ended) }
        return stamp.facts(.terminated(ContractTerminated(reason: reason)))
    }

    static func existing(_ state: State) throws(Refused) -> ContractRecord {
        guard let state else { throw .unknown }
        return state
    }

    private static func open(_ state: State) throws(Refused) -> ContractRecord {
        let contract = try existing(state)
        guard contract.stage.isOpen else { throw .stage(contract.stage) }
        return contract
    }

    private static func check(
        _ moneys: [PlacedMoney], in pointer: String, _ terms: Listing.Terms
    ) throws(Refused) {
        guard let other = moneys.first(where: { $0.money.currency != terms.currency }) else { return }
        throw .currency("\(pointer)\(other.pointer)/currency", other.money.currency, not: terms.currency)
    }

    // MARK: - Storage

    /// How the claims of a consignor's open contracts begin.
    static func claimPrefix(of consignor: UUID) -> String {
        TypeID(prefix: Consignor.prefix, uuid: consignor).description + "/"
    }

    static func claims(before: State, after: State) -> [Claim] {
        let held = Set(before?.heldItems ?? []), wanted = Set(after?.heldItems ?? [])
        var claims = held.subtracting(wanted).map { Claim.release(kind: ClaimKind.contractItem, value: $0.claimed) }
        claims += wanted.subtracting(held).map { .take(kind: ClaimKind.contractItem, value: $0.claimed) }
        if before?.openOf != after?.openOf {
            if let over = before?.openOf { claims.append(.release(kind: ClaimKind.consignorContract, value: over)) }
            if let open = after?.openOf { claims.append(.take(kind: ClaimKind.consignorContract, value: open)) }
        }
        if before == nil, let number = after?.number {
            claims.append(.take(kind: ClaimKind.contractNumber, value: number))
        }
        return claims
    }

    /// Its end is looked at when it comes, and the end of its grace; other terms when they come into force.
    static func reactions(to event: Event, _ state: State) -> [Reaction] {
        let subject = TypeID(prefix: prefix, uuid: event.id)
        return switch event.event {
        case .activated(let activated): [.intent(.expire, on: subject, at: activated.endsAt)]
        case .extended(let extended): [.intent(.expire, on: subject, at: extended.endsAt)]
        case .amended(let amended): [.intent(.amend, on: subject, at: amended.effectiveFrom)]
        case .expired(let expired): [.intent(.expire, on: subject, at: expired.graceEndsAt)]
        default: []
        }
    }

    static func encode(_ state: State) -> [UInt8] { state?.bytes ?? [] }

    static func decode(_ json: [UInt8]) throws -> State { try ContractRecord(stored: json) }
}

extension Contract: StoredAggregate {}

extension ContractRecord {
    fileprivate var heldItems: [UUID] { stage.isOpen ? items.map(\.item.itemID) : [] }

    fileprivate var openOf: String? { stage.isOpen ? Contract.claimPrefix(of: consignorID) + id.claimed : nil }
}

/// An amount, and where it stands in what it is part of.
private struct PlacedMoney {
    var pointer: String
    var money: Money
}

extension ContractTerms {
    /// Every amount in them.
    fileprivate var moneys: [PlacedMoney] {
        let single = [
            ("/minimum_price", minimumPrice), ("/minimum_payout", minimumPayout),
            ("/early_withdrawal_fee", earlyWithdrawalFee),
        ]
        return tiers.moneys + fees.enumerated().map { .init(pointer: "/fees/\($0)/amount", money: $1.amount) }
            + single.compactMap { pointer, money in money.map { .init(pointer: pointer, money: $0) } }
    }
}

extension ContractItem {
    fileprivate var moneys: [PlacedMoney] {
        (tiers ?? []).moneys + (minimumPrice.map { [.init(pointer: "/minimum_price", money: $0)] } ?? [])
    }
}

extension [SplitTier] {
    fileprivate var moneys: [PlacedMoney] {
        enumerated().map { .init(pointer: "/tiers/\($0)/from", money: $1.from) }
    }
}

extension Contract.Refused {
    var code: String {
        switch self {
        case .unknown: "contract_unknown"
        case .stage(let status): "contract_\(status.rawValue)"
        case .notReady: "contract_not_ready"
        case .currency: "wrong_currency"
        case .itemUnknown: "item_unknown"
        case .itemNotConsignors: "item_not_the_consignors"
        case .itemTwice: "item_twice"
        case .itemNotOn: "item_not_on_contract"
        case .itemHeld: "item_held"
        case .itemSold: "item_sold"
        case .tooManyItems: "contract_full"
        case .noTerms: "terms_missing"
        case .effectiveInPast: "effective_in_past"
        case .effectiveTooFar, .untilTooFar: "too_far"
        case .notLater: "not_later"
        }
    }

    var detail: String {
        switch self {
        case .unknown: "there is no such contract"
        case .stage(let status): "the contract is \(status.rawValue)"
        case .notReady: "the contract is not ready: see each rule"
        case .currency(_, let currency, let expected): "amounts are in \(expected), not in \(currency)"
        case .itemUnknown: "there is no such item"
        case .itemNotConsignors: "the item is not this consignor's"
        case .itemTwice: "the item is named twice"
        case .itemNotOn: "the item is not on the contract"
        case .itemHeld: "allocation: the item is held for a buyer"
        case .itemSold: "allocation: the item was sold, by what was agreed on then"
        case .tooManyItems: "a contract has at most \(Contract.itemLimit) items"
        case .noTerms: "its terms are set before it is signed"
        case .effectiveInPast: "an amendment does not reach back: what was sold was sold by the terms of then"
        case .effectiveTooFar, .untilTooFar: "nobody agrees on more than a hundred years ahead"
        case .notLater: "a contract is extended to a day after the end of its term, and after today"
        }
    }

    var pointer: String? {
        switch self {
        case .currency(let pointer, _, _): pointer
        case .itemUnknown(let index), .itemNotConsignors(let index), .itemTwice(let index): "/items/\(index)/item_id"
        case .effectiveInPast, .effectiveTooFar: "/effective_from"
        case .notLater, .untilTooFar: "/until"
        default: nil
        }
    }
}
