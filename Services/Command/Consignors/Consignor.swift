import Documents
import EventSourcing
import Events
import Foundation
import JSON
import PersonalData

/// Somebody whose things the shop sells.
///
/// Its state holds what is personal sealed. A decision compares in the clear: it is given `Known`, opened by whoever
/// loaded the state, and values that come with their sealed form, made by whoever read the request.
enum Consignor: Aggregate {
    // STORED NAMES (in ConsignorEvent and ClaimKind): only ever add.
    typealias Event = Fact<ConsignorEvent>
    /// nil: nobody was registered.
    typealias State = ConsignorRecord?

    static let category = ConsignorEvent.category
    static let prefix = "consignor"
    static let initial: State = nil

    static func evolve(_ state: inout State, _ fact: Event) {
        switch fact.event {
        case .registered(let event):
            state = ConsignorRecord(
                id: fact.id, number: event.number, storeCredit: event.storeCredit, contact: event.contact, at: fact.at)
            if !event.tax.isEmpty { state?.declareTax(event.tax, at: fact.at) }
            state?.imported = event.imported
            return
        case .updated(let event):
            for (name, value) in event.changes {
                switch name {
                case "number": state?.number = value.stringValue
                case "store_credit": state?.storeCredit = value.boolValue ?? false
                case "retain_until": state?.retainUntil = value.stringValue
                default: break
                }
            }
            state?.applyContact(event.contact)
            if let imported = event.imported { state?.imported = imported }
        case .payoutChanged(let event):
            state?.applyContact(["payout": event.payout.map(JSONValue.string) ?? .null])
        case .taxDeclared(let event):
            state?.declareTax(event.tax, at: fact.at)
        case .balanceOpened(let event):
            state?.openBalance(event.balance, at: fact.at)
        case .termsAgreed(let event):
            state?.terms.append(.init(document: event.document, method: event.method, agreedAt: event.agreedAt))
        case .merged(let event):
            state?.merge(into: event.into)
        case .absorbed(let event):
            state?.absorb(event.consignors, balance: event.balance, at: fact.at)
        case .erased(let event):
            state?.erase(ConsignorRecord.Erasure(event, at: fact.at))
        }
        if let version = state?.version { state?.advance(to: version + 1, at: fact.at) }
    }

    // MARK: - Decisions

    /// What is personal, by field, in the clear and as it is to be stored; both null where a field is cleared.
    struct SealedFields: Sendable, Equatable {
        var clear: Personal<JSONObject>
        var sealed: JSONObject

        static let none = SealedFields(clear: Personal([:]), sealed: [:])

        /// Those that differ from what is known, as an event stores them.
        func changes(of known: Personal<JSONObject>) -> JSONObject {
            let known = known.reveal()
            return JSONObject(
                clear.reveal().members.filter { (known[$0.key] ?? .null) != $0.value }.map {
                    ($0.key, sealed[$0.key] ?? .null)
                })
        }
    }

    /// What is personal in a state, opened.
    struct Known: Sendable, Equatable {
        var contact: Personal<JSONObject>
        var tax: Personal<JSONObject>

        static let nothing = Known(contact: Personal([:]), tax: Personal([:]))
    }

    struct Register: Sendable, Equatable {
        var number: String?
        var storeCredit = false
        var retainUntil: String?
        /// The name is there.
        var contact: SealedFields
        var tax = SealedFields.none
        /// See `ConsignorRegistered.imported`.
        var imported: JSONObject?
        var openingBalance: Money?
    }

    struct Update: Sendable, Equatable {
        /// The new value of `number`, `store_credit`, `retain_until`; null clears it.
        var changes: JSONObject = [:]
        var contact = SealedFields.none
        var tax = SealedFields.none
        /// The import's new base, if it is an import that changes.
        var imported: JSONObject?
        var openingBalance: Money?
    }

    struct Agree: Sendable, Equatable {
        var document: String
        var method: ConsignorTermsMethod
        var agreedAt: Timestamp?
    }

    static let mostTerms = 200
    static let mostAbsorbed = 50

    enum Refused: Refusal {
        case unknown
        case merged(into: UUID)
        case erased
        case currency(Currency, not: Currency)
        case tooManyTerms
        case agreedInFuture
        case intoItself
        case intoUnknown, intoErased
        case intoMerged(into: UUID)
        case tooManyMerged
        case balanceTooLarge
        /// Everything that stands in the way of an erasure.
        case notErasable([Obstacle])
    }

    static func register(
        _ intent: Register, in currency: Currency, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        guard state == nil else { return [] }
        try check(intent.openingBalance, currency)
        var events: [ConsignorEvent] = [
            .registered(
                ConsignorRegistered(
                    number: intent.number, storeCredit: intent.storeCredit,
                    contact: intent.contact.changes(of: Personal([:])), tax: intent.tax.changes(of: Personal([:])),
                    imported: intent.imported))
        ]
        if let day = intent.retainUntil {
            events.append(.updated(ConsignorUpdated(changes: ["retain_until": .string(day)])))
        }
        if let balance = intent.openingBalance { events.append(.balanceOpened(.init(balance: balance))) }
        return events.map { Fact(id: stamp.id, at: stamp.at, event: $0) }
    }

    /// - Parameter known: of this state.
    static func update(
        _ intent: Update, _ known: Known, in currency: Currency, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let consignor = try active(state)
        try check(intent.openingBalance, currency)
        var events: [ConsignorEvent] = []
        let present: JSONObject = [
            "number": JSONValue(consignor.number), "store_credit": .bool(consignor.storeCredit),
            "retain_until": JSONValue(consignor.retainUntil),
        ]
        let changes = JSONObject(
            intent.changes.members.filter { present[$0.key] != $0.value }.map { ($0.key, $0.value) })
        var contact = intent.contact.changes(of: known.contact)
        let payout = contact["payout"]
        contact["payout"] = nil
        if !changes.isEmpty || !contact.isEmpty || intent.imported != nil {
            events.append(.updated(ConsignorUpdated(changes: changes, contact: contact, imported: intent.imported)))
        }
        if let payout { events.append(.payoutChanged(ConsignorPayoutChanged(payout: payout.stringValue))) }
        let tax = intent.tax.changes(of: known.tax)
        if !tax.isEmpty { events.append(.taxDeclared(ConsignorTaxDeclared(tax: tax))) }
        if let balance = intent.openingBalance, balance != consignor.openingBalance {
            events.append(.balanceOpened(ConsignorBalanceOpened(balance: balance)))
        }
        return events.map { Fact(id: stamp.id, at: stamp.at, event: $0) }
    }

    /// A document that was agreed to is agreed to: doing it again, in whatever way, adds nothing.
    static func agree(_ intent: Agree, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let consignor = try active(state)
        guard !consignor.terms.contains(where: { $0.document == intent.document }) else { return [] }
        let agreedAt = intent.agreedAt ?? stamp.at
        guard agreedAt <= stamp.at else { throw .agreedInFuture }
        guard consignor.terms.count < mostTerms else { throw .tooManyTerms }
        return stamp.facts(
            .termsAgreed(
                ConsignorTermsAgreed(
                    document: intent.document, method: intent.method.rawValue, agreedAt: agreedAt)))
    }

    /// The merged one's events, then the survivor's. Whoever the merged one had absorbed goes on with it.
    static func merge(
        _ state: State, into survivor: UUID, _ survivorState: State, _ stamp: Stamp
    ) throws(Refused) -> (merged: [Event], survivor: [Event]) {
        if let state, state.status == .merged, state.mergedInto == survivor { return ([], []) }
        let consignor = try active(state)
        guard consignor.id != survivor else { throw .intoItself }
        guard let other = survivorState else { throw .intoUnknown }
        if let next = other.mergedInto { throw .intoMerged(into: next) }
        guard other.status == .active else { throw .intoErased }
        let absorbed = [consignor.id] + consignor.absorbed
        guard other.absorbed.count + absorbed.count <= mostAbsorbed else { throw .tooManyMerged }
        if let balance = consignor.balance,
            Money(amount: balance.amount + (other.balance?.amount ?? 0), currency: balance.currency) == nil
        {
            throw .balanceTooLarge
        }
        return (
            stamp.facts(.merged(ConsignorMerged(into: survivor))),
            Stamp(id: survivor, at: stamp.at).facts(
                .absorbed(ConsignorAbsorbed(consignors: absorbed, balance: consignor.balance)))
        )
    }

    static func existing(_ state: State) throws(Refused) -> ConsignorRecord {
        guard let consignor = state else { throw .unknown }
        return consignor
    }

    static func active(_ state: State) throws(Refused) -> ConsignorRecord {
        let consignor = try existing(state)
        if let survivor = consignor.mergedInto { throw .merged(into: survivor) }
        guard consignor.status == .active else { throw .erased }
        return consignor
    }

    private static func check(_ balance: Money?, _ currency: Currency) throws(Refused) {
        guard let balance, balance.currency != currency else { return }
        throw .currency(balance.currency, not: currency)
    }

    // MARK: - Storage

    /// A number stays with whom it was given to, merged or erased: it is printed on labels.
    static func claims(before: State, after: State) -> [Claim] {
        var claims: [Claim] = []
        if before?.number != after?.number {
            if let held = before?.number { claims.append(.release(kind: ClaimKind.consignorNumber, value: held)) }
            if let wanted = after?.number { claims.append(.take(kind: ClaimKind.consignorNumber, value: wanted)) }
        }
        if let after, after.status == .erased, before?.status != .erased {
            claims.append(.absent(kind: ClaimKind.custody, prefix: after.id.claimed + "/"))
            claims.append(.absent(kind: ClaimKind.consignorContract, prefix: Contract.claimPrefix(of: after.id)))
        }
        return claims
    }

    static func encode(_ state: State) -> [UInt8] { state?.bytes ?? [] }

    static func decode(_ json: [UInt8]) throws -> State { try ConsignorRecord(stored: json) }
}

/// How somebody agreed to terms. STORED NAMES: only ever add.
enum ConsignorTermsMethod: String, CaseIterable, Sendable {
    case inPerson = "in_person"
    case online, email, paper
}

extension ConsignorRecord.Erasure {
    init(_ event: ConsignorErased, at time: Timestamp) {
        self.init(
            reason: event.reason.rawValue, at: time, scopes: event.scopes, taxKeptUntil: event.taxKeptUntil,
            backupsExpire: event.backupsExpire)
    }
}
