import Documents
import EventSourcing
import Events
import Foundation
import JSON
import Testing

@testable import Command

private func dress(_ condition: ItemCondition = .veryGood, _ more: JSONObject = [:]) -> ItemRecord {
    var values: JSONObject = [
        "title": "Dress", "category": "Dresses", "brand": "Ganni", "condition": .string(condition.rawValue),
    ]
    for (name, value) in more { values[name] = value }
    return ItemRecord(id: itemID, values: values, at: noon)
}

private func sale(
    _ number: Int, _ amount: Int64, _ condition: ItemCondition = .veryGood, ago: Int64 = 0,
    in currency: Currency = zloty,
    of item: UUID? = nil
) -> Valuer.Sale {
    Valuer.Sale(
        listingID: UUID(bits: UInt128(1000 + number)), version: 3, itemID: item ?? UUID(bits: UInt128(number)),
        condition: condition, price: Money(amount: amount, currency: currency)!, soldAt: days(-ago))
}

private func value(_ item: ItemRecord = dress(), _ sales: [Valuer.Sale]) -> Valuer.Finding {
    Valuer.value(item, from: sales, in: zloty, at: noon)
}

private func completed(_ finding: Valuer.Finding) -> ValuationCompleted? {
    guard case .completed(let event) = finding.answer else { return nil }
    return event
}

private func inconclusive(_ finding: Valuer.Finding) -> ValuationInconclusive? {
    guard case .inconclusive(let event) = finding.answer else { return nil }
    return event
}

private func amounts(_ finding: Valuer.Finding) -> [Int64]? {
    completed(finding).map { [$0.range.low.amount, $0.range.proposed.amount, $0.range.high.amount] }
}

@Suite struct ValuerTests {
    @Test func `three sales of today are worth their quartiles and their median`() throws {
        let finding = value(dress(), [sale(1, 14_000), sale(2, 10_000), sale(3, 12_000)])
        let event = try #require(completed(finding))
        #expect(amounts(finding) == [10_000, 12_000, 14_000])
        // 40 · 3/12 for their number, 40 · 8000/12000 for their closeness, all of 20 for their age.
        #expect(event.confidence == 10 + 26 + 20)
        #expect(event.comparables.map(\.weight) == [2880, 2880, 2880])
        #expect(event.comparables.map(\.adjusted) == [nil, nil, nil])
        #expect(event.method == .comparables)
        #expect(
            event.evidence
                == ValuationEvidence(
                    category: "Dresses", brand: "Ganni", condition: "very_good", currency: zloty, windowDays: 365,
                    found: 3, sameCondition: 3))
        #expect(finding.outcome == "valued")
        #expect(finding.rules.map(\.rule) == ["described", "same_condition", "enough_comparables"])
        #expect(finding.rules.map(\.held) == [true, true, true])
        #expect(finding.rules[0].evidence == [EventLink("item", itemID, at: 1)])
        #expect(
            finding.rules[1].evidence == (1...3).map { EventLink("listing", UUID(bits: UInt128(1000 + $0)), at: 3) })
    }

    @Test func `a sale weighs half as much every ninety days, and less each day`() {
        #expect([0, 45, 90, 180, 270, 360].map(Valuer.weight) == [2880, 2160, 1440, 720, 360, 180])
        let weights = (0..<Valuer.windowDays).map(Valuer.weight)
        #expect(zip(weights, weights.dropFirst()).allSatisfy { $0 > $1 })
        #expect(weights.allSatisfy { $0 > 0 })
        // One of today outweighs two that are old.
        #expect(
            amounts(value(dress(), [sale(1, 100), sale(2, 200, ago: 270), sale(3, 300, ago: 270)])) == [100, 100, 100])
    }

    @Test func `of two prices that would do it is the lower one`() {
        #expect(amounts(value(dress(), [sale(1, 10), sale(2, 20), sale(3, 30), sale(4, 40)])) == [10, 20, 30])
    }

    @Test func `the item itself, another currency, and what is too old do not count`() throws {
        let good = [sale(1, 100), sale(2, 100, ago: 364)]
        let bad = [
            sale(3, 100, of: itemID), sale(4, 100, in: euro), sale(5, 100, ago: 365), sale(6, 0),
        ]
        let event = try #require(inconclusive(value(dress(), good + bad)))
        #expect(event.reason == .tooFewComparables)
        #expect(event.found == 2)
        #expect(event.needed == 3)
        #expect(event.comparables.map(\.listingID) == good.map(\.listingID))
        #expect(event.missing == [])
    }

    @Test func `with none it says so, and which rule did not hold`() throws {
        let finding = value(dress(), [])
        #expect(try #require(inconclusive(finding)).found == 0)
        #expect(finding.outcome == "inconclusive")
        #expect(finding.rules.map(\.held) == [true, false, false])
    }

    @Test func `where there are too few, other conditions count at what they would have brought in this one`() throws {
        let finding = value(dress(), [sale(1, 7000), sale(2, 7100, ago: 1), sale(3, 5500, .good, ago: 2)])
        let event = try #require(completed(finding))
        #expect(event.comparables.map(\.adjusted) == [nil, nil, pln(7000)])
        #expect(amounts(finding) == [7000, 7000, 7100])
        #expect(event.evidence?.found == 3)
        #expect(event.evidence?.sameCondition == 2)
        #expect(finding.rules.map(\.held) == [true, false, true])
        let exact = try #require(
            completed(value(dress(), [sale(1, 7000), sale(2, 7100, ago: 1), sale(3, 7000, ago: 2)])))
        #expect(event.confidence == exact.confidence * 3 / 4)
        // With enough of its own they do not.
        let enough = value(dress(), [sale(1, 1), sale(2, 1), sale(3, 1), sale(4, 9000, .good)])
        #expect(amounts(enough) == [1, 1, 1])
    }

    @Test func `a price is brought to another condition to the nearest minor unit`() {
        #expect(Valuer.adjusted(pln(100), from: .good, to: .veryGood) == pln(127))
        #expect(Valuer.adjusted(pln(5), from: .newWithTags, to: .veryGood) == pln(4))
        #expect(Valuer.adjusted(pln(Money.limit), from: .fair, to: .newWithTags) == pln(Money.limit))
        for condition in ItemCondition.allCases {
            #expect(Valuer.adjusted(pln(12_345), from: condition, to: condition) == pln(12_345))
        }
    }

    @Test func `what is not known of the item is named, and nothing is guessed`() throws {
        let finding = value(dress(.ungraded, ["brand": .null]), [sale(1, 1), sale(2, 1), sale(3, 1)])
        let event = try #require(inconclusive(finding))
        #expect(event.reason == .notDescribed)
        #expect(event.missing == ["brand", "condition"])
        #expect(event.comparables == [])
        #expect(finding.rules.map(\.rule) == ["described"])
        #expect(finding.rules.map(\.held) == [false])
    }

    @Test func `of very many the last sold count`() throws {
        let sales = (0..<120).map { sale($0, Int64(100 + $0), ago: Int64($0)) }
        let event = try #require(completed(value(dress(), sales.shuffled())))
        #expect(event.comparables.map(\.listingID) == sales.prefix(50).map(\.listingID))
        #expect(event.evidence?.found == 120)
    }

    /// The lowest price such that those up to it have that share of the weight.
    private static func quantile(_ quarters: Int64, _ comparables: [ValuationComparable]) -> Int64? {
        func price(_ comparable: ValuationComparable) -> Int64 { (comparable.adjusted ?? comparable.price).amount }
        let total = comparables.map(\.weight).reduce(0, +)
        return comparables.map(price).filter { bound in
            4 * comparables.filter { price($0) <= bound }.map(\.weight).reduce(0, +) >= quarters * total
        }.min()
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `whatever was sold, in whatever order it comes, it is the same, and what it says it is`(seed: UInt64) throws {
        var chance = SplitMix(seed: seed)
        let conditions = ItemCondition.allCases.filter { $0 != .ungraded }
        let item = dress(conditions.randomElement(using: &chance)!)
        var sales = (0..<Int.random(in: 0...70, using: &chance)).map { number in
            sale(
                number, Int64.random(in: 1...Money.limit >> Int64.random(in: 0...50, using: &chance), using: &chance),
                conditions.randomElement(using: &chance)!, ago: Int64.random(in: -3...400, using: &chance))
        }
        let finding = value(item, sales)
        sales.shuffle(using: &chance)
        #expect(value(item, sales) == finding, "seed \(seed)")
        let more = sales + [sale(999, 1, of: itemID), sale(998, 1, ago: 400)]
        #expect(value(item, more) == finding, "seed \(seed)")
        let young = sales.filter { $0.soldAt > days(-Valuer.windowDays) }.count
        #expect((completed(finding) != nil) == (young >= Valuer.needed), "seed \(seed)")
        guard let event = completed(finding) else { return }
        #expect(amounts(finding) == (1...3).compactMap { Self.quantile($0, event.comparables) }, "seed \(seed)")
        #expect((0...100).contains(event.confidence), "seed \(seed)")
        #expect((3...50).contains(event.comparables.count), "seed \(seed)")
        let stored = try JSONValue(parsing: finding.answer.bytes).canonical
        #expect(
            try ValuationEvent(type: finding.answer.type, schema: 1, data: stored) == finding.answer, "seed \(seed)")
    }
}
