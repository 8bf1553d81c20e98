import Documents
import EventSourcing
import Events
import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@testable import Query

/// Contracts from both sides, and what is worked out from them.
@Suite struct ContractReadTests {
    private static let consignor = UUID(bits: 5), item = UUID(bits: 9)
    private static func money(_ amount: Int64) -> Money { Money(amount: amount, currency: Catalogue.currency)! }

    /// A contract on both sides, as append and the projector would leave it.
    private func make(
        _ consignor: UUID, _ item: UUID = Self.item, of shop: QueryApp.Shop, in app: QueryApp,
        at time: Timestamp = Catalogue.noon
    ) async throws -> ContractRecord {
        let terms = ContractTerms(
            tiers: [SplitTier(from: Self.money(0), percent: 50), SplitTier(from: Self.money(50_000), percent: 60)],
            termDays: 30)
        let events: [ContractEvent] = [
            .drafted(ContractDrafted(consignorID: consignor, number: "C-\(consignor.bits)")),
            .termsSet(ContractTermsSet(terms: terms)),
            .itemsAdded(ContractItemsAdded(items: [ContractItem(itemID: item)])),
        ]
        var record: ContractRecord?
        for (index, event) in events.enumerated() {
            _ = ContractRecord.fold(
                &record, event, id: record?.id ?? .version7(), version: Int64(index) + 1, at: time)
        }
        let contract = try #require(record)
        try await shop.catalogue.tabulate(contract)
        let state = try JSONValue(parsing: contract.bytes)
        _ = try await app.administrator.query(
            """
            INSERT INTO main.contracts_g1
                (tenant_id, id, version, position, status, consignor_id, search, created_at, updated_at, document, record)
            VALUES (\(shop.id.uuid), \(contract.id), \(contract.version), 1, \(contract.status),
                    \(state["consignor_id"]?.stringValue),
                    array_to_tsvector(string_to_array(\(SearchText.words(of: contract.texts).joined(separator: " ")), ' ')),
                    \(time.postgres), \(time.postgres), \(String(decoding: contract.document, as: UTF8.self)),
                    \(JSONText(bytes: contract.bytes)))
            """)
        return contract
    }

    @Test func `tables and projection give the same bytes, in lists and one by one`() async throws {
        try await QueryApp.with(comparing: true) { app in
            let shop = try await app.shop()
            let first = try await make(Self.consignor, of: shop, in: app)
            let second = try await make(
                UUID(bits: 6), UUID(bits: 10), of: shop, in: app, at: Catalogue.noon + .microseconds(1))
            let (one, two) = (first.id.id("contract"), second.id.id("contract"))
            #expect(try await app.get("/v1/contracts", of: shop).ids == [two, one])
            #expect(
                try await app.get("/v1/contracts?consignor_id=\(Self.consignor.id("consignor"))", of: shop).ids == [one]
            )
            #expect(try await app.get("/v1/contracts?status=draft&q=c-6", of: shop).ids == [two])
            #expect(try await app.get("/v1/contracts?q=\(Self.item.id("item"))", of: shop).ids == [one])
            #expect(try await app.get("/v1/contracts/\(one)", of: shop).body == first.document)
            #expect(try await app.get("/v1/contracts", as: .backEnd, of: shop).status == 403)
        }
    }

    @Test func `what is missing is explained, and a sale is split before it is made`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            let contract = try await make(Self.consignor, of: shop, in: app)
            let path = "/v1/contracts/\(contract.id.id("contract"))"
            let readiness = try await app.get("\(path)/readiness", of: shop).json
            #expect(readiness["ready"] == false)
            let missing = readiness["rules"]?.arrayValue?.filter { $0["held"] == false }.map { $0["rule"]?.stringValue }
            #expect(
                missing == [
                    "consignor_is_active", "consignor_has_agreed_to_terms", "items_are_the_consignors", "is_signed",
                ])
            let item = Self.item.id("item")
            let split = try await app.get("\(path)/split?item=\(item)&price=60000", of: shop).json
            #expect(split["percent"] == 60)
            #expect(split["consignor"]?["amount"] == 36_000)
            #expect(split["store"]?["amount"] == 24_000)
            #expect(try await app.get("\(path)/split?item=\(item)", of: shop).pointers == ["/price"])
            #expect(try await app.get("\(path)/split?item=\(UUID().id("item"))&price=1", of: shop).status == 404)
            let other = try await app.shop("other")
            #expect(try await app.get("\(path)/readiness", of: other).status == 404)
        }
    }

    @Test func `a sale is split by the listing it was made on`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            let contract = try await make(Self.consignor, of: shop, in: app)
            let item = try await shop.catalogue.item([:], id: Self.item)
            /// Marked down by 100.00, which the store bears.
            func listing(_ number: UInt128, at price: Int64, _ reason: ListingEndReason?) async throws {
                let steps = [PlannedMarkdown(dueAt: Catalogue.noon, percent: 10, bearer: .store)]
                var listing = ListingRecord(
                    id: UUID(bits: number), itemID: item.id, channel: "c\(number)", price: Self.money(price),
                    at: Catalogue.noon)
                listing.publish(price: listing.price, at: Catalogue.noon)
                listing.setPlan(
                    ListingMarkdownPlanned(itemID: item.id, contractID: contract.id, floor: nil, steps: steps))
                listing.changePrice(
                    to: Self.money(price - 10_000), lowestPrice30d: nil,
                    markdown: ListingMarkdown(percent: 10, bearer: .store), at: Catalogue.noon)
                if let reason { listing.end(reason, soldFor: nil, at: Catalogue.noon) }
                try await shop.catalogue.put(listing, item)
            }
            func discounts(_ price: Int64) async throws -> [Int64?] {
                let split = try await app.get(
                    "/v1/contracts/\(contract.id.id("contract"))/split?item=\(item.id.id("item"))&price=\(price)",
                    of: shop
                ).json
                return split["discounts"]?.arrayValue?.map { $0["amount"]?["amount"]?.integerValue } ?? []
            }
            try await listing(11, at: 60_000, nil)
            #expect(try await discounts(50_000) == [10_000])
            #expect(try await discounts(55_000) == [5_000])
            try await listing(13, at: 52_000, .withdrawn)
            #expect(try await discounts(50_000) == [10_000])
            try await listing(12, at: 53_000, .sold)
            #expect(try await discounts(50_000) == [3_000])
            let missing = try await app.get("/v1/contracts/\(contract.id.id("contract"))/split?price=0", of: shop)
            #expect(missing.pointers == ["/item", "/price"])
        }
    }
}
