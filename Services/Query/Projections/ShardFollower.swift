import Logging
import Metrics
import Postgres
import Synchronization

/// Keeps, in memory, which generation of each projection is live and how far it has come.
///
/// It looks whenever the read doorbell rings and at every poll, so it is right with every notification lost, only
/// later; while readers wait, it looks often, so that they wait for the projector's poll and not for this one too.
/// Between two looks, and while the database is away, the last view stays: a lower bound of what is there.
final class ShardFollower: Sendable {
    static let channel = "closter_main_read"

    /// Between two looks while readers wait and nothing rings.
    private static let impatience = Duration.milliseconds(20)

    private struct State {
        var view: ShardView?
        /// In which session it was looked at.
        var session = 0
        var lastLook: ContinuousClock.Instant?
        var lag = LagGauge()
    }

    private let shard: String
    private let bell: Bell
    private let pool: PostgresPool
    private let session: ShardSession
    private let logger: Logger
    private let state = Mutex(State())
    private let waiters = CheckpointWaiters()
    /// Told of each look that answers which are kept may go by.
    private let hot: HotAnswers?
    private let clock = ContinuousClock()

    /// - Parameter doorbell: where to LISTEN; nil polls only.
    init(
        shard: String, poll: Duration, doorbell: PostgresConfiguration?, pool: PostgresPool, hot: HotAnswers? = nil,
        logger: Logger
    ) {
        self.shard = shard
        self.hot = hot
        bell = Bell(channel: Self.channel, poll: poll, database: doorbell, logger: logger)
        self.pool = pool
        session = ShardSession(pool: pool)
        self.logger = logger
    }

    /// How many readers wait for a checkpoint.
    var waiting: Int { waiters.count }

    /// nil before the first look has succeeded.
    var view: ShardView? { state.withLock { $0.view } }

    /// Until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.lookWhileAwaited() }
            await bell.answer {
                await glance()
                return true
            }
            group.cancelAll()
        }
        await session.close()
    }

    private func lookWhileAwaited() async {
        for await _ in waiters.arrivals {
            while waiters.count > 0, (try? await Task.sleep(for: Self.impatience)) != nil {
                let last = state.withLock { $0.lastLook }
                if last.map({ clock.now - $0 >= Self.impatience }) ?? true { await glance() }
            }
        }
    }

    private func glance() async {
        let started = clock.now
        do {
            let session = try await session.open()
            try await take(session.connection.query(statement, deadline: .seconds(2)), in: session.number)
            if let hot, let view { try await hot.follow(view, since: started, in: session) }
        } catch {
            hot?.lose()
            if !Task.isCancelled { logger.warning("cannot follow the shard: \(error)") }
        }
    }

    /// Reads the present view from the database.
    ///
    /// - Parameter isGone: a table of the known view is not there any more, so that nothing of it can be kept.
    @discardableResult
    func look(isGone: Bool = false) async throws(PostgresError) -> ShardView? {
        try take(await pool.query(statement, lane: .fast, deadline: .seconds(2)), isGone: isGone)
    }

    private var statement: SQL {
        """
        SELECT s.epoch, (SELECT main.head()), g.projection, g.generation, g.table_name,
               coalesce((SELECT max(c.position) FROM main.checkpoints c
                         WHERE c.projection = g.projection AND c.generation = g.generation), 0)
        FROM closter.shards s LEFT JOIN main.generations g ON g.status = 'live'
        WHERE s.name = \(shard)
        """
    }

    @discardableResult
    private func take(
        _ rows: Rows, isGone: Bool = false, in session: Int? = nil
    ) throws(PostgresError) -> ShardView? {
        guard let first = rows.first else {
            logger.error("there is no such shard in this database")
            return nil
        }
        var view = ShardView(epoch: try first.decode(0), head: try first.decode(1), generations: [:])
        for row in rows {
            guard let name = row[2], let projection = Projection(rawValue: name) else { continue }
            view.generations[projection] = Generation(
                projection: projection, number: try row.decode(3), tableName: try row.decode(4),
                checkpoint: try row.decode(5))
        }
        take(view, isGone: isGone, in: session)
        return view
    }

    /// What is known never goes back, save to another epoch or in another session, before which the server may have crashed and
    /// lost it: two looks may end in the other order than they began, and a generation that has just gone live may be a batch
    /// behind the one before it, which stays until it has come as far.
    private func take(_ view: ShardView, isGone: Bool, in session: Int?) {
        let now = clock.now
        let current = state.withLock { state in
            var next = view
            let isAnother = session.map { $0 > state.session } ?? false
            state.session = max(state.session, session ?? 0)
            if let known = state.view, known.epoch == view.epoch, !isAnother {
                next.head = max(known.head, view.head)
                for (projection, generation) in known.generations {
                    guard let live = view.generations[projection] else { continue }
                    if live.number == generation.number {
                        next.generations[projection]?.checkpoint = max(generation.checkpoint, live.checkpoint)
                    } else if live.checkpoint < generation.checkpoint, !isGone {
                        next.generations[projection] = generation
                    }
                }
            }
            state.view = next
            state.lastLook = now
            state.lag.observe(next, at: now)
            return next
        }
        for generation in current.generations.values {
            waiters.advance(generation.projection, to: generation.checkpoint)
        }
    }

    /// Waits until the live generation holds everything up to `position`. False when the time has run out, the task
    /// is cancelled, or too many wait already.
    func reached(_ position: Int64, by projection: Projection, within limit: Duration) async -> Bool {
        if let generation = view?.generations[projection], generation.checkpoint >= position { return true }
        guard limit > .zero else { return false }
        return await withTaskGroup(of: Bool.self) { group in
            group.addTask { [waiters] in
                await waiters.wait(for: position, by: projection) {
                    (self.view?.generations[projection]?.checkpoint ?? -1) >= position
                }
            }
            group.addTask {
                try? await Task.sleep(for: limit)
                return false
            }
            let isReached = await group.next() ?? false
            group.cancelAll()
            return isReached
        }
    }

    /// Runs a read of a live generation; once more, after a look, if its table was dropped meanwhile.
    func retryingDropped<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as PostgresError where error.sqlState == "42P01" {
            try await look(isGone: true)
            return try await body()
        }
    }

    /// How long ago the last look succeeded, and how far each projection is behind; nil before the first look.
    func freshness() -> Freshness? {
        let now = clock.now
        return state.withLock { state in
            guard let view = state.view, let lastLook = state.lastLook else { return nil }
            return Freshness(
                age: now - lastLook,
                missing: Projection.allCases.filter { view.generations[$0] == nil },
                lag: state.lag.lags(of: view, at: now))
        }
    }
}
