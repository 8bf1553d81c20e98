import Edge
import EventStore
import Foundation
import Identity
import Logging
import Metrics
import PersonalData
import Photos
import Postgres
public import Runtime
public import ServiceLifecycle

/// The command service: validates intents and appends events. The only writer of events.
public enum CommandService {
    public static let requirements: ServiceConfiguration.Requirements = [
        .database, .issuer, .fingerprintKey, .queryURL, .masterKeys,
    ]

    /// The parts of the service, each listed after what it needs.
    ///
    /// - Parameter onRunning: told the port once the service answers.
    public static func parts(
        _ environment: ServiceProcess.Environment, onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) async throws -> [any Service] {
        let configuration = environment.configuration
        let logger = environment.logger
        var database = try PostgresConfiguration(url: configuration.databaseURL?.reveal() ?? "")
        database.applicationName = "closter-command"
        let pool = PostgresPool(database, logger: logger)
        Edge.observe(pool, in: environment.metrics, name: "main")
        describe(environment.metrics)

        let measured = AppendMetrics()
        let appender = Appender(database, logger: logger) { measured.record($0) }
        let doorbell =
            configuration.doorbell
            ? Doorbell(pool: pool, channel: "closter_\(configuration.shard)", logger: logger) : nil
        let reader = StateReader(pool: pool)
        let dueBell =
            configuration.doorbell ? Doorbell(pool: pool, channel: DueRunner.channel, logger: logger) : nil
        let executor = Executor(
            appender: appender, reader: reader, doorbell: doorbell, dueBell: dueBell, logger: logger)
        let due = DueRunner(
            intents: DueIntents(pool: pool), executor: executor, reader: reader, handlers: dueHandlers,
            listen: configuration.doorbell ? database : nil, logger: logger)
        let vault = ConsignorVault(
            keys: PersonKeys(pool: pool, masters: try MasterKeys(file: configuration.masterKeys ?? "")), pool: pool)
        let runner = ImportRunner(
            executor: executor, reader: reader, pool: pool, vault: vault, configuration: database, logger: logger)
        let directory = TenantDirectory(pool: pool)

        let api = CommandAPI(
            executor: executor, fingerprints: Fingerprints(key: configuration.fingerprintKey?.reveal() ?? []),
            tokens: PositionTokens(pool: pool, shard: configuration.shard), queryURL: configuration.queryURL ?? "")
        let files = ImportFiles(pool: pool, keys: vault.keys)
        let store = configuration.photos.map { DirectoryPhotoStore(path: $0) }
        let photos = PhotoRecords(pool: pool)
        let skus = SKUSupply(sequences: Sequences(pool: pool), reader: reader)
        let router = router([
            ItemRoutes(api: api, photos: photos), ItemFactRoutes(api: api, skus: skus), ListingRoutes(api: api),
            IntakeRoutes(api: api, pool: pool, skus: skus, photos: photos), StocktakeRoutes(api: api),
            ImportRoutes(api: api, files: files, runner: runner),
            TenantRoutes(api: api, pool: pool, directory: directory, shard: configuration.shard),
            LocationRoutes(api: api), ConsignorRoutes(api: api, vault: vault), ContractRoutes(api: api),
            ValuationRoutes(api: api),
            OfferRoutes(api: api),
            PhotoRoutes(
                records: photos, store: store, limit: configuration.photoBytes, queryURL: configuration.queryURL ?? ""),
        ])

        environment.health.register("database") { await DatabaseHealth.check(pool) }
        return [
            Running { await pool.run() }, Running { await appender.run() },
            Housekeeping(pool: pool, photos: store, logger: logger), runner, due,
            Edge.application(
                router, environment: environment,
                authenticator: try Authenticator.make(
                    configuration, directory: directory, purpose: .write, logger: logger),
                onRunning: onRunning),
        ]
    }

    static func router(_ routes: [any Routes]) -> EdgeRouter {
        let router = Edge.makeRouter()
        for routes in routes { routes.add(to: router) }
        CommandDescription.service.add(to: router)
        return router
    }

    /// Who decides what falls due.
    static let dueHandlers: [DueKind: DueHandler] = [
        .markdown: Listing.markdownDue, .expire: Contract.expireDue, .amend: Contract.amendDue,
        .expireOffer: Offer.expireDue, .lapseHold: Offer.lapseDue,
    ]

    private static func describe(_ metrics: PrometheusMetrics) {
        metrics.describe(
            MetricDefinition("closter_append_batch_size", .histogram, help: "Intents in one append."),
            MetricDefinition("closter_append_duration_seconds", .histogram, help: "Duration of one append."),
            MetricDefinition(
                "closter_due_intents_total", .counter, help: "Intents that fell due, by outcome: done, refused, failed."
            ),
            MetricDefinition(
                "closter_append_conflicts_total", .counter,
                help: "Intents whose streams had moved when they were appended."))
    }
}

/// What batches take, as metrics.
private struct AppendMetrics: Sendable {
    let size = Recorder(label: "closter_append_batch_size")
    let duration = Metrics.Timer(label: "closter_append_duration_seconds")
    let conflicts = Counter(label: "closter_append_conflicts_total")

    func record(_ report: Appender.Report) {
        size.record(report.intents)
        duration.recordNanoseconds(Int64(report.duration / .nanoseconds(1)))
        if report.conflicts > 0 { conflicts.increment(by: report.conflicts) }
    }
}

/// A loop that ends when its task is cancelled, as a part of a service.
struct Running: Service {
    let loop: @Sendable () async -> Void

    init(_ loop: @escaping @Sendable () async -> Void) {
        self.loop = loop
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { await loop() }
    }
}
