import Foundation
import Logging
import Postgres

/// Forgets old checkpoints and changes, a few at a time. Checkpoints show the lag of each hop for as long as anybody asks;
/// changes tell caches what to drop, and one that has not looked for five minutes drops everything.
struct Trimmer: Sendable {
    struct Ages: Sendable {
        var checkpoints: Duration = .seconds(24 * 3600)
        var changes: Duration = .seconds(600)
    }

    let shard: Shard
    let pool: PostgresPool
    let logger: Logger
    var ages = Ages()
    /// Rows looked at in one statement.
    var portion = 1000

    /// Until the task is cancelled, once in `interval`; only for what this process leads.
    func run(every interval: Duration, _ status: ProjectorStatus) async {
        while !Task.isCancelled {
            // A cancelled sleep ends the loop.
            try? await Task.sleep(for: interval)
            for (generation, state) in status.generations where state.role == .leading && !Task.isCancelled {
                do {
                    try await trim(generation)
                } catch {
                    logger.warning("cannot trim checkpoints", metadata: ["error": "\(error)"])
                }
            }
            do { try await trimChanges() } catch {
                logger.warning("cannot trim changes", metadata: ["error": "\(error)"])
            }
        }
    }

    /// The newest checkpoint always stays: it is the position.
    func trim(_ generation: GenerationID) async throws {
        while try await checkpoints(generation) == portion {}
    }

    /// Looks at the oldest rows only, by the primary key, so that a long history costs nothing.
    private func checkpoints(_ generation: GenerationID) async throws(PostgresError) -> Int {
        try await delete(
            """
            DELETE FROM \(shard.table("checkpoints")) c
            USING (
                SELECT projection, generation, position, committed_at FROM \(shard.table("checkpoints"))
                WHERE projection = $1 AND generation = $2::int ORDER BY position LIMIT $4
            ) old
            WHERE c.projection = old.projection AND c.generation = old.generation AND c.position = old.position
              AND old.committed_at < clock_timestamp() - make_interval(secs => $3)
              AND c.position < (
                  SELECT max(position) FROM \(shard.table("checkpoints"))
                  WHERE projection = $1 AND generation = $2::int)
            """, generation, ages.checkpoints)
    }

    /// Of whichever generations, also of those that are gone; from the oldest on, those of one transaction together.
    func trimChanges() async throws(PostgresError) {
        let sql = SQL(
            """
            DELETE FROM \(shard.table("changes")) c
            USING (
                SELECT xid FROM \(shard.table("changes"))
                WHERE changed_at < clock_timestamp() - make_interval(secs => $1) ORDER BY xid LIMIT $2
            ) old
            WHERE c.xid = old.xid
            """, [ages.changes.seconds, portion])
        while try await pool.execute([sql]).first?.affected ?? 0 >= portion {}
    }

    private func delete(
        _ text: String, _ generation: GenerationID, _ age: Duration
    ) async throws(PostgresError) -> Int {
        let sql = SQL(text, [generation.projection, Int32(generation.number), age.seconds, portion])
        return try await pool.execute([sql]).first?.affected ?? 0
    }
}
