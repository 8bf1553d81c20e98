import Documents
import EventSourcing
import Events
import Foundation

/// What one item is worth, asked once.
enum Valuation: Aggregate {
    // STORED NAMES (in ValuationEvent): only ever add.
    typealias Event = Fact<ValuationEvent>
    /// nil: nobody has asked.
    typealias State = ValuationRecord?

    static let category = ValuationEvent.category
    static let prefix = "valuation"
    static let initial: State = nil

    static func evolve(_ state: inout State, _ fact: Event) {
        _ = ValuationRecord.fold(&state, fact.event, id: fact.id, version: (state?.version ?? 0) + 1, at: fact.at)
    }

    // MARK: - Decisions

    struct Request: Sendable, Equatable {
        var itemID: UUID
        var method: ValuationMethod
        var note: String?
    }

    struct Complete: Sendable, Equatable {
        var range: ValuationRange
        /// Percent.
        var confidence: Int64
        var note: String?
    }

    struct Override: Sendable, Equatable {
        var proposed: Money
        var low: Money?
        var high: Money?
        var reason: String
    }

    enum Refused: Refusal {
        case unknown
        case itemUnknown, itemDeleted
        case notPositive(String)
        case currency(Currency, not: Currency, String)
        case notAnswered
        case answered(ValuationStatus)
    }

    /// - Parameter answer: the valuer's, which comes in the same append; nil where somebody is to answer.
    static func request(
        _ intent: Request, answer: ValuationEvent?, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        guard state == nil else { return [] }
        let requested = ValuationRequested(itemID: intent.itemID, method: intent.method, note: intent.note)
        let events: [ValuationEvent?] = [.requested(requested), answer]
        return events.compactMap { $0.map { Fact(id: stamp.id, at: stamp.at, event: $0) } }
    }

    /// Of a request that is somebody's to answer: the valuer answers its own at once.
    static func complete(
        _ intent: Complete, in currency: Currency, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        guard let valuation = state else { throw .unknown }
        try check(
            [("low", intent.range.low), ("proposed", intent.range.proposed), ("high", intent.range.high)], currency)
        let completed = ValuationCompleted(
            range: intent.range, method: .manual, confidence: intent.confidence, note: intent.note)
        guard valuation.completed != completed else { return [] }
        guard valuation.stage == .requested else { throw .answered(valuation.stage) }
        return stamp.facts(.completed(completed))
    }

    /// Of what was answered, whoever did, also that nothing can be said, also again.
    static func override(
        _ intent: Override, in currency: Currency, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        guard let valuation = state else { throw .unknown }
        try check([("low", intent.low), ("proposed", intent.proposed), ("high", intent.high)], currency)
        guard valuation.stage != .requested else { throw .notAnswered }
        let overridden = ValuationOverridden(
            proposed: intent.proposed, low: intent.low, high: intent.high, reason: intent.reason)
        return valuation.overridden == overridden ? [] : stamp.facts(.overridden(overridden))
    }

    /// An item that can be asked about.
    static func valued(_ item: Item.State) throws(Refused) -> ItemRecord {
        guard let item else { throw .itemUnknown }
        guard !item.isDeleted else { throw .itemDeleted }
        return item
    }

    private static func check(_ prices: [(String, Money?)], _ currency: Currency) throws(Refused) {
        for case (let member, let price?) in prices {
            guard price.currency == currency else { throw .currency(price.currency, not: currency, member) }
            guard price.amount > 0 else { throw .notPositive(member) }
        }
    }

    // MARK: - Storage

    static func encode(_ state: State) -> [UInt8] { state?.bytes ?? [] }

    static func decode(_ json: [UInt8]) throws -> State { try ValuationRecord(stored: json) }
}

extension Valuation: StoredAggregate {}

extension Valuation.Refused {
    var code: String {
        switch self {
        case .unknown: "valuation_unknown"
        case .itemUnknown: "item_unknown"
        case .itemDeleted: "item_deleted"
        case .notPositive: "price_not_positive"
        case .currency: "wrong_currency"
        case .notAnswered: "valuation_not_answered"
        case .answered: "valuation_answered"
        }
    }

    var detail: String {
        switch self {
        case .unknown: "there is no such valuation"
        case .itemUnknown: "there is no such item"
        case .itemDeleted: "the item was deleted"
        case .notPositive: "a price is above zero"
        case .currency(let currency, let expected, _): "prices are in \(expected), not in \(currency)"
        case .notAnswered: "nobody has answered yet: complete it"
        case .answered(let status): "the valuation is \(status.rawValue): override it"
        }
    }

    var pointer: String? {
        switch self {
        case .itemUnknown, .itemDeleted: "/item_id"
        case .notPositive(let member): "/\(member)/amount"
        case .currency(_, _, let member): "/\(member)/currency"
        case .unknown, .notAnswered, .answered: nil
        }
    }
}
