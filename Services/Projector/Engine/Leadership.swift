import Foundation
import Postgres

/// Who leads a generation: whoever's session holds its advisory lock.
///
/// A session ends with its process and with its connection, but not when the process is frozen: a stopped process, or a
/// machine that hangs, keeps its lock for as long as TCP does. A standby therefore ends a leader's session that has been
/// waiting for its client for too long. The leader that wakes up then finds its connection gone; what it had under way is
/// fenced by the checkpoint's compare-and-set.
struct Leadership: Sendable {
    /// The text whose hash is the lock.
    let lock: String
    let connection: PostgresConnection
    /// How long the leader's session may be silent.
    let patience: Duration

    private static let deadline: Duration = .seconds(30)

    /// Takes the lead if nobody has it.
    func take() async throws(PostgresError) -> Bool {
        let rows = try await connection.query(
            "SELECT pg_try_advisory_lock(hashtextextended(\(lock), 0))", deadline: Self.deadline)
        return try rows.first?.decode(0, as: Bool.self) ?? false
    }

    /// Ends the leader's session where the server has waited for its client for longer than `patience`. A session that
    /// executes something is alive, however long it takes.
    ///
    /// - Returns: whether there was one to end.
    func endFrozen() async throws(PostgresError) -> Bool {
        let rows = try await connection.query(
            """
            SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid)) > 0
            FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
            WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND a.datname = current_database()
              AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
              AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended(\(lock), 0)
              AND a.usename = current_user AND a.pid <> pg_backend_pid() AND a.state LIKE 'idle%'
              AND a.state_change < clock_timestamp() - make_interval(secs => \(patience.seconds))
            """, deadline: Self.deadline)
        return try rows.first?.decode(0, as: Bool.self) ?? false
    }
}
