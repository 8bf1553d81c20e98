import Documents
import EventSourcing
import Events
import Foundation

/// Proposes what an item is worth from what alike was sold for. Pure, in integers, and the same in whatever order sales come.
///
/// - Comparable is a sale of another item of the same category and brand, in the tenant's currency, of the last 365 days.
///   Three in the same condition will do; where there are fewer, those in other conditions count too, each with its price
///   brought to the item's condition (`worth`). Of those that will do the 50 that were sold last count.
/// - A sale weighs half as much every 90 days, and linearly in between: 2880 today, 1440 after 90 days, 720 after 180.
/// - Proposed is the weighted median, low and high are the weighted quartiles: of prices in ascending order the first at
///   which that share of the weight is reached. So each is a price that was paid, or what came of one, and of two that
///   would do the lower.
/// - Confidence is the sum of three parts, each rounded down: for their number up to 40, reached by twelve; for their
///   closeness up to 40, less in proportion as high and low are further apart, none where that is the proposed price; for
///   their age up to 20, in proportion to their weight. With other conditions it is three quarters of that.
enum Valuer {
    static let needed = 3
    static let limit = 50
    static let windowDays: Int64 = 365
    static let halfLifeDays: Int64 = 90
    /// Of a sale of today.
    static let fullWeight = (2 * halfLifeDays) << 4

    /// A listing that ended as sold.
    struct Sale: Equatable, Sendable {
        var listingID: UUID
        /// Of its stream, which ends with the sale.
        var version: Int64
        var itemID: UUID
        var condition: ItemCondition
        var price: Money
        var soldAt: Timestamp
    }

    /// What it came to, and why.
    struct Finding: Equatable, Sendable {
        var answer: ValuationEvent
        var outcome: String
        var rules: [RuleOutcome]
    }

    /// - Parameter sales: of items of the category and brand.
    static func value(_ item: ItemRecord, from sales: [Sale], in currency: Currency, at now: Timestamp) -> Finding {
        let described = EventLink(Item.prefix, item.id, at: item.version)
        guard let likeness = Likeness(item) else { return undescribed(item, described) }
        let all = usable(sales, for: item.id, in: currency, at: now)
        let same = all.filter { $0.condition == likeness.condition }
        let isWidened = same.count < needed
        let found = isWidened ? all : same
        let counting = found.prefix(limit).map { comparable($0, for: likeness.condition, at: now) }

        let rules = [
            RuleOutcome(
                "described", held: true, reason: "category, brand and condition are known", evidence: [described]),
            RuleOutcome(
                "same_condition", held: !isWidened, reason: count(same.count, "in the same condition"),
                evidence: links(same)),
            RuleOutcome(
                "enough_comparables", held: found.count >= needed,
                reason: count(found.count, isWidened ? "in any condition" : "in the same condition"),
                evidence: links(found)),
        ]
        guard let range = range(of: counting), found.count >= needed else {
            let answer = ValuationInconclusive(
                reason: .tooFewComparables, found: Int64(found.count), needed: Int64(needed), comparables: counting)
            return Finding(answer: .inconclusive(answer), outcome: "inconclusive", rules: rules)
        }
        let answer = ValuationCompleted(
            range: range, method: .comparables, confidence: confidence(in: range, of: counting, isWidened),
            comparables: counting,
            evidence: ValuationEvidence(
                category: likeness.category, brand: likeness.brand, condition: likeness.condition.rawValue,
                currency: currency, windowDays: windowDays, found: Int64(found.count), sameCondition: Int64(same.count))
        )
        return Finding(answer: .completed(answer), outcome: "valued", rules: rules)
    }

    private static func undescribed(_ item: ItemRecord, _ link: EventLink) -> Finding {
        let missing = [
            item.category == nil ? "category" : nil, item.brand == nil ? "brand" : nil,
            item.condition == ItemCondition.ungraded.rawValue ? "condition" : nil,
        ].compactMap(\.self)
        let rule = RuleOutcome(
            "described", held: false, reason: "not known of the item: \(missing.joined(separator: ", "))",
            evidence: [link])
        let answer = ValuationInconclusive(reason: .notDescribed, found: 0, needed: Int64(needed), missing: missing)
        return Finding(answer: .inconclusive(answer), outcome: "inconclusive", rules: [rule])
    }

    /// Those that will do for an item, the last sold first.
    static func usable(
        _ sales: [Sale], for item: UUID, in currency: Currency, at now: Timestamp
    ) -> [Sale] {
        sales.filter { sale in
            sale.itemID != item && sale.price.currency == currency && sale.price.amount > 0
                && age(of: sale, at: now) < windowDays
        }.sorted { ($1.soldAt, $0.listingID.bits) < ($0.soldAt, $1.listingID.bits) }
    }

    private static func comparable(_ sale: Sale, for condition: ItemCondition, at now: Timestamp) -> ValuationComparable
    {
        ValuationComparable(
            listingID: sale.listingID, price: sale.price, soldAt: sale.soldAt,
            weight: weight(days: age(of: sale, at: now)), condition: sale.condition.rawValue,
            adjusted: sale.condition == condition ? nil : adjusted(sale.price, from: sale.condition, to: condition))
    }

    // MARK: - Arithmetic

    /// In whole days; what was sold by a clock that was ahead was sold now.
    private static func age(of sale: Sale, at now: Timestamp) -> Int64 {
        max(0, now.microseconds - sale.soldAt.microseconds) / 86_400_000_000
    }

    static func weight(days: Int64) -> Int64 {
        (2 * halfLifeDays - days % halfLifeDays) << (4 - days / halfLifeDays)
    }

    /// What an item brings in a condition, in percent of what it would bring as new. Assumed: there are no figures yet.
    private static func worth(_ condition: ItemCondition) -> Int64 {
        switch condition {
        case .newWithTags: 100
        case .excellent: 85
        case .veryGood: 70
        case .good: 55
        case .fair, .ungraded: 40
        }
    }

    /// To the nearest minor unit, halves up.
    static func adjusted(_ price: Money, from condition: ItemCondition, to wanted: ItemCondition) -> Money {
        let (paid, here) = (worth(condition), worth(wanted))
        let amount = (2 * price.amount * here + paid) / (2 * paid)
        return Money(amount: min(amount, Money.limit), currency: price.currency) ?? price
    }

    /// nil: of none.
    private static func range(of comparables: [ValuationComparable]) -> ValuationRange? {
        let prices = comparables.map { (money: $0.adjusted ?? $0.price, weight: $0.weight) }
            .sorted { $0.money.amount < $1.money.amount }
        let total = prices.reduce(0) { $0 + $1.weight }
        func quantile(_ quarters: Int64) -> Money? {
            var weight: Int64 = 0
            return prices.first { price in
                weight += price.weight
                return 4 * weight >= quarters * total
            }?.money
        }
        guard let low = quantile(1), let median = quantile(2), let high = quantile(3) else { return nil }
        return ValuationRange(low: low, proposed: median, high: high)
    }

    private static func confidence(
        in range: ValuationRange, of comparables: [ValuationComparable], _ isWidened: Bool
    ) -> Int64 {
        let count = Int64(comparables.count)
        let proposed = range.proposed.amount
        let spread = min(range.high.amount - range.low.amount, proposed)
        let weight = comparables.reduce(0) { $0 + $1.weight }
        let sum =
            40 * min(count, 12) / 12 + 40 * (proposed - spread) / proposed + 20 * weight / (fullWeight * count)
        return isWidened ? sum * 3 / 4 : sum
    }

    // MARK: - Words

    private static func count(_ number: Int, _ condition: String) -> String {
        "\(number) of the category and brand were sold \(condition) in \(windowDays) days, \(needed) are needed"
    }

    private static func links(_ sales: [Sale]) -> [EventLink] {
        sales.prefix(limit).map { EventLink(Listing.prefix, $0.listingID, at: $0.version) }
    }
}
