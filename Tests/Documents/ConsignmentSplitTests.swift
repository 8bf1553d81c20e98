import Documents
import EventSourcing
import Events
import Foundation
import JSON
import Testing

@Suite struct `The split of a sale` {
    private static let zloty = Currency(code: "PLN")!
    private static func pln(_ amount: Int64) -> Money { Money(amount: amount, currency: zloty)! }

    /// Below 500.00 half, from there on three fifths.
    private static let terms = ContractTerms(
        tiers: [SplitTier(from: pln(0), percent: 50), SplitTier(from: pln(50_000), percent: 60)], termDays: 90)

    @Test(arguments: [
        (DiscountBearer.store, 12_000, 60_000, 36_000), (.shared, 6_000, 54_000, 32_400),
        (.consignor, 0, 48_000, 24_000),
    ])
    func `listed at 600, sold at 480 after a fifth off: it depends on who bears that`(
        bearer: DiscountBearer, borne: Int64, basis: Int64, consignor: Int64
    ) throws {
        let marked = Markdown.price(of: Self.pln(60_000), percent: 20, floor: nil)
        #expect(marked == Self.pln(48_000))
        let split = try #require(
            ConsignmentSplit(
                of: marked, discounts: [Discount(amount: Self.pln(12_000), bearer: bearer)], terms: Self.terms,
                item: nil))
        #expect(split.storeBorne == Self.pln(borne))
        #expect(split.basis == Self.pln(basis))
        #expect(split.consignor == Self.pln(consignor))
        #expect(split.store == Self.pln(48_000 - consignor))
    }

    @Test func `what is agreed on for an item takes the place of the contract's tiers`() throws {
        let own = ContractItem(itemID: UUID(), tiers: [SplitTier(from: Self.pln(0), percent: 70)])
        let split = try #require(ConsignmentSplit(of: Self.pln(60_000), discounts: [], terms: Self.terms, item: own))
        #expect(split.consignor == Self.pln(42_000))
    }

    @Test func `fees come out of the consignor's part, below zero if need be`() throws {
        var terms = Self.terms
        terms.fees = [ContractFee(name: "cleaning", amount: Self.pln(900))]
        let split = try #require(ConsignmentSplit(of: Self.pln(1_000), discounts: [], terms: terms, item: nil))
        #expect(split.share == Self.pln(500))
        #expect(split.consignor == Self.pln(-400))
        #expect(split.store == Self.pln(1_400))
    }

    @Test(arguments: [
        (1, 50, 1), (3, 50, 2), (-1, 50, 0), (-3, 50, -1), (199, 1, 2), (149, 1, 1), (1 << 53, 100, 1 << 53),
    ])
    func `halves of a minor unit go up`(amount: Int64, percent: Int64, part: Int64) {
        #expect(ConsignmentSplit.share(of: amount, percent: percent) == part)
    }

    @Test func `nothing is split across currencies, or beyond what money can say`() {
        let euro = Money(amount: 1, currency: Currency(code: "EUR")!)!
        #expect(ConsignmentSplit(of: euro, discounts: [], terms: Self.terms, item: nil) == nil)
        let most = Discount(amount: Self.pln(Money.limit), bearer: .store)
        #expect(ConsignmentSplit(of: Self.pln(1), discounts: [most], terms: Self.terms, item: nil) == nil)
    }

    @Test func `whatever the numbers, the parts are the price and the consignor's grows with the basis`() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            let price = Self.pln(.random(in: 1...1_000_000, using: &random))
            let discounts = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                Discount(
                    amount: Self.pln(.random(in: 0...50_000, using: &random)),
                    bearer: DiscountBearer.allCases.randomElement(using: &random)!)
            }
            let split = try #require(
                ConsignmentSplit(of: price, discounts: discounts, terms: Self.terms, item: nil))
            #expect(split.consignor.amount + split.store.amount == price.amount)
            let more = try #require(
                ConsignmentSplit(
                    of: price, discounts: discounts + [Discount(amount: Self.pln(100), bearer: .store)],
                    terms: Self.terms, item: nil))
            #expect(more.consignor.amount >= split.consignor.amount)
        }
    }

    @Test(
        arguments: [
            (60_000, []), (70_000, []), (55_000, [5_000]), (48_000, [12_000]), (40_000, [12_000, 8_000]),
            (30_000, [12_000, 12_000]),
        ] as [(Int64, [Int64])])
    func `what was not taken off in truth is no discount`(price: Int64, given: [Int64]) {
        let seen = [
            Discount(amount: Self.pln(12_000), bearer: .store), Discount(amount: Self.pln(12_000), bearer: .shared),
        ]
        let discounts = Markdown.given(seen, of: Self.pln(60_000), to: Self.pln(price))
        #expect(discounts.map(\.amount.amount) == given)
        #expect(Markdown.given(seen, of: nil, to: Self.pln(price)).isEmpty)
    }

    /// Listed at 600.00 with a fifth to be taken off after a while, which the store bears.
    @Test func `before the sale its plan counts, after it what was seen`() throws {
        let (item, noon) = (UUID(), Timestamp(rfc3339: "2026-03-10T11:00:00Z")!)
        var record: ContractRecord?
        var terms = Self.terms
        terms.markdowns = [MarkdownStep(afterDays: 30, percent: 20, bearer: .store)]
        let events: [ContractEvent] = [
            .drafted(ContractDrafted(consignorID: UUID())), .termsSet(ContractTermsSet(terms: terms)),
            .itemsAdded(ContractItemsAdded(items: [ContractItem(itemID: item)])),
        ]
        for (index, event) in events.enumerated() {
            _ = ContractRecord.fold(
                &record, event, id: record?.id ?? UUID(), version: Int64(index) + 1, at: noon)
        }
        let contract = try #require(record)
        var listing = ListingRecord(
            id: UUID(), itemID: item, channel: "storefront", price: Self.pln(60_000), at: noon)
        listing.publish(price: Self.pln(60_000), at: noon)
        listing.setPlan(
            ListingMarkdownPlanned(
                itemID: item, contractID: contract.id, floor: nil,
                steps: [PlannedMarkdown(dueAt: noon + .seconds(30 * 86_400), percent: 20, bearer: .store)]))
        func consignor(_ listing: ListingRecord) throws -> JSONValue? {
            let split = try ContractAnswers.split(of: item, at: Self.pln(48_000), contract, listing, now: noon)
            return try JSONValue(parsing: split)["consignor"]?["amount"]
        }
        #expect(try consignor(listing) == 36_000)
        var sold = listing
        sold.end(.sold, soldFor: Self.pln(48_000), at: noon + .seconds(3600))
        #expect(try consignor(sold) == 24_000)
        listing.changePrice(
            to: Self.pln(48_000), lowestPrice30d: nil, markdown: ListingMarkdown(percent: 20, bearer: .store),
            at: noon + .seconds(30 * 86_400))
        listing.end(.sold, soldFor: Self.pln(48_000), at: noon + .seconds(31 * 86_400))
        #expect(try consignor(listing) == 36_000)
    }

    @Test func `a plan's discounts are the steps whose price a sale does not exceed`() {
        let steps = [
            MarkdownStep(afterDays: 30, percent: 20, bearer: .store),
            MarkdownStep(afterDays: 60, percent: 40, bearer: .shared),
        ]
        func discounts(_ price: Int64, floor: Int64? = nil) -> [Discount] {
            Markdown.discounts(of: Self.pln(60_000), to: Self.pln(price), steps: steps, floor: floor.map(Self.pln))
        }
        #expect(discounts(60_000) == [])
        #expect(discounts(50_000) == [])
        #expect(discounts(48_000) == [Discount(amount: Self.pln(12_000), bearer: .store)])
        #expect(
            discounts(36_000) == [
                Discount(amount: Self.pln(12_000), bearer: .store), Discount(amount: Self.pln(12_000), bearer: .shared),
            ])
        #expect(
            discounts(40_000, floor: 45_000) == [
                Discount(amount: Self.pln(12_000), bearer: .store), Discount(amount: Self.pln(3_000), bearer: .shared),
            ])
    }
}
