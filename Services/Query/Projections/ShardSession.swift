import Postgres

/// The one session in which a process follows a shard.
///
/// As long as it is the same session it is the same server, which has lost nothing that was seen of it and counts its
/// transactions upwards. One that has crashed may have lost what was committed last without waiting for the disk, as
/// projections are, and gives the numbers of those transactions to others.
actor ShardSession {
    struct Opened: Sendable {
        let connection: PostgresConnection
        /// Of the sessions of this process, from 1.
        let number: Int
    }

    private let pool: PostgresPool
    private var opened: Opened?
    private var count = 0

    init(pool: PostgresPool) { self.pool = pool }

    /// The session, or another one where it has ended.
    func open() async throws(PostgresError) -> Opened {
        if let opened, opened.connection.isOpen { return opened }
        let connection = try await pool.connection()
        // Another look may have been faster.
        if let opened, opened.connection.isOpen { return opened }
        count += 1
        let opened = Opened(connection: connection, number: count)
        self.opened = opened
        return opened
    }

    func close() async { await opened?.connection.close() }
}
