import Edge
import EventStore
import Foundation
import HTTPTypes
import Hummingbird
import Identity
import JSON
import Logging
import PersonalData
import Postgres
import TestSupport
import Testing

@testable import Command

@Suite struct OpenAPITests {
    /// The service's routes, with nothing behind them.
    private static func router() throws -> EdgeRouter {
        let logger = Logger(label: "test")
        let database = try PostgresConfiguration(url: "postgresql://127.0.0.1:1/none")
        let pool = PostgresPool(database, logger: logger)
        let reader = StateReader(pool: pool)
        let executor = Executor(
            appender: Appender(database, logger: logger), reader: reader, doorbell: nil, logger: logger)
        let api = CommandAPI(
            executor: executor, fingerprints: Fingerprints(key: [1]),
            tokens: PositionTokens(pool: pool, shard: "main"), queryURL: "http://query.test")
        let keys = PersonKeys(
            pool: pool,
            masters: try MasterKeys(parsing: "m \(Data(repeating: 1, count: 32).base64EncodedString())"))
        let vault = ConsignorVault(keys: keys, pool: pool)
        let runner = ImportRunner(
            executor: executor, reader: reader, pool: pool, vault: vault, configuration: database, logger: logger)
        let skus = SKUSupply(sequences: Sequences(pool: pool), reader: reader)
        let photos = PhotoRecords(pool: pool)
        return CommandService.router([
            ItemRoutes(api: api, photos: photos), ItemFactRoutes(api: api, skus: skus), ListingRoutes(api: api),
            IntakeRoutes(api: api, pool: pool, skus: skus, photos: photos), StocktakeRoutes(api: api),
            ImportRoutes(api: api, files: ImportFiles(pool: pool, keys: keys), runner: runner),
            TenantRoutes(api: api, pool: pool, directory: TenantDirectory(pool: pool), shard: "main"),
            LocationRoutes(api: api), ConsignorRoutes(api: api, vault: vault), ContractRoutes(api: api),
            ValuationRoutes(api: api),
            OfferRoutes(api: api),
            PhotoRoutes(records: photos, store: nil, limit: 1, queryURL: ""),
        ])
    }

    private static let document = APIDocument(CommandDescription.service.document)

    @Test func `it names the routes that there are, and no other`() throws {
        let routes = try Self.router().routes.filter { $0.method != .head }.map { route in
            "\(route.method.rawValue) \(APIDocument.path(route.path.description))"
        }
        #expect(Self.document.operations == Set(routes + ["GET /livez", "GET /readyz", "GET /metrics"]))
    }

    @Test func `every name it refers to is there, and every operation has one of its own`() {
        let references = Self.document.references
        #expect(references.count > 10)
        #expect(references.filter { $0.value.isNull }.isEmpty)
        let names = Self.document.operationIDs
        #expect(names.contains("postListingsByIdPublish"))
        #expect(Set(names).count == Self.document.operations.count)
    }
}
