import Documents
import Edge
import EventSourcing
import Events
import Foundation
import HTTPTypes
import Hummingbird
import JSON
import Logging
import PersonalData
import Postgres
import TestSupport
import Testing

@testable import Query

@Suite struct OpenAPITests {
    private func names(_ object: JSONObject) -> Set<String> { Set(object.members.map(\.key)) }

    private func names(_ bytes: [UInt8]?) -> Set<String> {
        names((try? JSONValue(parsing: bytes ?? []))?.objectValue ?? [:])
    }

    private static let document = APIDocument(Description.service.document)

    @Test func `it names the routes that there are, and no other`() async throws {
        try await TestDatabaseless.router { router in
            let routes = router.routes.filter { $0.method != .head }.map { route in
                "\(route.method.rawValue) \(APIDocument.path(route.path.description))"
            }
            #expect(Self.document.operations == Set(routes + ["GET /livez", "GET /readyz", "GET /metrics"]))
        }
    }

    @Test func `every name it refers to is there, and every operation has one of its own`() {
        let references = Self.document.references
        #expect(references.count > 10)
        #expect(references.filter { $0.value.isNull }.isEmpty)
        let names = Self.document.operationIDs
        #expect(names.contains("getItemsById"))
        #expect(Set(names).count == Self.document.operations.count)
    }

    @Test func `its members are those that the documents have`() throws {
        var item = ItemRecord(id: UUID(), values: ["title": "Coat"], at: Catalogue.noon)
        item.apply(["sku": "S"])
        let listing = ListingRecord(
            id: UUID(), itemID: item.id, channel: "storefront",
            price: try #require(Money(amount: 1, currency: Currency(code: "PLN")!)), at: Catalogue.noon)
        let report = ImportRecord(
            id: UUID(), format: "shopify", currency: Currency(code: "PLN")!, publish: true, bytes: 1, sha256: "",
            at: Catalogue.noon)
        let event = EventDocument(
            position: 1, type: "T", stream: StreamID(category: "item", id: UUID()), version: 1, data: Array("{}".utf8),
            actor: "a", correlationID: UUID(), causationID: nil, commandID: UUID(), recordedAt: Catalogue.noon)
        let trace = Trace(correlationID: UUID())
        #expect(names(Schemas.itemMembers) == names(ItemDocument.bytes(item, ItemListings(), for: .operators)))
        #expect(names(Schemas.listingMembers) == names(ListingDocument.bytes(listing, item, for: .operators)))
        let asked = ValuationEvent.requested(ValuationRequested(itemID: item.id, method: .manual))
        let valuation = ValuationRecord(begins: asked, id: UUID(), at: Catalogue.noon)
        #expect(names(Schemas.valuationMembers) == names(valuation?.document))
        let made = DecisionMade(kind: .hold, subject: TypeID(prefix: "item", uuid: item.id), outcome: "held", rules: [])
        let decision = DecisionRecord(begins: .made(made), id: UUID(), at: Catalogue.noon)
        #expect(names(Schemas.decisionMembers) == names(decision?.document))
        let consignor = ConsignorRecord(id: UUID(), number: nil, storeCredit: false, contact: [:], at: Catalogue.noon)
        var writer = JSONWriter()
        ConsignorDocument.write(consignor, contact: [:], tax: nil, to: &writer)
        #expect(names(Schemas.consignorMembers) == names(writer.bytes))
        let offer = OfferEvent.made(
            OfferMade(
                listingID: listing.id, itemID: item.id, price: listing.price,
                buyer: OfferBuyer(platform: "shop", externalID: "1"), attempt: 1, number: 1,
                expiresAt: Catalogue.noon))
        let offered = try #require(OfferRecord(begins: offer, id: UUID(), at: Catalogue.noon))
        #expect(names(Schemas.offerMembers + Schemas.offerInternals) == names(offered.document))
        #expect(names(Schemas.offerMembers) == names(offered.keyDocument))
        #expect(names(Schemas.importMembers) == names(ImportDocument.bytes(report)))
        #expect(names(Schemas.eventMembers) == names(event.bytes))
        let switches = try JSONValue(parsing: SwitchRoutes.document(SwitchState(), for: "demo"))
        #expect(names(Schemas.readSwitchesMembers) == names(switches.bytes))
        #expect(names(Schemas.readSwitchMembers) == names(switches["data"]?.arrayValue?.first?.bytes))
        #expect(names(Schemas.traceMembers) == names(TraceDocument.bytes(trace)))
    }

    @Test func `every parameter it names is known to its route`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            let description = try await app.get("/openapi.json", of: nil).json
            #expect(description["openapi"] == "3.1.0")
            let paths = description["paths"]?.objectValue ?? [:]
            for (path, operations) in paths where path.hasPrefix("/v1/") {
                let parameters = operations["get"]?["parameters"]?.arrayValue ?? []
                let query = parameters.filter { $0["in"] == "query" }.compactMap { $0["name"]?.stringValue }
                // A value that no parameter takes: a known one complains of the value or goes on.
                var path = path.replacing("streams/{category}", with: "streams/item")
                    .replacing("{correlation_id}", with: UUID().text)
                if path.contains("{id}"), let kind = path.split(separator: "/").dropFirst().first {
                    let prefix = kind == "streams" ? "item" : String(kind.dropLast())
                    path = path.replacing("{id}", with: UUID().id(prefix))
                }
                let answer = try await app.get(
                    path + "?" + (query + ["unheard_of"]).map { "\($0)=1" }.joined(separator: "&"), of: shop)
                let unknown = (answer.json["errors"]?.arrayValue ?? []).filter { $0["code"] == "unknown_parameter" }
                #expect(unknown.compactMap { $0["pointer"]?.stringValue } == ["/unheard_of"], "\(path): \(answer.text)")
            }
        }
    }
}

/// The service's routes, with nothing behind them.
enum TestDatabaseless {
    static func router(_ body: (EdgeRouter) async throws -> Void) async throws {
        let logger = Logger(label: "test")
        let pool = PostgresPool(try PostgresConfiguration(url: "postgresql://127.0.0.1:1/none"), logger: logger)
        let follower = ShardFollower(shard: "main", poll: .seconds(1), doorbell: nil, pool: pool, logger: logger)
        try await body(
            QueryService.router(
                pool: pool, follower: follower, feed: Feed(), shard: "main",
                switches: SwitchFile(path: nil, logger: logger), shadow: Shadow(follower: follower, logger: logger),
                hot: HotAnswers(bytes: 0, shard: "main", poll: .seconds(1)),
                consignors: ConsignorReader(
                    pool: pool,
                    keys: PersonKeys(
                        pool: pool,
                        masters: try MasterKeys(
                            parsing: "m \(Data(repeating: 1, count: 32).base64EncodedString())"))),
                photos: PhotoRoutes(pool: pool)))
    }
}
