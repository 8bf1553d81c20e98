public import Logging
public import Postgres
import Synchronization

/// Tells those who listen that there is something new, after the commit and outside its transaction.
///
/// A NOTIFY takes one lock for the whole server at its commit, so rings are coalesced: however often it is rung, the
/// server hears at most one NOTIFY per interval. Nothing depends on it: every listener also polls.
public final class Doorbell: Sendable {
    private let pool: PostgresPool
    private let channel: String
    private let interval: Duration
    private let logger: Logger
    private let rings = Mutex(Rings())

    /// - Parameter channel: `closter_main` for the log, `closter_main_read` for the projections.
    public init(pool: PostgresPool, channel: String, interval: Duration = .milliseconds(5), logger: Logger) {
        self.pool = pool
        self.channel = channel
        self.interval = interval
        self.logger = logger
    }

    /// Returns at once. The first ring after a pause goes out immediately.
    public func ring() {
        if rings.withLock({ $0.ring() }) { Task { await notify() } }
    }

    private func notify() async {
        repeat {
            do throws(PostgresError) {
                _ = try await pool.execute(["SELECT pg_notify(\(channel), '')"], deadline: .seconds(2))
            } catch {
                logger.debug("doorbell is silent", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: interval)
        } while rings.withLock { $0.pass() }
    }
}

/// Which rings are heard: the first after a pause, and one at the end of each interval in which it was rung. Pure.
struct Rings {
    private enum State { case quiet, ringing, rungAgain }

    private var state = State.quiet

    /// - Returns: whether to notify now. If so, `pass` is due an interval later.
    mutating func ring() -> Bool {
        defer { state = state == .quiet ? .ringing : .rungAgain }
        return state == .quiet
    }

    /// An interval after a notification.
    ///
    /// - Returns: whether to notify once more.
    mutating func pass() -> Bool {
        let again = state == .rungAgain
        state = again ? .ringing : .quiet
        return again
    }
}
