import Documents
import EventSourcing
import Events
import Foundation
import JSON
import PersonalData

extension Consignor {
    /// Full calendar years for which a tax identity is kept after the year of the last fact that a tax authority may ask
    /// about: five, as Polish law has it (Ordynacja podatkowa, art. 86 § 1 with art. 70 § 1; DAC7 asks for no more than
    /// ten and no less than five).
    static let taxYears = 5
    /// Days after which no backup may hold what was erased. The runbook says so to those who keep backups.
    static let backupDays = 35

    struct Erase: Sendable, Equatable {
        var reason: ConsignorErased.Reason
    }

    /// What ties a consignor to the shop, beyond their own record. That nothing is added meanwhile is guarded by claims.
    struct Ties: Sendable, Equatable {
        /// Things of theirs that the shop has.
        var inCustody = 0
        /// Contracts that are not over.
        var contracts = 0
    }

    /// Why somebody cannot be erased yet.
    enum Obstacle: Sendable, Equatable {
        case itemsInCustody(Int)
        case contractsOpen(Int)
        case balance(Money)
        /// The last day.
        case retained(until: String)
    }

    /// - Parameter days: in the tenant's time zone.
    static func erase(
        _ intent: Erase, _ ties: Ties, _ days: CalendarDays, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let consignor = try existing(state)
        if let survivor = consignor.mergedInto, consignor.status != .erased { throw .merged(into: survivor) }
        guard consignor.status == .active else { return [] }
        var obstacles: [Obstacle] = []
        if ties.inCustody > 0 { obstacles.append(.itemsInCustody(ties.inCustody)) }
        if ties.contracts > 0 { obstacles.append(.contractsOpen(ties.contracts)) }
        if let balance = consignor.balance, balance.amount != 0 { obstacles.append(.balance(balance)) }
        if let last = consignor.retainUntil, days.day(of: stamp.at) <= last { obstacles.append(.retained(until: last)) }
        guard obstacles.isEmpty else { throw .notErasable(obstacles) }
        return [receipt(intent, days, stamp, consignor)]
    }

    /// One that had been merged into somebody who is erased is the same person, and goes with them.
    static func eraseMerged(_ intent: Erase, _ days: CalendarDays, _ stamp: Stamp, _ state: State) -> [Event] {
        guard let consignor = state, consignor.status == .merged else { return [] }
        return [receipt(intent, days, stamp, consignor)]
    }

    private static func receipt(
        _ intent: Erase, _ days: CalendarDays, _ stamp: Stamp, _ consignor: ConsignorRecord
    ) -> Event {
        // Without a tax identity there is nothing to keep.
        let kept =
            consignor.tax.isEmpty
            ? nil : consignor.taxedAt.map { days.lastDay(ofYear: taxYears, after: $0) }
        let isKept = kept.map { days.day(of: stamp.at) <= $0 } ?? false
        return Fact(
            id: consignor.id, at: stamp.at,
            event: .erased(
                ConsignorErased(
                    reason: intent.reason,
                    scopes: [PersonScope.contact.rawValue] + (isKept ? [] : [PersonScope.tax.rawValue]),
                    taxKeptUntil: isKept ? kept : nil, backupsExpire: days.day(backupDays, after: stamp.at))))
    }
}

extension Consignor.Obstacle: Refusal {
    var code: String {
        switch self {
        case .itemsInCustody: "items_in_custody"
        case .contractsOpen: "contracts_open"
        case .balance: "balance_open"
        case .retained: "retained"
        }
    }

    var detail: String {
        switch self {
        case .itemsInCustody(let count): "the shop has \(count) of the consignor's things"
        case .contractsOpen(let count): "\(count) of the consignor's contracts \(count == 1 ? "is" : "are") not over"
        case .balance(let balance): "the balance is \(balance), and not zero"
        case .retained(let day): "the contact data has to be kept until \(day)"
        }
    }
}

extension Consignor.Refused {
    var code: String {
        switch self {
        case .unknown: "consignor_unknown"
        case .merged: "consignor_merged"
        case .erased: "consignor_erased"
        case .currency: "wrong_currency"
        case .tooManyTerms: "too_many_terms"
        case .agreedInFuture: "agreed_in_future"
        case .intoItself: "merge_into_itself"
        case .intoUnknown: "survivor_unknown"
        case .intoErased: "survivor_erased"
        case .intoMerged: "survivor_merged"
        case .tooManyMerged: "too_many_merged"
        case .balanceTooLarge: "balance_too_large"
        case .notErasable: "not_erasable"
        }
    }

    var detail: String {
        func name(_ id: UUID) -> String { TypeID(prefix: Consignor.prefix, uuid: id).description }
        return switch self {
        case .unknown: "there is no such consignor"
        case .merged(let survivor): "the consignor was merged into \(name(survivor))"
        case .erased: "the consignor was erased"
        case .currency(let currency, let expected): "the tenant's currency is \(expected), not \(currency)"
        case .tooManyTerms: "a consignor can agree to \(Consignor.mostTerms) documents"
        case .agreedInFuture: "nobody has agreed yet to what is still to come"
        case .intoItself: "a consignor cannot be merged into itself"
        case .intoUnknown: "there is no such consignor to merge into"
        case .intoErased: "the consignor to merge into was erased"
        case .intoMerged(let survivor): "the consignor to merge into was merged into \(name(survivor))"
        case .tooManyMerged: "one consignor can go on for \(Consignor.mostAbsorbed) others"
        case .balanceTooLarge: "the balances together are beyond ±2⁵³"
        case .notErasable(let obstacles): obstacles.map(\.detail).joined(separator: "; ")
        }
    }

    var pointer: String? {
        switch self {
        case .agreedInFuture: "/agreed_at"
        case .intoItself, .intoUnknown, .intoErased, .intoMerged: "/into"
        default: nil
        }
    }
}
