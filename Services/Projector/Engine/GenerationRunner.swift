import EventSourcing
import EventStore
import Foundation
import Logging
import Postgres

/// Opens a connection of one's own to the database.
typealias Connect = @Sendable () async throws(PostgresError) -> PostgresConnection

/// What all runners of a process share.
struct Surroundings: Sendable {
    var shard: Shard
    var connect: Connect
    var bus: EventBus
    var limit: LogReader.Limit
    /// The most events that a generation may have parked.
    var parkedLimit: Int
    /// Rung when somebody has asked for something, and at every poll.
    var requests: RequestBell
    /// How often a standby tries to take over.
    var standbyInterval: Duration
    /// Rung after a commit.
    var changed: @Sendable () -> Void
    var status: ProjectorStatus
    var logger: Logger
}

/// Keeps one generation up to date, or stands by to: the loop around a pure fold.
///
/// Its connection holds the advisory lock that makes it the leader and carries every write: when it is lost, so is the
/// leadership. The checkpoint's compare-and-set fences a leader that was frozen meanwhile.
///
/// An event that cannot be applied, alone and tried several times, is parked with all later ones of its group, in the
/// transactions that move the checkpoint past them. All other groups go on.
struct GenerationRunner<P: Projection>: Sendable {
    let generation: GenerationID
    let table: String
    let surroundings: Surroundings
    private let logger: Logger
    private let metrics: RunnerMetrics

    /// The longest a statement of the runner may take; a batch takes milliseconds.
    private static var deadline: Duration { .seconds(30) }

    init(_ generation: GenerationID, table: String, _ surroundings: Surroundings) {
        self.generation = generation
        self.table = table
        self.surroundings = surroundings
        var logger = surroundings.logger
        logger[metadataKey: "projection"] = "\(generation.projection)"
        logger[metadataKey: "generation"] = "\(generation.number)"
        self.logger = logger
        metrics = RunnerMetrics(generation)
    }

    /// Until the task is cancelled, or the projection must be stopped.
    func run() async {
        var policy = RetryPolicy(limit: surroundings.limit.events)
        while !Task.isCancelled {
            let step: RetryPolicy.Step
            do {
                let connection = try await surroundings.connect()
                step = try await serve(connection, &policy)
                await connection.close()
            } catch {
                if Task.isCancelled { break }
                let failure = BatchFailure(error)
                step = policy.failed(failure, count: 1)
                logger.warning("cannot lead or stand by", metadata: ["error": "\(failure.description)"])
                if step == .stop { surroundings.status.stop(generation, reason: failure.description) }
            }
            if step == .stop || step == .end { return }
            surroundings.status.set(generation, .connecting)
            switch step {
            case .stop, .end: return
            case .stepDown: await pause(surroundings.standbyInterval)
            case .again(let duration), .reconnect(let duration): await pause(duration)
            }
        }
    }

    private func pause(_ duration: Duration) async {
        // A cancelled sleep ends the loop that called.
        try? await Task.sleep(for: duration)
    }

    /// Stands by until the lock is free, then leads on this connection.
    private func serve(_ connection: PostgresConnection, _ policy: inout RetryPolicy) async throws -> RetryPolicy.Step {
        let lock = surroundings.shard.leadershipLock(generation)
        while !Task.isCancelled {
            let rows = try await connection.query(
                "SELECT pg_try_advisory_lock(hashtextextended(\(lock), 0))", deadline: Self.deadline)
            if try rows.first?.decode(0, as: Bool.self) == true {
                return try await lead(connection, &policy)
            }
            surroundings.status.set(generation, .standby)
            await pause(surroundings.standbyInterval)
        }
        return .stepDown
    }

    /// How far the generation has come, by what is committed.
    private struct Standing: Sendable {
        var position: Int64
        var parking: Parking
    }

    /// While one batch is being written the next is loaded and folded.
    private func lead(_ connection: PostgresConnection, _ policy: inout RetryPolicy) async throws -> RetryPolicy.Step {
        let store = ProjectionStore<P>(
            shard: surroundings.shard, generation: generation, table: table, connection: connection)
        let reader = LogReader(shard: surroundings.shard, connect: surroundings.connect)
        let wakeup = Wakeup()
        var standing = Standing(position: try await store.checkpoint(), parking: try await store.parking())
        // Where the next batch begins: beyond the checkpoint while a batch is being written.
        var ahead = standing.position
        var writing: Flight?
        var refusal: Refusal?
        // Up to which ring of the bell requests have been looked for.
        var answered = 0
        surroundings.bus.join(generation, wakeup: wakeup)
        surroundings.status.set(generation, .leading)
        logger.info("leading", metadata: ["position": "\(standing.position)"])
        defer {
            surroundings.bus.leave(generation)
            logger.info("no longer leading", metadata: ["position": "\(standing.position)"])
        }
        while !Task.isCancelled {
            guard connection.isOpen else { return .reconnect(after: .zero) }
            var count = 1
            do {
                let asked = surroundings.requests.count
                if asked != answered, writing == nil {
                    standing.parking = try await errands(standing, store, reader)
                    answered = asked
                }
                // Where somebody has asked, what is under way is awaited first.
                let batch = asked == answered ? try await next(after: ahead, policy.limit, reader) : nil
                count = batch?.events.count ?? 1
                var prepared: Prepared?
                if let batch {
                    let parking = writing?.prepared.parking ?? standing.parking
                    prepared = try await prepare(batch, parking, refusal, after: writing?.prepared, store, reader)
                }
                if let flight = writing {
                    writing = nil
                    count = flight.prepared.batch.events.count
                    standing = try await flight.landed()
                    policy.succeeded()
                } else if batch == nil {
                    await wakeup.wait()
                }
                if let prepared {
                    ahead = prepared.batch.last
                    writing = write(prepared, store)
                }
            } catch {
                var error = error
                if let flight = writing {
                    writing = nil
                    do {
                        standing = try await flight.landed()
                        policy.succeeded()
                    } catch let earlier {
                        error = earlier
                        count = flight.prepared.batch.events.count
                    }
                }
                ahead = standing.position
                if Task.isCancelled { break }
                let failure = BatchFailure(error)
                var step = policy.failed(failure, count: count)
                if step == .stop, case .poisoned(let reason) = failure {
                    step = await refuse(reason, &refusal, &standing, store, &policy)
                }
                report(failure, step, after: standing.position, count: count)
                guard case .again(let duration) = step else { return step }
                await pause(duration)
            }
        }
        if let landed = try? await writing?.landed() { standing = landed }
        await reader.close()
        return .stepDown
    }

    /// What is done between two batches while none is being written, because somebody has asked for it. What goes
    /// wrong with it is tried again at the next ring, and never blamed on an event that comes.
    ///
    /// - Returns: what is parked and skipped now.
    private func errands(
        _ standing: Standing, _ store: ProjectionStore<P>, _ reader: LogReader
    ) async throws -> Parking {
        do {
            let unparking = Unparking<P>(
                store: store, reader: reader, position: standing.position, metrics: metrics, logger: logger,
                changed: surroundings.changed)
            try await unparking.run(skipped: standing.parking.skipped)
        } catch {
            let failure = BatchFailure(error)
            switch failure {
            case .fenced, .connectionLost, .dropped: throw failure
            case .transient, .poisoned, .defect, .overflow, .gap:
                logger.error("a request failed", metadata: ["error": "\(failure.description)"])
            }
        }
        return try await store.parking()
    }

    /// The event after the checkpoint has failed alone, as often as is tried: from now on it is refused, and so parked
    /// when its turn comes.
    ///
    /// - Returns: `.stop` where a generation that is being built would not be whole, or where the event cannot be
    ///   parked either.
    private func refuse(
        _ reason: String, _ refusal: inout Refusal?, _ standing: inout Standing, _ store: ProjectionStore<P>,
        _ policy: inout RetryPolicy
    ) async -> RetryPolicy.Step {
        let position = standing.position + 1
        guard refusal?.position != position, !standing.parking.skipped.contains(position) else { return .stop }
        do {
            switch try await store.status() {
            case .live, .retired: break
            case .filling, .building: return .stop
            case nil: return .end
            }
            // Somebody may have decided about it meanwhile, for another generation.
            standing.parking = try await store.parking()
            refusal = Refusal(position: position, reason: reason)
            return .again(after: .zero)
        } catch {
            return policy.failed(BatchFailure(error), count: 1)
        }
    }

    /// From the bus, or from the log where the bus has forgotten it; nil where there is nothing yet.
    private func next(after position: Int64, _ limit: Int, _ reader: LogReader) async throws -> EventBatch? {
        switch surroundings.bus.next(after: position, limit: limit) {
        case .wait: return nil
        case .batch(let batch): return batch
        case .behind:
            let batch = try await reader.read(
                after: position, LogReader.Limit(events: limit, bytes: surroundings.limit.bytes))
            return batch.isEmpty ? nil : batch
        }
    }

    /// A batch that is folded and waits to be written.
    private struct Prepared: Sendable {
        var batch: EventBatch
        var rows: [P.Output]
        var tenants: Set<TenantID>
        var parked: [ParkedEvent]
        /// Once it is written.
        var parking: Parking
        /// What the batch has made of the groups it touches.
        var groups: [GroupKey: P.Group]
        var touching: Int
        var load: Duration
        var fold: Duration
    }

    /// A batch that is being written. What was sent is awaited, also when the runner's task is cancelled.
    private struct Flight: Sendable {
        var prepared: Prepared
        var task: Task<Void, any Error>

        /// How far the generation has come, once it is committed.
        func landed() async throws -> Standing {
            try await task.value
            return Standing(position: prepared.batch.last, parking: prepared.parking)
        }
    }

    /// Loads and folds. Groups that the batch before has touched are taken from it: it may not be committed yet. If it
    /// is not in the end, the compare-and-set keeps this one out too.
    private func prepare(
        _ batch: EventBatch, _ parking: Parking, _ refusal: Refusal?, after earlier: Prepared?,
        _ store: ProjectionStore<P>, _ reader: LogReader
    ) async throws -> Prepared {
        let clock = ContinuousClock()
        let started = clock.now
        var fold = try BatchFold<P>(batch, parking: parking, refusal: refusal)
        guard fold.parked.isEmpty || fold.parking.count <= surroundings.parkedLimit else {
            throw BatchFailure.overflow(limit: surroundings.parkedLimit)
        }
        let known = earlier?.groups ?? [:]
        let wanted = fold.toLoad
        var groups = try await store.load(wanted.filter { known[$0] == nil }, on: reader)
        for key in wanted { if let group = known[key] { groups[key] = group } }
        fold.restore(groups)
        let recall = fold.toRecall
        if !recall.isEmpty {
            try fold.recall(
                try await reader.history(of: recall.map { ($0.key.tenant, $0.stream) }, through: batch.previous))
        }
        let loaded = clock.now
        let (rows, tenants) = try fold.fold()
        return Prepared(
            batch: fold.batch, rows: rows, tenants: tenants, parked: fold.parked, parking: fold.parking,
            groups: fold.groups, touching: fold.touching, load: loaded - started, fold: clock.now - loaded)
    }

    /// Writes, moves the checkpoint, and rings.
    private func write(_ prepared: Prepared, _ store: ProjectionStore<P>) -> Flight {
        let task = Task {
            let clock = ContinuousClock()
            let started = clock.now
            let isWritten = try await store.write(
                prepared.rows, tenants: prepared.tenants, parked: prepared.parked, batch: prepared.batch)
            guard isWritten else { throw BatchFailure.fenced }
            let took = clock.now - started
            surroundings.changed()
            metrics.committed(
                prepared.batch, rows: prepared.rows.count, parked: prepared.parked.count, load: prepared.load,
                fold: prepared.fold, write: took)
            log(prepared, duration: prepared.load + prepared.fold + took)
        }
        return Flight(prepared: prepared, task: task)
    }

    private func log(_ prepared: Prepared, duration: Duration) {
        for parked in prepared.parked {
            guard let reason = parked.reason else { continue }
            logger.error("parked", metadata: Self.metadata(parked.event).merging(["error": "\(reason)"]) { $1 })
        }
        guard logger.logLevel <= .debug else { return }
        let batch = prepared.batch
        let passed = prepared.parking.skipped.union(prepared.parked.map(\.event.position))
        for event in batch.events where P.group(of: event) != nil && !passed.contains(event.position) {
            logger.debug("projected", metadata: Self.metadata(event))
        }
        logger.debug(
            "batch projected",
            metadata: [
                "from": "\(batch.previous + 1)", "position": "\(batch.last)", "events": "\(batch.events.count)",
                "touching": "\(prepared.touching)", "rows": "\(prepared.rows.count)",
                "parked": "\(prepared.parked.count)", "duration_ms": "\(duration.milliseconds)",
            ])
    }

    private static func metadata(_ event: LogEvent) -> Logger.Metadata {
        [
            "tenant": "\(event.tenant)", "correlation_id": "\(event.correlationID.uuidString.lowercased())",
            "position": "\(event.position)", "event": "\(event.type)",
        ]
    }

    private func report(_ failure: BatchFailure, _ step: RetryPolicy.Step, after position: Int64, count: Int) {
        metrics.failed(failure)
        let metadata: Logger.Metadata = [
            "position": "\(position)", "events": "\(count)", "error": "\(failure.description)",
        ]
        switch (failure, step) {
        case (_, .stop):
            surroundings.status.stop(generation, reason: "after position \(position): \(failure.description)")
            logger.critical("STOPPED: the projection does not go beyond this position", metadata: metadata)
        case (.dropped, _): logger.notice("the generation has been dropped", metadata: metadata)
        case (.fenced, _): logger.warning("stepping down", metadata: metadata)
        case (.gap, _): logger.error("the log has a gap, reading again", metadata: metadata)
        default: logger.warning("a batch failed", metadata: metadata)
        }
    }
}

extension Duration {
    /// Whole milliseconds with three decimals, for logs.
    var milliseconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds * 1_000_000 + attoseconds / 1_000_000_000_000) / 1000
    }

    var seconds: Double { milliseconds / 1000 }
}
