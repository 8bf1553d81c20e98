import EventStore
import Foundation
import Logging
import Postgres
import Runtime

/// Everything of the projector but its process: tail, bus, runners, doorbells, maintenance.
struct ProjectorEngine: Sendable {
    struct Settings: Sendable {
        var shard = Shard.main
        /// Whether NOTIFY is rung and listened to. All is correct without.
        var doorbell = true
        /// How late a change is seen when every NOTIFY is lost.
        var poll: Duration = .milliseconds(250)
        /// How often the generations are looked at, and lags measured.
        var census: Duration = .seconds(1)
        /// How often a standby tries to take over.
        var standby: Duration = .milliseconds(500)
        /// How long a leader's session may be silent before a standby ends it. A leader asks for requests all the time,
        /// so one that works is never silent for so long.
        var patience: Duration = .seconds(10)
        /// How long rings to the readers are gathered.
        var coalescing: Duration = .milliseconds(5)
        /// The most that is read, folded and written at a time.
        var batch = LogReader.Limit(events: 1000, bytes: 4 << 20)
        /// The most events that a generation may have parked: beyond, it stops.
        var parkedLimit = 1000
        /// The rebuilds it asks for when a fold has a new version; nil: none.
        var rebuilds: RebuildSurroundings.Automatic?
        /// How late a request of an operator is seen when every NOTIFY is lost.
        var requests: Duration = .seconds(1)
        /// Kept in memory for generations that follow the head at different speeds.
        var window = LogWindow.Bounds(events: 8000, bytes: 32 << 20)
        var trim: Duration = .seconds(60)
        var audit = Auditor.Settings()
    }

    /// The projections of this program.
    static let all: [any Projection.Type] = [ItemsProjection.self, ListingsProjection.self] + Records.projections

    let settings: Settings
    let database: PostgresConfiguration
    /// For what is short and not tied to leadership: census, doorbell, maintenance. Whoever made it runs it.
    let pool: PostgresPool
    let status: ProjectorStatus
    let logger: Logger
    /// Those of this program.
    var projections: [any Projection.Type] = Self.all

    /// Until the task is cancelled; batches under way are finished.
    func run() async {
        let (shard, logger) = (settings.shard, logger)
        let connect = Self.connect(database, logger)
        let (bell, demand) = (Wakeup(), Wakeup())
        let bus = EventBus(
            window: LogWindow(settings.window, readAhead: settings.batch.events * 2), demand: demand.set)
        let readers = Doorbell(pool: pool, channel: shard.readChannel, interval: settings.coalescing, logger: logger)
        let rings = settings.doorbell
        let requests = RequestBell()
        let surroundings = Surroundings(
            shard: shard, connect: connect, bus: bus, limit: settings.batch, parkedLimit: settings.parkedLimit,
            requests: requests, standbyInterval: settings.standby, patience: settings.patience,
            changed: { if rings { readers.ring() } },
            status: status, logger: logger)
        let tail = Tail(
            bus: bus, reader: LogReader(shard: shard, connect: connect), limit: settings.batch, demand: demand,
            bell: bell, logger: logger)
        let supervisor = Supervisor(
            projections: projections, census: Census(shard: shard, pool: pool), surroundings: surroundings,
            interval: settings.census)
        let rebuilder = Rebuilder(
            projections,
            RebuildSurroundings(
                shard: shard, connect: connect, pool: pool, nearness: settings.batch.events,
                automatic: settings.rebuilds, status: status, logger: logger))
        let dropper = Dropper(shard: shard, pool: pool, logger: logger)
        let asked: @Sendable () -> Void = {
            requests.ring()
            rebuilder.ring()
        }
        let trimmer = Trimmer(shard: shard, pool: pool, logger: logger)
        let auditor = Auditor(
            settings: settings.audit, shard: shard, projections: projections, connect: connect,
            status: status, logger: logger)

        await withTaskGroup { group in
            group.addTask { await tail.run() }
            group.addTask { await supervisor.run() }
            group.addTask { await trimmer.run(every: settings.trim, status) }
            group.addTask { await auditor.run() }
            group.addTask { await poll(every: settings.poll, bus, bell.set) }
            group.addTask { await poll(every: settings.requests, bus, asked) }
            if settings.doorbell { group.addTask { await listen(bell, asked, bus) } }
            group.addTask { await rebuilder.run() }
            group.addTask { await dropper.run(every: settings.census) }
        }
    }

    private func poll(every interval: Duration, _ bus: EventBus, _ ring: () -> Void) async {
        while !Task.isCancelled {
            // A cancelled sleep ends the loop.
            try? await Task.sleep(for: interval)
            ring()
            // Leaders look whether their connection still stands.
            bus.wakeReaders()
        }
    }

    /// A ring, and every new LISTEN after which something may have been missed, makes the tail read and whoever answers
    /// requests look for them.
    private func listen(_ bell: Wakeup, _ asked: @Sendable () -> Void, _ bus: EventBus) async {
        let (log, requests) = (settings.shard.logChannel, settings.shard.requestChannel)
        for await event in PostgresListener(database, channels: [log, requests], logger: logger) {
            if event != .notification(channel: requests, payload: "") { bell.set() }
            if event != .notification(channel: log, payload: "") {
                asked()
                bus.wakeReaders()
            }
        }
    }

    /// Connections for leaders and readers. The tables' statistics say little while a generation is being filled, so
    /// the plan that is right for a full table is not left to them.
    private static func connect(_ database: PostgresConfiguration, _ logger: Logger) -> Connect {
        var configuration = database
        configuration.applicationName = "closter-projector"
        for setting in ["enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"] {
            configuration.runtimeParameters[setting] = "off"
        }
        configuration.runtimeParameters["plan_cache_mode"] = "force_generic_plan"
        return { [configuration] () async throws(PostgresError) in
            let connection = try await PostgresConnection.connect(configuration, logger: logger)
            // pglz takes a fifth of the server's time while rows are written; lz4 hardly shows. Where the server has it.
            _ = try await connection.query(
                """
                SELECT set_config(name, 'lz4', false) FROM pg_settings
                WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)
                """)
            return connection
        }
    }
}
