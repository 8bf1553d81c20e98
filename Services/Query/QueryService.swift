import Documents
import Edge
import EventSourcing
import Identity
import Logging
import PersonalData
import Photos
import Postgres
public import Runtime
public import ServiceLifecycle

/// The query service: every GET, and nothing else. It reads and never writes.
public enum QueryService {
    public static let requirements: ServiceConfiguration.Requirements = [.database, .issuer, .masterKeys]

    /// The oldest schema of the database that this program can read.
    static let oldestSchema = 23

    /// How long events may wait for a projection before the service says that it is not ready.
    static let mostLag: Duration = .seconds(60)

    /// The parts of the process, each after those it needs.
    /// - Parameter onRunning: told the port when the server listens.
    public static func parts(
        _ environment: ServiceProcess.Environment, onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) async throws -> [any Service] {
        let configuration = environment.configuration
        let logger = environment.logger
        var database = try PostgresConfiguration(url: configuration.databaseURL?.reveal() ?? "")
        database.applicationName = "closter-query"
        let pool = PostgresPool(database, logger: logger)
        let consignors = ConsignorReader(
            pool: pool,
            keys: PersonKeys(pool: pool, masters: try MasterKeys(file: configuration.masterKeys ?? "")))
        let hot = HotAnswers(
            bytes: configuration.hotBytes, shard: configuration.shard, poll: configuration.poll)
        let follower = ShardFollower(
            shard: configuration.shard, poll: configuration.poll, doorbell: configuration.doorbell ? database : nil,
            pool: pool, hot: hot, logger: logger)
        let switches = SwitchFile(path: configuration.readSwitches, logger: logger) { hot.switched() }
        let shadow = Shadow(follower: follower, logger: logger)
        let authenticator = try Authenticator.make(
            configuration, directory: TenantDirectory(pool: pool), purpose: .read, logger: logger)

        var limits = Feed.Limits()
        limits.followers = configuration.followers
        let feed = Feed(limits)
        let tail = FeedTail(
            feed: feed, shard: follower, pool: pool,
            bell: Bell(
                channel: FeedTail.channel, poll: configuration.poll,
                database: configuration.doorbell ? database : nil, logger: logger),
            logger: logger)

        let store = configuration.photos.map { DirectoryPhotoStore(path: $0) }
        let sizes = store.map {
            PhotoSizes(store: $0, resizer: Resizer(program: configuration.resizer), logger: logger)
        }

        QueryHealth.register(pool: pool, follower: follower, poll: configuration.poll, in: environment.health)
        QueryMetrics.register(follower: follower, in: environment.metrics)
        QueryMetrics.register(hot: hot, in: environment.metrics)
        switches.register(in: environment.health, environment.metrics)
        shadow.register(in: environment.metrics)
        QueryMetrics.register(feed: feed, in: environment.metrics)
        if let sizes { QueryMetrics.register(sizes: sizes, in: environment.metrics) }
        Edge.observe(pool, in: environment.metrics, name: "main")

        let server = Edge.application(
            router(
                pool: pool, follower: follower, feed: feed, shard: configuration.shard, switches: switches,
                shadow: shadow, hot: hot, consignors: consignors,
                photos: PhotoRoutes(pool: pool, store: store, sizes: sizes)),
            environment: environment, authenticator: authenticator, hot: configuration.hotBytes > 0 ? hot : nil,
            onRunning: onRunning)
        // The feed is stopped first: the server ends when every answer has ended, and those of followers do not by
        // themselves.
        return [
            Part(pool.run), Part(follower.run), Part(switches.run), Part(shadow.run), Part(consignors.words.run),
            server, Part(tail.run),
        ]
    }

    static func router(
        pool: PostgresPool, follower: ShardFollower, feed: Feed, shard: String, switches: SwitchFile, shadow: Shadow,
        hot: HotAnswers, consignors: ConsignorReader, photos: PhotoRoutes
    ) -> EdgeRouter {
        let router = Edge.makeRouter()
        let standpoints = Standpoints(shard: shard, follower: follower)
        func documents(_ resource: Resource) -> DocumentRoutes {
            DocumentRoutes(
                resource: resource, pool: pool, standpoints: standpoints, switches: switches, shadow: shadow, hot: hot)
        }
        ItemRoutes(documents: documents(Items.resource)).add(to: router)
        ListingRoutes(documents: documents(Listings.resource)).add(to: router)
        RecordRoutes(LocationRecord.self, .locations, documents).add(to: router)
        RecordRoutes(IntakeRecord.self, .intakes, documents).add(to: router)
        RecordRoutes(StocktakeRecord.self, .stocktakes, documents).add(to: router)
        RecordRoutes(ContractRecord.self, .contracts, switch: .contracts, documents).add(to: router)
        ContractRoutes(pool: pool, standpoints: standpoints).add(to: router)
        DueIntentRoutes(pool: pool, standpoints: standpoints).add(to: router)
        RecordRoutes(ValuationRecord.self, .valuations, documents).add(to: router)
        RecordRoutes(DecisionRecord.self, .decisions, documents).add(to: router)
        RecordRoutes(OfferRecord.self, .offers, switch: .offers, keysWith: .offersCreate, documents).add(to: router)
        SwitchRoutes(switches: switches).add(to: router)
        ImportRoutes(pool: pool, standpoints: standpoints).add(to: router)
        TenantRoutes(pool: pool, standpoints: standpoints).add(to: router)
        photos.add(to: router)
        LabelRoutes(pool: pool, standpoints: standpoints).add(to: router)
        ConsignorRoutes(reader: consignors, standpoints: standpoints).add(to: router)
        HistoryRoutes(pool: pool, standpoints: standpoints, feed: feed).add(to: router)
        ParkedRoutes(pool: pool, standpoints: standpoints).add(to: router)
        ProblemRoutes().add(to: router)
        Description.service.add(to: router)
        return router
    }
}

/// Something that runs until its task is cancelled, as a part of the process.
private struct Part: Service {
    var body: @Sendable () async -> Void

    init(_ body: @escaping @Sendable () async -> Void) { self.body = body }

    func run() async throws {
        await cancelWhenGracefulShutdown { await body() }
    }
}
