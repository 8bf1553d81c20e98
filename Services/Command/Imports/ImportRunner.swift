import EventSourcing
import EventStore
import Foundation
import Logging
import Postgres
import ServiceLifecycle

/// Carries imports out, one at a time in this process, and each in one process only.
///
/// An import is gone on with until it has ended, whoever is killed meanwhile: what is to be done stands in the
/// database, a session's advisory lock says who does it, and each line's intent takes effect once however often it is
/// run.
final class ImportRunner: Service, Sendable {
    private let executor: Executor
    private let reader: StateReader
    private let pool: PostgresPool
    private let configuration: PostgresConfiguration
    private let poll: Duration
    private let logger: Logger
    private let (bell, ring) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// - Parameter poll: how often it looks for what others left behind.
    init(
        executor: Executor, reader: StateReader, pool: PostgresPool, configuration: PostgresConfiguration,
        poll: Duration = .seconds(2), logger: Logger
    ) {
        self.executor = executor
        self.reader = reader
        self.pool = pool
        self.configuration = configuration
        self.poll = poll
        self.logger = logger
    }

    /// There may be something to do.
    func wake() {
        ring.yield()
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            let timer = Task { [poll = self.poll, ring = self.ring] in
                while !Task.isCancelled {
                    try? await Task.sleep(for: poll)
                    ring.yield()
                }
            }
            defer { timer.cancel() }
            await self.runOpenImports()
            for await _ in self.bell {
                if Task.isCancelled { break }
                await self.runOpenImports()
            }
        }
    }

    private func runOpenImports() async {
        do {
            let open = try await pool.query("SELECT tenant_id, import_id FROM main.open_imports()", lane: .slow)
            guard !open.isEmpty else { return }
            let connection = try await PostgresConnection.connect(configuration, logger: logger)
            defer { Task { await connection.close() } }
            for row in open {
                if Task.isCancelled { return }
                try await runAlone(
                    TenantID(try row.decode(0, as: UUID.self)), try row.decode(1, as: UUID.self), connection)
            }
        } catch is CancellationError {
            return
        } catch {
            logger.warning("imports wait", metadata: ["error": "\(error)"])
        }
    }

    private func runAlone(_ tenant: TenantID, _ id: UUID, _ connection: PostgresConnection) async throws {
        let name = "closter.import.\(id.claimed)"
        let rows = try await connection.query("SELECT pg_try_advisory_lock(hashtextextended(\(name), 0))")
        guard let row = rows.first, try row.decode(0, as: Bool.self) else { return }
        do {
            try await ImportRun(
                tenant: tenant, id: id, executor: executor, reader: reader, pool: pool, logger: logger
            ).run()
        } catch {
            _ = try? await connection.query("SELECT pg_advisory_unlock(hashtextextended(\(name), 0))")
            throw error
        }
        _ = try await connection.query("SELECT pg_advisory_unlock(hashtextextended(\(name), 0))")
    }
}
