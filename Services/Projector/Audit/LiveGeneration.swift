import Foundation
import Postgres

/// A generation that answers reads, as a snapshot of the database shows it.
struct LiveGeneration: Sendable, Equatable {
    var generation: GenerationID
    var table: String
    var foldVersion: Int
    /// Its checkpoint.
    var position: Int64

    /// Every projection's, by name.
    static func all(_ shard: Shard, on connection: PostgresConnection) async throws(PostgresError) -> [LiveGeneration] {
        let rows = try await connection.query(
            """
            SELECT g.projection, g.generation, g.table_name, g.fold_version, (
                SELECT coalesce(max(c.position), 0) FROM \(unescaped: shard.table("checkpoints")) c
                WHERE c.projection = g.projection AND c.generation = g.generation)
            FROM \(unescaped: shard.table("generations")) g WHERE g.status = 'live' ORDER BY g.projection
            """)
        var generations: [LiveGeneration] = []
        for row in rows {
            generations.append(
                LiveGeneration(
                    generation: GenerationID(
                        projection: try row.decode(0, as: String.self), number: try row.decode(1, as: Int.self)),
                    table: try row.decode(2), foldVersion: try row.decode(3), position: try row.decode(4)))
        }
        return generations
    }
}
