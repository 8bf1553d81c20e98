import Documents
import EventSourcing
import Foundation
import Logging
import Postgres
import TestSupport
import Testing

@testable import Projector

/// A migrated database with engines on it, and a log that is written by the test.
struct Harness: Sendable {
    let database: TestDatabase
    let administrator: PostgresConnection

    static func with(_ body: (Harness) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            let harness = Harness(database: database, administrator: try await database.connect())
            try await body(harness)
            await harness.administrator.close()
        }
    }

    // MARK: Engines

    /// Settings that do not keep a test waiting.
    static var settings: ProjectorEngine.Settings {
        var settings = ProjectorEngine.Settings()
        settings.poll = .milliseconds(20)
        settings.census = .milliseconds(50)
        settings.standby = .milliseconds(20)
        settings.requests = .milliseconds(20)
        // Who holds a lock in a test is not to lose it for being silent while a machine is slow.
        settings.patience = .seconds(3600)
        return settings
    }

    static var projections: [any Projection.Type] { [ItemsProjection.self, ListingsProjection.self] }

    /// Starts an engine; it runs until it is stopped.
    func start(
        _ settings: ProjectorEngine.Settings = settings, _ projections: [any Projection.Type] = projections
    ) throws -> RunningEngine {
        var configuration = try database.configuration(as: "closter_projector")
        configuration.applicationName = "closter-projector"
        let log = LogCapture()
        let logger = Logger(label: "test") { _ in log.handler }
        let pool = PostgresPool(configuration, logger: logger)
        let status = ProjectorStatus()
        let engine = ProjectorEngine(
            settings: settings, database: configuration, pool: pool, status: status, logger: logger,
            projections: projections)
        let poolTask = Task { await pool.run() }
        let task = Task { await engine.run() }
        return RunningEngine(status: status, log: log, task: task, poolTask: poolTask)
    }

    func running(
        _ settings: ProjectorEngine.Settings = settings, _ projections: [any Projection.Type] = projections,
        _ body: (RunningEngine) async throws -> Void
    ) async throws {
        let engine = try start(settings, projections)
        do {
            try await body(engine)
            await engine.stop()
        } catch {
            await engine.stop()
            let said = engine.log.lines.suffix(20).map { "\($0.level) \($0.message) \($0.metadata)" }
            Issue.record("the engine said:\n\(said.joined(separator: "\n"))")
            throw error
        }
    }

    /// Ends the connections of all projectors, as a server that restarts would.
    func killBackends(_ condition: String = "true") async throws {
        _ = try await administrator.query(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND usename = 'closter_projector' AND \(unescaped: condition)
            """)
    }

    // MARK: The log

    /// Appends the entries at the positions they have, in one transaction.
    func append(_ entries: some Collection<Story.Entry>, ring: Bool = false) async throws {
        let events = entries.map(\.event)
        let ids = events.map { UUID(bits: UInt128($0.position)) }
        let metadata = events.map { JSONText(#"{"actor":"test","requested_at":"\#($0.requestedAt.rfc3339)"}"#) }
        _ = try await administrator.query(
            """
            INSERT INTO main.events (position, tenant_id, category, stream_id, version, type, schema_version,
                                     correlation_id, command_id, data, metadata, recorded_at)
            SELECT e.position, e.tenant, e.category, e.stream, e.version, e.type, e.schema, e.correlation, e.correlation,
                   e.data::jsonb, e.metadata::jsonb, clock_timestamp()
            FROM unnest(\(events.map(\.position)), \(events.map(\.tenant.uuid)), \(events.map(\.stream.category)),
                        \(events.map(\.stream.id)), \(events.map(\.version)), \(events.map(\.type)),
                        \(entries.map(\.schema)), \(ids), \(entries.map { JSONText(bytes: $0.data) }), \(metadata))
                AS e (position, tenant, category, stream, version, type, schema, correlation, data, metadata)
            """)
        if ring { try await administrator.simple("NOTIFY closter_main") }
    }

    // MARK: What came of it

    func checkpoint(_ projection: String, _ generation: Int = 1) async throws -> Int64 {
        let rows = try await administrator.query(
            """
            SELECT coalesce(max(position), 0) FROM main.checkpoints
            WHERE projection = \(projection) AND generation = \(generation)::int
            """)
        return try rows[0].decode(0, as: Int64.self)
    }

    func reached(_ position: Int64, _ generation: Int = 1) async throws -> Bool {
        for projection in ["items", "listings"] {
            guard try await checkpoint(projection, generation) == position else { return false }
        }
        return true
    }

    /// Every row of a table, whole, as text.
    func dump(_ table: String) async throws -> [String] {
        let rows = try await administrator.query(
            "SELECT t::text FROM main.\(identifier: table) t ORDER BY tenant_id, id")
        return try rows.map { try $0.decode(0, as: String.self) }
    }

    func count(_ from: String) async throws -> Int {
        let rows = try await administrator.query("SELECT count(*) FROM \(unescaped: from)")
        return try rows[0].decode(0, as: Int.self)
    }

    /// What the rows must be: a fold of the whole story in memory, without the skipped events.
    func expectRows(of story: Story, _ generation: Int = 1, skipped: Set<Int64> = []) async throws -> Bool {
        var items = MemoryTable<ItemsProjection>(story.events)
        items.parking.skipped = skipped
        try items.advanceToEnd()
        var listings = MemoryTable<ListingsProjection>(story.events)
        listings.parking.skipped = skipped
        try listings.advanceToEnd()
        let itemRows = try await administrator.query(
            "SELECT id, position, document, public_document, record FROM main.\(identifier: "items_g\(generation)")")
        let listingRows = try await administrator.query(
            "SELECT id, position, document, public_document, record FROM main.\(identifier: "listings_g\(generation)")")
        let expectedItems = items.rows.map { Seen($0.item.id, $0.position, $0.document, $0.publicDocument, $0.record) }
        let expectedListings = listings.rows.map {
            Seen($0.listing.id, $0.position, $0.document, $0.publicDocument, $0.record)
        }
        return try Set(itemRows.map(Seen.init)) == Set(expectedItems)
            && Set(listingRows.map(Seen.init)) == Set(expectedListings)
    }

    private struct Seen: Hashable {
        var id: UUID
        var position: Int64
        var document: String
        var publicDocument: String?
        var record: String

        init(_ id: UUID, _ position: Int64, _ document: JSONText, _ publicDocument: JSONText?, _ record: JSONText) {
            self.id = id
            self.position = position
            self.document = document.text
            self.publicDocument = publicDocument?.text
            self.record = record.text
        }

        init(_ row: Row) throws {
            id = try row.decode(0)
            position = try row.decode(1)
            document = try row.decode(2)
            publicDocument = try row.decode(3)
            record = try row.decode(4)
        }
    }
}

struct RunningEngine: Sendable {
    let status: ProjectorStatus
    let log: LogCapture
    let task: Task<Void, Never>
    let poolTask: Task<Void, Never>

    func stop() async {
        task.cancel()
        await task.value
        poolTask.cancel()
        await poolTask.value
    }

    func role(_ projection: String) -> ProjectorStatus.Role? {
        status.generations[GenerationID(projection: projection, number: 1)]?.role
    }

    func has(_ role: ProjectorStatus.Role) -> Bool {
        self.role("items") == role && self.role("listings") == role
    }
}
