import EventSourcing
import Foundation
import Postgres
import Synchronization

/// Makes position tokens of this shard.
///
/// The epoch is read once: it changes only when a database is restored or fails over with loss, and then services are
/// restarted.
final class PositionTokens: Sendable {
    private let pool: PostgresPool
    private let shard: String
    private let epoch = Mutex<Int64?>(nil)

    init(pool: PostgresPool, shard: String) {
        self.pool = pool
        self.shard = shard
    }

    /// A maker of tokens, to be had before anything is appended: an answer must not fail once its intent is durable.
    func maker(_ tenant: TenantID) async throws(PostgresError) -> @Sendable (Int64) -> String {
        let epoch = try await currentEpoch()
        return { [shard] in PositionToken(shard: shard, epoch: epoch, tenant: tenant, position: $0).text }
    }

    private func currentEpoch() async throws(PostgresError) -> Int64 {
        if let known = epoch.withLock({ $0 }) { return known }
        let rows = try await pool.query("SELECT epoch FROM closter.shards WHERE name = \(shard)")
        guard let row = rows.first else { throw PostgresError(.decoding, "there is no shard \(shard)") }
        let read = try row.decode(0, as: Int64.self)
        epoch.withLock { $0 = read }
        return read
    }
}
