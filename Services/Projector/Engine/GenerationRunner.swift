import EventSourcing
import EventStore
import Foundation
import Logging
import Postgres
import Runtime

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
    /// How long a leader's session may be silent.
    var patience: Duration
    /// Rung after a commit.
    var changed: @Sendable () -> Void
    var status: ProjectorStatus
    var logger: Logger
}

/// Keeps one generation up to date, or stands by to: performs what `RunnerMachine` and `LeaderMachine` say.
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

    /// Until the task is cancelled, or there is nothing to lead, or the projection must be stopped.
    func run() async {
        var machine = RunnerMachine(
            RetryPolicy(limit: surroundings.limit.events), standbyInterval: surroundings.standbyInterval)
        var connection: PostgresConnection?
        var action = RunnerMachine.Action.connect
        while !Task.isCancelled {
            do {
                action = try await perform(action, by: &machine, on: &connection)
                if case .end = action { return }
            } catch {
                if Task.isCancelled { break }
                let failure = BatchFailure(error)
                action = machine.failed(failure)
                logger.warning("cannot lead or stand by", metadata: ["error": "\(failure.description)"])
                if action == .end(isStopped: true) {
                    surroundings.status.stop(generation, reason: failure.description)
                }
            }
        }
        await connection?.close()
    }

    private func perform(
        _ action: RunnerMachine.Action, by machine: inout RunnerMachine, on connection: inout PostgresConnection?
    ) async throws -> RunnerMachine.Action {
        switch action {
        case .connect:
            connection = try await surroundings.connect()
            return machine.connected()
        case .takeLead:
            guard let leadership = leadership(connection) else { return .connect }
            return machine.asked(isLeader: try await leadership.take())
        case .endFrozen:
            guard let leadership = leadership(connection) else { return .connect }
            surroundings.status.set(generation, .standby)
            let hasEnded = try await leadership.endFrozen()
            if hasEnded { logger.warning("the leader was silent for too long: its session was ended") }
            return machine.looked(hasEnded: hasEnded)
        case .standBy(let duration):
            await pause(duration)
            return .takeLead
        case .lead:
            guard let connection else { return .connect }
            return try await lead(connection, &machine)
        case .reconnect(let duration):
            await connection?.close()
            connection = nil
            surroundings.status.set(generation, .connecting)
            await pause(duration)
            return .connect
        case .end:
            await connection?.close()
            connection = nil
            return action
        }
    }

    private func leadership(_ connection: PostgresConnection?) -> Leadership? {
        connection.map {
            Leadership(
                lock: surroundings.shard.leadershipLock(generation), connection: $0, patience: surroundings.patience)
        }
    }

    private func pause(_ duration: Duration) async {
        // A cancelled sleep ends the loop that called.
        try? await Task.sleep(for: duration)
    }

    private func lead(
        _ connection: PostgresConnection, _ runner: inout RunnerMachine
    ) async throws -> RunnerMachine.Action {
        let store = ProjectionStore<P>(
            shard: surroundings.shard, generation: generation, table: table, connection: connection)
        let reader = LogReader(shard: surroundings.shard, connect: surroundings.connect)
        let errands = Errands(
            store: store, reader: reader,
            repairs: Repairs(shard: surroundings.shard, generation: generation, table: table), metrics: metrics,
            logger: logger, changed: surroundings.changed)
        let wakeup = Wakeup()
        let standing = LeaderMachine<P>.Standing(
            position: try await store.checkpoint(), parking: try await store.parking())
        var machine = LeaderMachine<P>(standing, runner.policy)
        // What was sent is awaited, also when the runner's task is cancelled.
        var writing: Task<Void, any Error>?
        surroundings.bus.join(generation, wake: wakeup.set)
        surroundings.status.set(generation, .leading)
        logger.info("leading", metadata: ["position": "\(standing.position)"])
        defer {
            surroundings.bus.leave(generation)
            logger.info("no longer leading", metadata: ["position": "\(machine.standing.position)"])
        }
        var action = LeaderMachine<P>.Action.turn
        while !Task.isCancelled {
            do {
                switch action {
                case .turn: action = machine.turn(isOpen: connection.isOpen, asked: surroundings.requests.count)
                case .errands(let standing): action = machine.ran(try await errands.run(at: standing))
                case .look(let position, let limit):
                    action = machine.looked(try await next(after: position, limit, reader))
                case .prepare(let order): action = machine.prepared(try await prepare(order, store, reader))
                case .write(let batch):
                    writing = Task { try await write(batch, store) }
                    action = .turn
                case .land:
                    let task = writing
                    writing = nil
                    try await task?.value
                    action = machine.landed()
                case .wait:
                    await wakeup.wait()
                    action = .turn
                case .examine: action = machine.examined(try await store.status(), try await store.parking())
                case .recover(let incident):
                    report(incident)
                    guard case .again(let duration) = incident.step else {
                        return runner.left(incident.step, machine.policy)
                    }
                    await pause(duration)
                    action = .turn
                case .leave(let step): return runner.left(step, machine.policy)
                }
            } catch {
                if Task.isCancelled { break }
                action = machine.failed(BatchFailure(error))
            }
        }
        if let writing, (try? await writing.value) != nil { _ = machine.landed() }
        await reader.close()
        return runner.left(.stepDown, machine.policy)
    }

    /// How long events that are of no interest are gathered: a checkpoint for each batch of them, of each of a dozen
    /// projections, would cost the appending sessions more than all rows do.
    private static var gathering: Duration { .milliseconds(50) }

    /// From the bus, or from the log where the bus has forgotten it; nil where there is nothing yet.
    private func next(after position: Int64, _ limit: Int, _ reader: LogReader) async throws -> EventBatch? {
        switch surroundings.bus.next(after: position, limit: limit) {
        case .wait: return nil
        case .batch(let batch):
            guard !batch.events.contains(where: { P.source.includes($0.stream.category) }) else { return batch }
            // No row changes: one checkpoint is enough for what comes meanwhile, too.
            await pause(Self.gathering)
            if case .batch(let more) = surroundings.bus.next(after: position, limit: limit) { return more }
            return batch
        case .behind:
            let batch = try await reader.read(
                after: position, LogReader.Limit(events: limit, bytes: surroundings.limit.bytes))
            return batch.isEmpty ? nil : batch
        }
    }

    private func prepare(
        _ order: LeaderMachine<P>.Order, _ store: ProjectionStore<P>, _ reader: LogReader
    ) async throws -> PreparedBatch<P> {
        let clock = ContinuousClock()
        let started = clock.now
        var preparation = try Preparation<P>(order, parkedLimit: surroundings.parkedLimit)
        preparation.restore(try await store.load(preparation.toLoad, on: reader))
        let streams = preparation.toRecall
        if !streams.isEmpty {
            try preparation.recall(try await reader.history(of: streams, through: order.batch.previous))
        }
        let loaded = clock.now
        var batch = try preparation.finish()
        batch.load = loaded - started
        batch.fold = clock.now - loaded
        return batch
    }

    /// Writes, moves the checkpoint, and rings.
    private func write(_ prepared: PreparedBatch<P>, _ store: ProjectionStore<P>) async throws {
        let clock = ContinuousClock()
        let started = clock.now
        let isWritten = try await store.write(
            prepared.rows, parked: prepared.parked, batch: prepared.batch)
        guard isWritten else { throw BatchFailure.fenced }
        let took = clock.now - started
        surroundings.changed()
        metrics.committed(
            prepared.batch, rows: prepared.rows.count, parked: prepared.parked.count, load: prepared.load,
            fold: prepared.fold, write: took)
        log(prepared, duration: prepared.load + prepared.fold + took)
    }

    private func log(_ prepared: PreparedBatch<P>, duration: Duration) {
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

    private func report(_ incident: LeaderMachine<P>.Incident) {
        let failure = incident.failure
        metrics.failed(failure)
        let metadata: Logger.Metadata = [
            "position": "\(incident.position)", "events": "\(incident.count)", "error": "\(failure.description)",
        ]
        switch (failure, incident.step) {
        case (_, .stop):
            let reason = "after position \(incident.position): \(failure.description)"
            surroundings.status.stop(generation, reason: reason)
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
