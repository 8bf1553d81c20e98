import Foundation
import Postgres

/// What a generation is for.
enum GenerationStatus: String, Sendable {
    /// Rows are put in, key by key; nobody reads or tails it.
    case filling
    /// It tails the log, and is not read yet. It is strict: an event that cannot be applied stops it.
    case building
    /// It answers reads.
    case live
    /// It still tails, so that one can go back to it.
    case retired
}

/// A generation as the database knows it.
struct CensusEntry: Sendable, Equatable {
    var generation: GenerationID
    var table: String
    var foldVersion: Int
    var status: GenerationStatus
    var position: Int64
    var head: Int64
    /// The age of the oldest event it has not seen, by the database's clock; 0 where it has seen all.
    var lagSeconds: Double
    /// Parked events.
    var parked = 0
    /// Nobody wants it any more: its time of grace is over, or the rebuild that made it was given up.
    var isExpired = false
}

/// Which generations there are, and how far each has come.
struct Census: Sendable {
    let shard: Shard
    let pool: PostgresPool

    func take() async throws(PostgresError) -> [CensusEntry] {
        let rows = try await pool.query(
            """
            SELECT g.projection, g.generation, g.table_name, g.fold_version, g.status, c.position,
                   h.position,
                   coalesce(greatest(extract(epoch FROM clock_timestamp() - e.recorded_at), 0), 0)::float8,
                   (SELECT count(*) FROM \(unescaped: shard.table("parked")) w
                    WHERE w.projection = g.projection AND w.generation = g.generation),
                   CASE WHEN g.status = 'live' THEN false
                        WHEN g.status = 'retired' THEN coalesce(g.drop_at <= clock_timestamp(), false)
                        ELSE EXISTS (
                            SELECT FROM \(unescaped: shard.table("rebuilds")) r
                            WHERE r.projection = g.projection AND r.generation = g.generation
                              AND r.ended_at IS NOT NULL)
                        END
            FROM \(unescaped: shard.table("generations")) g
            CROSS JOIN LATERAL (
                SELECT coalesce(max(p.position), 0) AS position FROM \(unescaped: shard.table("checkpoints")) p
                WHERE p.projection = g.projection AND p.generation = g.generation
            ) c
            CROSS JOIN (SELECT coalesce(max(l.position), 0) AS position FROM \(unescaped: shard.table("events")) l) h
            LEFT JOIN \(unescaped: shard.table("events")) e ON e.position = c.position + 1
            ORDER BY g.projection, g.generation
            """)
        var entries: [CensusEntry] = []
        for row in rows {
            let status = try row.decode(4, as: String.self)
            guard let status = GenerationStatus(rawValue: status) else {
                throw PostgresError(.decoding, "a generation of status \(status)")
            }
            entries.append(
                CensusEntry(
                    generation: GenerationID(
                        projection: try row.decode(0, as: String.self), number: try row.decode(1, as: Int.self)),
                    table: try row.decode(2, as: String.self), foldVersion: try row.decode(3, as: Int.self),
                    status: status, position: try row.decode(5, as: Int64.self),
                    head: try row.decode(6, as: Int64.self), lagSeconds: try row.decode(7, as: Double.self),
                    parked: try row.decode(8, as: Int.self),
                    isExpired: try row.decode(9, as: Bool.self)))
        }
        return entries
    }
}
