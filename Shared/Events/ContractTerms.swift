public import EventSourcing
public import Foundation
public import JSON

/// Who bears a discount. STORED NAMES: only ever add.
public enum DiscountBearer: String, CaseIterable, Sendable {
    case store, consignor
    /// Each half.
    case shared
}

/// What becomes of what was not sold. STORED NAMES: only ever add.
public enum UnsoldFate: String, CaseIterable, Sendable {
    case toReturn = "return"
    case donate
    /// To the store's own stock, at a price that somebody names.
    case convert
}

/// The consignor's part from a basis on; the tier of the whole basis is the highest that it reaches.
public struct SplitTier: Equatable, Sendable {
    public var from: Money
    /// 0 to 100.
    public var percent: Int64

    public init(from: Money, percent: Int64) {
        self.from = from
        self.percent = percent
    }

    public var json: JSONValue { ["from": from.json, "percent": .integer(percent)] }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(from: try payload.money("from"), percent: try payload.integer("percent"))
    }
}

/// A price that falls by itself.
public struct MarkdownStep: Equatable, Sendable {
    /// Calendar days of the tenant after the first publication.
    public var afterDays: Int64
    /// Off the price that nobody has marked down, 1 to 99.
    public var percent: Int64
    public var bearer: DiscountBearer

    public init(afterDays: Int64, percent: Int64, bearer: DiscountBearer) {
        self.afterDays = afterDays
        self.percent = percent
        self.bearer = bearer
    }

    public var json: JSONValue {
        ["after_days": .integer(afterDays), "percent": .integer(percent), "bearer": .string(bearer.rawValue)]
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            afterDays: try payload.integer("after_days"), percent: try payload.integer("percent"),
            bearer: try payload.choice("bearer"))
    }
}

/// Taken from the consignor's part of each sale.
public struct ContractFee: Equatable, Sendable {
    public var name: String
    public var amount: Money

    public init(name: String, amount: Money) {
        self.name = name
        self.amount = amount
    }

    public var json: JSONValue { ["name": .string(name), "amount": amount.json] }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(name: try payload.string("name"), amount: try payload.money("amount"))
    }
}

/// What a consignor and the store agree on.
public struct ContractTerms: Equatable, Sendable {
    /// Upwards; the first from 0.
    public var tiers: [SplitTier]
    /// Below it nothing is listed, marked down, or taken as an offer.
    public var minimumPrice: Money?
    /// Calendar days of the tenant.
    public var termDays: Int64
    /// After the term, in which the consignor fetches what was not sold, or the contract is extended.
    public var graceDays: Int64
    /// Upwards in days and percent.
    public var markdowns: [MarkdownStep]
    public var fees: [ContractFee]
    public var unsold: UnsoldFate
    /// On top of what is paid out as store credit, in percent.
    public var storeCreditBonus: Int64
    /// Less than this waits for the next payout.
    public var minimumPayout: Money?
    /// For each item that its consignor takes back before the term is over.
    public var earlyWithdrawalFee: Money?

    public init(
        tiers: [SplitTier], minimumPrice: Money? = nil, termDays: Int64, graceDays: Int64 = 0,
        markdowns: [MarkdownStep] = [], fees: [ContractFee] = [], unsold: UnsoldFate = .toReturn,
        storeCreditBonus: Int64 = 0, minimumPayout: Money? = nil, earlyWithdrawalFee: Money? = nil
    ) {
        self.tiers = tiers
        self.minimumPrice = minimumPrice
        self.termDays = termDays
        self.graceDays = graceDays
        self.markdowns = markdowns
        self.fees = fees
        self.unsold = unsold
        self.storeCreditBonus = storeCreditBonus
        self.minimumPayout = minimumPayout
        self.earlyWithdrawalFee = earlyWithdrawalFee
    }

    /// As they are stored, and shown.
    public var json: JSONValue {
        var object: JSONObject = [
            "tiers": .array(tiers.map(\.json)), "term_days": .integer(termDays), "grace_days": .integer(graceDays),
            "markdowns": .array(markdowns.map(\.json)), "fees": .array(fees.map(\.json)),
            "unsold": .string(unsold.rawValue), "store_credit_bonus": .integer(storeCreditBonus),
        ]
        object["minimum_price"] = minimumPrice?.json
        object["minimum_payout"] = minimumPayout?.json
        object["early_withdrawal_fee"] = earlyWithdrawalFee?.json
        return .object(object)
    }

    public init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            tiers: try payload.list("tiers", SplitTier.init(_:)),
            minimumPrice: try payload.optionalMoney("minimum_price"), termDays: try payload.integer("term_days"),
            graceDays: try payload.integer("grace_days"),
            markdowns: try payload.list("markdowns", MarkdownStep.init(_:)),
            fees: try payload.list("fees", ContractFee.init(_:)), unsold: try payload.choice("unsold"),
            storeCreditBonus: try payload.integer("store_credit_bonus"),
            minimumPayout: try payload.optionalMoney("minimum_payout"),
            earlyWithdrawalFee: try payload.optionalMoney("early_withdrawal_fee"))
    }
}

/// An item of a contract, with what is agreed on for it alone.
public struct ContractItem: Equatable, Sendable {
    public var itemID: UUID
    /// In place of the contract's; nil: those hold.
    public var tiers: [SplitTier]?
    public var minimumPrice: Money?
    public var markdowns: [MarkdownStep]?

    public init(
        itemID: UUID, tiers: [SplitTier]? = nil, minimumPrice: Money? = nil, markdowns: [MarkdownStep]? = nil
    ) {
        self.itemID = itemID
        self.tiers = tiers
        self.minimumPrice = minimumPrice
        self.markdowns = markdowns
    }

    public var json: JSONValue {
        var object: JSONObject = ["item_id": .id("item", itemID)]
        object["tiers"] = tiers.map { .array($0.map(\.json)) }
        object["minimum_price"] = minimumPrice?.json
        object["markdowns"] = markdowns.map { .array($0.map(\.json)) }
        return .object(object)
    }

    public init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            itemID: try payload.id("item_id", prefix: "item"),
            tiers: try payload.optionalList("tiers", SplitTier.init(_:)),
            minimumPrice: try payload.optionalMoney("minimum_price"),
            markdowns: try payload.optionalList("markdowns", MarkdownStep.init(_:)))
    }
}

extension PayloadReader {
    func list<T>(
        _ name: String, _ read: (PayloadReader) throws(EventDecodingError) -> T
    ) throws(EventDecodingError) -> [T] {
        var list: [T] = []
        for element in try elements(name) { list.append(try read(element)) }
        return list
    }

    /// nil when absent or null.
    func optionalList<T>(
        _ name: String, _ read: (PayloadReader) throws(EventDecodingError) -> T
    ) throws(EventDecodingError) -> [T]? {
        guard let value = object[name], !value.isNull else { return nil }
        return try list(name, read)
    }
}
