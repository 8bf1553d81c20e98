import Logging
import Postgres

/// Drops the generations that nobody wants any more: those whose time of grace is over, and those of rebuilds that were
/// given up. One that some process still leads is left until that one has let go of it.
struct Dropper: Sendable {
    let shard: Shard
    let pool: PostgresPool
    let logger: Logger

    /// Longer than the function itself waits for the table.
    private static let deadline: Duration = .seconds(5)

    /// Until the task is cancelled.
    func run(every interval: Duration) async {
        while !Task.isCancelled {
            do {
                for entry in try await Census(shard: shard, pool: pool).take() where entry.isExpired {
                    try await drop(entry.generation)
                }
            } catch {
                // A lock that could not be had, or a server that is away: there is a next time.
                if !Task.isCancelled { logger.debug("cannot drop", metadata: ["error": "\(error)"]) }
            }
            // A cancelled sleep ends the loop.
            try? await Task.sleep(for: interval)
        }
    }

    private func drop(_ generation: GenerationID) async throws(PostgresError) {
        let rows = try await pool.execute(
            [
                """
                SELECT \(unescaped: shard.table("drop_generation"))(
                    \(generation.projection), \(Int32(clamping: generation.number)))
                """
            ], deadline: Self.deadline)
        if try rows.last?.first?.decode(0, as: Bool.self) == true {
            logger.notice("a generation has been dropped", metadata: ["generation": "\(generation)"])
        }
    }
}
