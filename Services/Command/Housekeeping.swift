import Foundation
import Logging
import Photos
import Postgres
import Runtime
import ServiceLifecycle

/// What must be done now and then so that nothing grows for ever: partitions of outcomes, abandoned uploads, and the
/// keys of those who are erased.
struct Housekeeping: Service {
    let pool: PostgresPool
    let photos: DirectoryPhotoStore?
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await pool.execute(["SELECT main.rotate_outcomes()"], deadline: .seconds(30))
                    try await pool.execute(["SELECT main.sweep_import_chunks()"], deadline: .seconds(60))
                    try await pool.execute(["SELECT main.shred_due()"], deadline: .seconds(60))
                    try await pool.execute(["SELECT main.sweep_due_intents()"], deadline: .seconds(60))
                    try await photos?.sweep(before: Date() - 86_400)
                } catch {
                    logger.warning("housekeeping waits", metadata: ["error": "\(error)"])
                }
                try? await Task.sleep(for: .seconds(3600))
            }
        }
    }
}

enum DatabaseHealth {
    /// The version of the schema that this program is written for.
    static let schema = 26

    static func check(_ pool: PostgresPool) async -> HealthOutcome {
        do {
            let rows = try await pool.query("SELECT coalesce(max(version), 0) FROM closter.migrations")
            let version = try rows.first?.decode(0, as: Int.self) ?? 0
            guard version >= schema else {
                return .failed(reason: "the schema is at version \(version), this program needs \(schema)")
            }
            return .passed(detail: "schema \(version)")
        } catch {
            return .failed(reason: "the database does not answer")
        }
    }
}
