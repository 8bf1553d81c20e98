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
        _ consignor: UUID, of shop: QueryApp.Shop, in app: QueryApp, at time: Timestamp = Catalogue.noon
    ) async throws -> ContractRecord {
        let terms = ContractTerms(
            tiers: [SplitTier(from: Self.money(0), percent: 50), SplitTier(from: Self.money(50_000), percent: 60)],
            termDays: 30)
        let events: [ContractEvent] = [
            .drafted(ContractDrafted(consignorID: consignor, number: "C-\(consignor.bits)")),
            .termsSet(ContractTermsSet(terms: terms)),
            .itemsAdded(ContractItemsAdded(items: [ContractItem(itemID: Self.item)])),
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
                UUID(bits: 6), of: shop, in: app, at: Catalogue.noon + .microseconds(1))
            let (one, two) = (first.id.id("contract"), second.id.id("contract"))
            #expect(try await app.get("/v1/contracts", of: shop).ids == [two, one])
            #expect(
                try await app.get("/v1/contracts?consignor_id=\(Self.consignor.id("consignor"))", of: shop).ids == [one]
            )
            #expect(try await app.get("/v1/contracts?status=draft&q=c-6", of: shop).ids == [two])
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
}
