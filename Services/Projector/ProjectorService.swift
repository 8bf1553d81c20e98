import Edge
import Logging
import Postgres
public import Runtime
public import ServiceLifecycle

/// The projector: tails the log and is the only writer of projections. Any number of processes may run; one leads
/// each generation, the others stand by.
public enum ProjectorService {
    /// The oldest schema of the database that this program can work with.
    static let oldestSchema = 23

    /// How old the oldest event that a live projection has not seen may be before the service says it is not ready.
    static let mostLag = 30.0

    /// The parts of the process, each after those it needs.
    public static func parts(_ environment: ServiceProcess.Environment) throws -> [any Service] {
        let configuration = environment.configuration
        var database = try PostgresConfiguration(url: configuration.databaseURL?.reveal() ?? "")
        database.applicationName = "closter-projector"
        var connections = PoolConfiguration()
        connections.connections = PoolConfiguration.Connections(fast: 1, slow: 1, write: 1)
        let pool = PostgresPool(database, pool: connections, logger: environment.logger)
        var settings = ProjectorEngine.Settings()
        settings.shard = Shard(configuration.shard)
        settings.doorbell = configuration.doorbell
        settings.poll = configuration.poll
        if configuration.rebuildOnNewFold {
            settings.rebuilds = RebuildSurroundings.Automatic(share: configuration.rebuildShare)
        }
        settings.parkedLimit = configuration.parkedLimit
        settings.audit = Auditor.Settings(rate: configuration.auditRate, repairs: configuration.auditRepair)
        let engine = ProjectorEngine(
            settings: settings, database: database, pool: pool, status: ProjectorStatus(), logger: environment.logger)

        register(engine, in: environment.health)
        environment.metrics.describeProjector()
        environment.metrics.describeAudit()
        environment.metrics.describeRebuilds()
        Edge.observe(pool, in: environment.metrics, name: "main")
        return [Part(pool.run), Part(engine.run), Edge.opsApplication(environment)]
    }

    static func register(_ engine: ProjectorEngine, in health: HealthRegistry) {
        let (pool, status) = (engine.pool, engine.status)
        let patience = engine.settings.census * 5
        health.register("database") {
            guard let age = status.age else { return .failed(reason: "it has not answered yet") }
            return age < patience ? .passed() : .failed(reason: "no answer for \(Int(age.seconds)) s")
        }
        health.register("schema") {
            do {
                let rows = try await pool.query(
                    "SELECT coalesce(max(version), 0) FROM closter.migrations", deadline: .seconds(1))
                let version = try rows.first?.decode(0, as: Int.self) ?? 0
                return version >= oldestSchema
                    ? .passed(detail: "version \(version)")
                    : .failed(reason: "version \(version), and \(oldestSchema) is needed: run closter migrate")
            } catch {
                return .failed(reason: "cannot be read: \(error)")
            }
        }
        health.register("projections") {
            let (isReady, detail) = status.readiness(bound: mostLag)
            return isReady ? .passed(detail: detail) : .failed(reason: detail)
        }
    }
}

/// Something that runs until its task is cancelled, as a part of the process.
private struct Part: Service {
    private let body: @Sendable () async -> Void

    init(_ body: @escaping @Sendable () async -> Void) { self.body = body }

    func run() async throws {
        await cancelWhenGracefulShutdown { await body() }
    }
}
