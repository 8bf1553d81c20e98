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
            surroundings.status.set(generation, step == .stop ? .stopped : .connecting)
            switch step {
            case .stop: return
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

    /// While one batch is being written the next is loaded and folded.
    private func lead(_ connection: PostgresConnection, _ policy: inout RetryPolicy) async throws -> RetryPolicy.Step {
        let store = ProjectionStore<P>(
            shard: surroundings.shard, generation: generation, table: table, connection: connection)
        let reader = LogReader(shard: surroundings.shard, connect: surroundings.connect)
        let wakeup = Wakeup()
        let repairs = Repairs<P>(shard: surroundings.shard, generation: generation, table: table)
        var errandsAt = ContinuousClock.now
        var position = try await store.checkpoint()
        // Where the next batch begins: beyond `position` while a batch is being written.
        var ahead = position
        var writing: Flight?
        surroundings.bus.join(generation, wakeup: wakeup)
        surroundings.status.set(generation, .leading)
        logger.info("leading", metadata: ["position": "\(position)"])
        defer {
            surroundings.bus.leave(generation)
            logger.info("no longer leading", metadata: ["position": "\(position)"])
        }
        while !Task.isCancelled {
            guard connection.isOpen else { return .reconnect(after: .zero) }
            var count = 1
            do {
                if ContinuousClock.now >= errandsAt {
                    if let flight = writing {
                        writing = nil
                        count = flight.prepared.batch.events.count
                        position = try await flight.landed()
                        policy.succeeded()
                        count = 1
                    }
                    if try await repairs.run(store, at: position) > 0 { surroundings.changed() }
                    errandsAt = .now + .seconds(1)
                }
                let batch = try await next(after: ahead, policy.limit, reader)
                count = batch?.events.count ?? 1
                var prepared: Prepared?
                if let batch { prepared = try await prepare(batch, after: writing?.prepared, store, reader) }
                if let flight = writing {
                    writing = nil
                    count = flight.prepared.batch.events.count
                    position = try await flight.landed()
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
                    do { position = try await flight.landed() } catch let earlier {
                        error = earlier
                        count = flight.prepared.batch.events.count
                    }
                }
                ahead = position
                if Task.isCancelled { break }
                let failure = BatchFailure(error)
                let step = policy.failed(failure, count: count)
                report(failure, step, after: position, count: count)
                guard case .again(let duration) = step else { return step }
                await pause(duration)
            }
        }
        if let landed = try? await writing?.landed() { position = landed }
        await reader.close()
        return .stepDown
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

        /// The new checkpoint, once it is committed.
        func landed() async throws -> Int64 {
            try await task.value
            return prepared.batch.last
        }
    }

    /// Loads and folds. Groups that the batch before has touched are taken from it: it may not be committed yet. If it
    /// is not in the end, the compare-and-set keeps this one out too.
    private func prepare(
        _ batch: EventBatch, after earlier: Prepared?, _ store: ProjectionStore<P>, _ reader: LogReader
    ) async throws -> Prepared {
        let clock = ContinuousClock()
        let started = clock.now
        var fold = try BatchFold<P>(batch)
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
            batch: fold.batch, rows: rows, tenants: tenants, groups: fold.groups, touching: fold.touching,
            load: loaded - started, fold: clock.now - loaded)
    }

    /// Writes, moves the checkpoint, and rings.
    private func write(_ prepared: Prepared, _ store: ProjectionStore<P>) -> Flight {
        let task = Task {
            let clock = ContinuousClock()
            let started = clock.now
            let batch = prepared.batch
            guard try await store.write(prepared.rows, tenants: prepared.tenants, batch: batch) else {
                throw BatchFailure.fenced
            }
            let took = clock.now - started
            surroundings.changed()
            metrics.committed(
                batch, rows: prepared.rows.count, load: prepared.load, fold: prepared.fold, write: took)
            log(
                batch, rows: prepared.rows.count, prepared.touching, duration: prepared.load + prepared.fold + took)
        }
        return Flight(prepared: prepared, task: task)
    }

    private func log(_ batch: EventBatch, rows: Int, _ touching: Int, duration: Duration) {
        guard logger.logLevel <= .debug else { return }
        for event in batch.events where P.group(of: event) != nil {
            logger.debug(
                "projected",
                metadata: [
                    "tenant": "\(event.tenant)", "correlation_id": "\(event.correlationID.uuidString.lowercased())",
                    "position": "\(event.position)", "event": "\(event.type)",
                ])
        }
        logger.debug(
            "batch projected",
            metadata: [
                "from": "\(batch.previous + 1)", "position": "\(batch.last)", "events": "\(batch.events.count)",
                "touching": "\(touching)", "rows": "\(rows)", "duration_ms": "\(duration.milliseconds)",
            ])
    }

    private func report(_ failure: BatchFailure, _ step: RetryPolicy.Step, after position: Int64, count: Int) {
        metrics.failed(failure)
        let metadata: Logger.Metadata = [
            "position": "\(position)", "events": "\(count)", "error": "\(failure.description)",
        ]
        switch (failure, step) {
        case (_, .stop):
            surroundings.status.stop(generation, reason: "after position \(position): \(failure.description)")
            logger.critical("STOPPED: the event after this position cannot be projected", metadata: metadata)
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
