import EventSourcing
import EventStore
import Foundation
import Logging
import Postgres
import ServiceLifecycle

/// Carries imports out: two at a time in this process, of different tenants, and each in one process only. A tenant's
/// imports go one after another.
///
/// An import is gone on with until it has ended, whoever is killed meanwhile: what is to be done stands in the
/// database, sessions' advisory locks say who does it, and each line's intent takes effect once however often it is
/// run.
final class ImportRunner: Service, Sendable {
    private let executor: Executor
    private let reader: StateReader
    private let pool: PostgresPool
    private let vault: ConsignorVault
    private let configuration: PostgresConfiguration
    private let poll: Duration
    private let logger: Logger
    private let bells = (0..<2).map { _ in
        AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// - Parameter poll: how often it looks for what others left behind.
    init(
        executor: Executor, reader: StateReader, pool: PostgresPool, vault: ConsignorVault,
        configuration: PostgresConfiguration, poll: Duration = .seconds(2), logger: Logger
    ) {
        self.executor = executor
        self.reader = reader
        self.pool = pool
        self.vault = vault
        self.configuration = configuration
        self.poll = poll
        self.logger = logger
    }

    /// There may be something to do.
    func wake() {
        for bell in bells { bell.continuation.yield() }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    while !Task.isCancelled {
                        try? await Task.sleep(for: self.poll)
                        self.wake()
                    }
                }
                for bell in self.bells {
                    group.addTask {
                        await self.runOpenImports()
                        for await _ in bell.stream {
                            if Task.isCancelled { break }
                            await self.runOpenImports()
                        }
                    }
                }
            }
        }
    }

    private func runOpenImports() async {
        do {
            let open = try await pool.query("SELECT tenant_id, import_id FROM main.open_imports()", lane: .slow)
            guard !open.isEmpty else { return }
            let connection = try await PostgresConnection.connect(configuration, logger: logger)
            defer { Task { await connection.close() } }
            // Whoever has one of a tenant's imports has those after it, too.
            var busy: Set<TenantID> = []
            for row in open {
                if Task.isCancelled { return }
                let tenant = TenantID(try row.decode(0, as: UUID.self))
                guard !busy.contains(tenant) else { continue }
                let isMine = try await runAlone(tenant, try row.decode(1, as: UUID.self), connection)
                if !isMine { busy.insert(tenant) }
            }
        } catch is CancellationError {
            return
        } catch {
            logger.warning("imports wait", metadata: ["error": "\(error)"])
        }
    }

    /// - Returns: false if the tenant's imports have to wait: another has one under way, or this one failed for now.
    private func runAlone(
        _ tenant: TenantID, _ id: UUID, _ connection: PostgresConnection
    ) async throws -> Bool {
        let name = "closter.imports.\(tenant)"
        let rows = try await connection.query("SELECT pg_try_advisory_lock(hashtextextended(\(name), 0))")
        guard let row = rows.first, try row.decode(0, as: Bool.self) else { return false }
        do {
            try await ImportRun(
                tenant: tenant, id: id, executor: executor, reader: reader, pool: pool, vault: vault,
                logger: logger
            ).run()
        } catch  where !Task.isCancelled {
            logger.warning("imports of a tenant wait", metadata: ["tenant": "\(tenant)", "error": "\(error)"])
            _ = try await connection.query("SELECT pg_advisory_unlock(hashtextextended(\(name), 0))")
            return false
        }
        _ = try await connection.query("SELECT pg_advisory_unlock(hashtextextended(\(name), 0))")
        return true
    }
}
