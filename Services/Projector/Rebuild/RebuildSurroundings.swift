import Logging
import Postgres

/// What the rebuilds of a process share.
struct RebuildSurroundings: Sendable {
    /// The rebuilds that a projector asks for by itself.
    struct Automatic: Sendable {
        /// Of a core, for all workers together.
        var share: Double
    }

    var shard: Shard
    var connect: Connect
    /// For looking whether there is anything to do.
    var pool: PostgresPool
    /// How many events a generation may be behind the head to be compared.
    var nearness: Int
    /// nil: none is asked for when a fold has a new version.
    var automatic: Automatic?
    /// Tells when this process has given up on tailing a generation.
    var status: ProjectorStatus
    var logger: Logger
}
