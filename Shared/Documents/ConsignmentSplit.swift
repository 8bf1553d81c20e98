public import EventSourcing
public import Events
import Foundation
public import JSON

/// A discount that was given before a sale, and who bears it.
public struct Discount: Equatable, Sendable {
    public var amount: Money
    public var bearer: DiscountBearer

    public init(amount: Money, bearer: DiscountBearer) {
        self.amount = amount
        self.bearer = bearer
    }

    public var json: JSONValue { ["amount": amount.json, "bearer": .string(bearer.rawValue)] }

    init?(json: JSONValue) {
        guard let amount = json["amount"].flatMap(Money.init(json:)),
            let bearer = json["bearer"]?.stringValue.flatMap(DiscountBearer.init(rawValue:))
        else { return nil }
        self.init(amount: amount, bearer: bearer)
    }
}

/// How the price of a sale is split between consignor and store, to the minor unit.
///
/// The basis is what the sale brought, with the discounts that the store bears, and half of those that are shared. The tier
/// that the basis reaches holds for all of it. Halves of a minor unit go up.
public struct ConsignmentSplit: Equatable, Sendable {
    public var price: Money
    /// What the store bears of the discounts.
    public var storeBorne: Money
    public var basis: Money
    public var percent: Int64
    /// The consignor's part, before fees.
    public var share: Money
    public var fees: [ContractFee]
    /// The consignor's part. Below zero where the fees are more than it.
    public var consignor: Money
    /// What is left of the price. Below zero where a discount costs the store more than that.
    public var store: Money

    /// nil where amounts lie beyond what money can say, or are not all of the price's currency.
    public init?(of price: Money, discounts: [Discount], terms: ContractTerms, item: ContractItem?) {
        let currency = price.currency
        let tiers = item?.tiers ?? terms.tiers
        let moneys = discounts.map(\.amount) + tiers.map(\.from) + terms.fees.map(\.amount)
        guard moneys.allSatisfy({ $0.currency == currency }) else { return nil }
        func sum(_ bearer: DiscountBearer) -> Int64? {
            discounts.filter { $0.bearer == bearer }.reduce(Int64?.some(0)) { total, discount in
                total.flatMap { Self.adding($0, discount.amount.amount) }
            }
        }
        guard let whole = sum(.store), let shared = sum(.shared),
            let borne = Self.adding(whole, Self.share(of: shared, percent: 50)),
            let basis = Self.adding(price.amount, borne)
        else { return nil }
        let percent = tiers.last { $0.from.amount <= basis }?.percent ?? 0
        let share = Self.share(of: basis, percent: percent)
        let fees = terms.fees.reduce(Int64?.some(0)) { total, fee in
            total.flatMap { Self.adding($0, fee.amount.amount) }
        }
        guard let fees, let storeBorne = Money(amount: borne, currency: currency),
            let basis = Money(amount: basis, currency: currency), let part = Money(amount: share, currency: currency),
            let consignor = Money(amount: share - fees, currency: currency),
            let store = Money(amount: price.amount - (share - fees), currency: currency)
        else { return nil }
        self.price = price
        self.storeBorne = storeBorne
        self.basis = basis
        self.percent = percent
        self.share = part
        self.fees = terms.fees
        self.consignor = consignor
        self.store = store
    }

    /// `percent` of an amount within ±2⁵⁴, halves up.
    public static func share(of amount: Int64, percent: Int64) -> Int64 {
        let (quotient, rest) = (amount * percent + 50).quotientAndRemainder(dividingBy: 100)
        return rest < 0 ? quotient - 1 : quotient
    }

    private static func adding(_ left: Int64, _ right: Int64) -> Int64? {
        let (sum, isOver) = left.addingReportingOverflow(right)
        return isOver || sum.magnitude > Money.limit.magnitude ? nil : sum
    }
}

/// A price that a plan has marked down.
public enum Markdown {
    /// `percent` off, halves up; never below the floor, nor below one minor unit.
    public static func price(of base: Money, percent: Int64, floor: Money?) -> Money {
        let marked = base.amount - ConsignmentSplit.share(of: base.amount, percent: percent)
        let lowest = max(1, floor?.amount ?? 1)
        return Money(amount: min(base.amount, max(marked, lowest)), currency: base.currency) ?? base
    }

    /// What was taken off in truth, where more was brought than the price that was marked down last.
    public static func given(_ discounts: [Discount], of base: Money?, to price: Money) -> [Discount] {
        var left = max(0, (base?.amount ?? price.amount) - price.amount)
        return discounts.compactMap { discount in
            let amount = min(discount.amount.amount, left)
            left -= amount
            guard amount > 0, let amount = Money(amount: amount, currency: discount.amount.currency) else { return nil }
            return Discount(amount: amount, bearer: discount.bearer)
        }
    }

    /// The discounts of a plan that a sale at this price would have seen: each step whose price it does not exceed.
    public static func discounts(of base: Money, to price: Money, steps: [MarkdownStep], floor: Money?) -> [Discount] {
        var discounts: [Discount] = []
        var current = base
        for step in steps {
            let next = Self.price(of: base, percent: step.percent, floor: floor)
            guard next.amount >= price.amount, next.amount < current.amount,
                let amount = Money(amount: current.amount - next.amount, currency: base.currency)
            else { continue }
            discounts.append(Discount(amount: amount, bearer: step.bearer))
            current = next
        }
        return discounts
    }
}
