import EventSourcing
import EventStore
import Events
import Foundation
import JSON
import Logging
import Postgres
import Synchronization
import TestSupport

@testable import Command

/// What a command process has of them; several stand on one database.
struct DueShop: Sendable {
    let database: TestDatabase
    let administrator: PostgresConnection
    let tenant = TenantID(.version7())
    let now: ManualClock
    let executor: Executor
    let pool: PostgresPool
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    func runner(_ handlers: [DueKind: DueHandler]) -> DueRunner {
        DueRunner(
            intents: DueIntents(pool: pool), executor: executor, reader: StateReader(pool: pool),
            handlers: handlers, clock: { now.time }, logger: logger)
    }

    static func with(_ body: (DueShop) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let command = try database.configuration(as: "closter_command")
            let pool = PostgresPool(command, logger: logger)
            let appender = Appender(command, logger: logger)
            let tasks = [Task { await pool.run() }, Task { await appender.run() }]
            let shop = DueShop(
                database: database, administrator: try await database.connect(), now: ManualClock(noon),
                executor: Executor(
                    appender: appender, reader: StateReader(pool: pool), doorbell: nil, logger: logger),
                pool: pool)
            let result: Result<Void, any Error>
            do {
                try await shop.open()
                result = .success(try await body(shop))
            } catch {
                result = .failure(error)
            }
            for task in tasks {
                task.cancel()
                await task.value
            }
            await shop.administrator.close()
            try result.get()
        }
    }

    /// The tenant that the intents are of.
    private func open() async throws {
        let record = TenantAccount.fold([
            Fact(
                id: tenant.uuid, at: noon,
                event: .created(
                    .init(slug: "shop", name: "Shop", currency: zloty, timeZone: "Europe/Warsaw")))
        ])
        try await store(TenantAccount.encode(record))
    }

    private func store(_ state: [UInt8]) async throws {
        _ = try await administrator.query(
            """
            INSERT INTO main.aggregates (tenant_id, category, stream_id, version, position, state, created_at, updated_at)
            VALUES (\(tenant.uuid), 'tenant', \(tenant.uuid), 1, 1, \(String(decoding: state, as: UTF8.self))::json,
                    now(), now())
            """)
    }

    /// What waits, put there as `append` does.
    @discardableResult
    func wait(_ kind: DueKind = .markdown, on subject: UUID, at time: Timestamp, _ number: Int = 0) async throws -> UUID
    {
        let id = UUID.version7()
        let payload: JSONValue = [
            "subject": .string(TypeID(prefix: "listing", uuid: subject).description),
            "number": .integer(Int64(number)),
        ]
        _ = try await administrator.query(
            """
            INSERT INTO main.due_intents (intent_id, tenant_id, kind, payload, due_at, correlation_id, created_at)
            VALUES (\(id), \(tenant.uuid), \(kind.rawValue), \(String(decoding: payload.bytes, as: UTF8.self))::jsonb,
                    \(PostgresTimestamp(time)), \(UUID.version7()), now())
            """)
        return id
    }

    /// Decides and appends, as a route does.
    func intent(_ decide: (inout Command.Decision) async throws -> Void) async throws {
        let metadata = Metadata(
            actor: "test", commandID: .version7(), correlationID: .version7(), requestedAt: now.time)
        _ = try await executor.execute(
            IntentContext(tenant: tenant, metadata: metadata, key: nil, fingerprint: [], ifMatch: nil), decide: decide)
    }

    /// The kinds of what waits, in the order of their times.
    func waiting() async throws -> [String] {
        try await administrator.query(
            "SELECT kind FROM main.due_intents WHERE completed_at IS NULL ORDER BY due_at, intent_id"
        ).map { try $0.decode(0) }
    }

    /// What was decided by rules, in the order in which it was.
    func decisions() async throws -> [String] {
        try await administrator.query(
            "SELECT data ->> 'kind' || ' ' || (data ->> 'outcome') FROM main.events WHERE type = 'DecisionMade' ORDER BY position"
        ).map { try $0.decode(0) }
    }

    func outcomes() async throws -> [String?] {
        let rows = try await administrator.query(
            "SELECT coalesce(outcome || coalesce(' ' || code, ''), last_error) FROM main.due_intents ORDER BY due_at, intent_id"
        )
        return try rows.map { try $0.decode(0, as: String?.self) }
    }
}

/// Time that stands still until somebody moves it.
final class ManualClock: Sendable {
    private let state: Mutex<Timestamp>

    init(_ time: Timestamp) { state = Mutex(time) }

    var time: Timestamp { state.withLock { $0 } }
    func move(to time: Timestamp) { state.withLock { $0 = time } }
}
