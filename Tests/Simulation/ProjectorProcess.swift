import EventSourcing
import Foundation
import Postgres

@testable import Projector

/// A process of the projector with one generation: tail, bus, runner and leader as they are, around simulated
/// connections.
final class ProjectorProcess: SimulatedProcess {
    static let generation = GenerationID(projection: Pieces.name, number: 1)
    private static let limit = 4
    private static let poll: Int64 = 100_000
    private static let patience: Int64 = 400_000

    private var bus = EventBus(window: window) {}
    private var tail = TailMachine()
    private var runner = RunnerMachine(RetryPolicy(limit: limit), standbyInterval: .milliseconds(100))
    private var bell = Flag()
    private var demand = Flag()
    private var requests = 0
    private var tailing: Server.Connection?
    private var leading: Lead?

    /// What is there only while the process leads, or tries to.
    private final class Lead {
        let connection: Server.Connection
        var reader: Server.Connection?
        var machine: LeaderMachine<Pieces>?
        let wakeup = Flag()
        var writing: Write?

        init(_ connection: Server.Connection) { self.connection = connection }
    }

    /// A write that is under way, and who waits for it.
    private final class Write {
        var result: Result<Void, any Error>?
        var waiter: ((Result<Void, any Error>) -> Void)?
    }

    private static var window: LogWindow { LogWindow(LogWindow.Bounds(events: 16, batches: 4), readAhead: 8) }

    override func begin() {
        requests = 1
        tail = .simulated(in: world)
        bus = EventBus(window: Self.window, demand: demand.set)
        runTail()
        run(.connect)
        guard server.sabotage != .noPolls else { return }
        every(Self.poll) { [self] in
            bell.set()
            bus.wakeReaders()
        }
        every(4 * Self.poll) { [self] in
            requests += 1
            bus.wakeReaders()
        }
    }

    override func forget() {
        bell = Flag()
        demand = Flag()
        runner = RunnerMachine(RetryPolicy(limit: Self.limit), standbyInterval: .milliseconds(100))
        tailing = nil
        leading = nil
    }

    override func rung() { bell.set() }

    /// Continues on a fresh stack, in this life.
    private func wait(for flag: Flag, _ body: @escaping () -> Void) {
        flag.wait { [self] in later(0, body) }
    }

    // MARK: The tail

    private func runTail() {
        switch tail.next(bus.wanted) {
        case .awaitDemand: wait(for: demand) { [self] in runTail() }
        case .awaitBell: wait(for: bell) { [self] in runTail() }
        case .pause(let duration):
            if duration == TailMachine.gathering { world.meet(.gathered) }
            later(duration.inMicroseconds) { [self] in runTail() }
        case .read(let position):
            reading(tailing, { [self] in tailing = $0 }, "tails after \(position)") { [server] in
                server.read(after: position, Self.limit)
            } then: { [self] result in
                do {
                    let batch = try batch(after: position, try result.get())
                    tail.took(batch, isFull: batch.events.count >= Self.limit)
                    bus.publish(batch)
                } catch {
                    tail.failed()
                }
                runTail()
            }
        }
    }

    /// What a reader is shown must be contiguous, also though the product would notice.
    private func batch(after position: Int64, _ events: [LogEvent]) throws -> EventBatch {
        do {
            return try EventBatch(after: position, events, tailedAt: server.time)
        } catch {
            world.violated(.tail, "\(name): \(error)")
            throw error
        }
    }

    /// Reads on a connection that is made when it must be.
    private func reading<Value>(
        _ connection: Server.Connection?, _ keep: @escaping (Server.Connection) -> Void, _ what: String,
        _ read: @escaping () -> Value, then: @escaping (Result<Value, PostgresError>) -> Void
    ) {
        if let connection, connection.isOpen {
            return server.ask(connection, what, { _ in .success(read()) }, then)
        }
        server.connect(self) { [self] result in
            switch result {
            case .success(let connection):
                keep(connection)
                server.ask(connection, what, { _ in .success(read()) }, then)
            case .failure(let error): then(.failure(error))
            }
        }
    }

    // MARK: The runner

    private func run(_ action: RunnerMachine.Action) {
        switch action {
        case .connect:
            server.connect(self) { [self] result in
                next(result) { [self] connection in
                    leading = Lead(connection)
                    return runner.connected()
                }
            }
        case .takeLead:
            guard let leading else { return run(.connect) }
            server.ask(leading.connection, "asks for the lead", { [server] in .success(server.takeLead($0)) }) {
                [self] result in next(result) { [self] in runner.asked(isLeader: $0) }
            }
        case .endFrozen:
            guard let leading else { return run(.connect) }
            server.ask(
                leading.connection, "looks for a frozen leader",
                { [server] _ in .success(server.endFrozen(patience: Self.patience)) }
            ) { [self] result in next(result) { [self] in runner.looked(hasEnded: $0) } }
        case .standBy(let duration): later(duration.inMicroseconds) { [self] in run(.takeLead) }
        case .lead:
            guard let leading else { return run(.connect) }
            lead(leading)
        case .reconnect(let duration):
            if let leading { server.close(leading.connection, after: world.chance.time(0...1_000)) }
            leading = nil
            later(duration.inMicroseconds) { [self] in run(.connect) }
        case .end(let isStopped): world.violated(.stuck, "\(name) ends\(isStopped ? ", and needs a hand" : "")")
        }
    }

    private func next<Value>(
        _ result: Result<Value, PostgresError>, _ body: (Value) -> RunnerMachine.Action
    ) {
        switch result {
        case .success(let value): run(body(value))
        case .failure(let error): run(runner.failed(BatchFailure(error)))
        }
    }

    // MARK: The leader

    private func lead(_ lead: Lead) {
        server.ask(lead.connection, "reads the checkpoint", { [server] _ in .success(server.table.checkpoint) }) {
            [self] position in
            server.ask(lead.connection, "reads what is parked", { [server] _ in .success(server.table.parking) }) {
                [self] parking in
                do {
                    let standing = LeaderMachine<Pieces>.Standing(
                        position: try position.get(), parking: try parking.get())
                    lead.machine = LeaderMachine(standing, runner.policy)
                    bus.join(Self.generation, wake: lead.wakeup.set)
                    world.note("\(name) leads from \(standing.position)")
                    perform(.turn, lead)
                } catch {
                    run(runner.failed(BatchFailure(error)))
                }
            }
        }
    }

    private func perform(_ action: LeaderMachine<Pieces>.Action, _ lead: Lead) {
        /// Goes on with what the machine says to a result.
        func resume<Value>(
            _ result: Result<Value, some Error>,
            _ body: (inout LeaderMachine<Pieces>, Value) throws -> LeaderMachine<Pieces>.Action
        ) {
            guard var machine = lead.machine else { return }
            let action: LeaderMachine<Pieces>.Action
            do {
                action = try body(&machine, try result.get())
            } catch {
                action = machine.failed(BatchFailure(error))
            }
            lead.machine = machine
            perform(action, lead)
        }
        func ask<Value>(
            _ what: String, _ execute: @escaping () -> Value,
            _ body: @escaping (inout LeaderMachine<Pieces>, Value) throws -> LeaderMachine<Pieces>.Action
        ) {
            server.ask(lead.connection, what, { _ in .success(execute()) }) { resume($0, body) }
        }
        let done = Result<Void, any Error>.success(())
        switch action {
        case .turn: resume(done) { [self] machine, _ in machine.turn(isOpen: lead.connection.isOpen, asked: requests) }
        case .errands: ask("looks for requests", { [server] in server.table.parking }) { $0.ran($1) }
        case .look(let position, let limit):
            switch bus.next(after: position, limit: limit) {
            case .wait: resume(done) { machine, _ in machine.looked(nil) }
            case .batch(let batch): resume(done) { machine, _ in machine.looked(batch) }
            case .behind:
                world.meet(.behind)
                reading(lead.reader, { lead.reader = $0 }, "reads after \(position)") { [server] in
                    server.read(after: position, limit)
                } then: { [self] result in
                    resume(result) { [self] machine, events in
                        let batch = try batch(after: position, events)
                        return machine.looked(batch.isEmpty ? nil : batch)
                    }
                }
            }
        case .prepare(let order):
            if order.earlier != nil { world.meet(.pipelined) }
            prepare(order, lead) { result in resume(result) { $0.prepared($1) } }
        case .write(let batch):
            write(batch, lead)
            perform(.turn, lead)
        case .land:
            let writing = lead.writing
            lead.writing = nil
            let land = { (result: Result<Void, any Error>) in resume(result) { machine, _ in machine.landed() } }
            if let result = writing?.result { land(result) } else { writing?.waiter = land }
        case .wait: wait(for: lead.wakeup) { [self] in perform(.turn, lead) }
        case .examine: ask("examines", { [server] in server.table.parking }) { $0.examined(.live, $1) }
        case .recover(let incident):
            world.note("\(name): \(incident.failure.description) at \(incident.position): \(incident.step)")
            switch incident.failure {
            case .fenced: world.meet(.fenced)
            case .poisoned: world.meet(.poisoned)
            default: break
            }
            if incident.step == .stepDown { world.meet(.steppedDown) }
            guard case .again(let duration) = incident.step else { return leave(incident.step, lead) }
            later(duration.inMicroseconds) { [self] in perform(.turn, lead) }
        case .leave(let step): leave(step, lead)
        }
    }

    private func leave(_ step: RetryPolicy.Step, _ lead: Lead) {
        guard let machine = lead.machine else { return }
        lead.machine = nil
        bus.leave(Self.generation)
        if let reader = lead.reader { server.close(reader) }
        run(runner.left(step, machine.policy))
    }

    private func prepare(
        _ order: LeaderMachine<Pieces>.Order, _ lead: Lead,
        _ then: @escaping (Result<PreparedBatch<Pieces>, any Error>) -> Void
    ) {
        do {
            let preparation = try Preparation<Pieces>(order, parkedLimit: 1000)
            let keys = preparation.toLoad
            guard !keys.isEmpty else { return recall(preparation, [:], order, lead, then) }
            reading(lead.reader, { lead.reader = $0 }, "loads \(keys.count)") { [server] in
                keys.reduce(into: [:]) { $0[$1] = server.table.rows[$1]?.group }
            } then: { [self] result in
                switch result {
                case .success(let groups): recall(preparation, groups, order, lead, then)
                case .failure(let error): then(.failure(error))
                }
            }
        } catch {
            then(.failure(error))
        }
    }

    private func recall(
        _ preparation: Preparation<Pieces>, _ groups: [GroupKey: Pieces.Group], _ order: LeaderMachine<Pieces>.Order,
        _ lead: Lead, _ then: @escaping (Result<PreparedBatch<Pieces>, any Error>) -> Void
    ) {
        var preparation = preparation
        preparation.restore(groups)
        let streams = preparation.toRecall
        guard !streams.isEmpty else { return then(Result { try preparation.finish() }) }
        world.meet(.recalled)
        let restored = preparation
        reading(lead.reader, { lead.reader = $0 }, "recalls \(streams.count)") { [server] in
            server.history(of: streams, through: order.batch.previous)
        } then: { result in
            var preparation = restored
            then(
                Result {
                    try preparation.recall(try result.get())
                    return try preparation.finish()
                })
        }
    }

    private func write(_ batch: PreparedBatch<Pieces>, _ lead: Lead) {
        let write = Write()
        lead.writing = write
        server.ask(
            lead.connection, "writes \(batch.batch.previous + 1) to \(batch.batch.last)",
            { [server] _ in .success(server.write(batch)) }
        ) { result in
            let landed = Result<Void, any Error> { if try !result.get() { throw BatchFailure.fenced } }
            write.result = landed
            write.waiter?(landed)
        }
    }
}

extension TailMachine {
    /// The product's, or one to which two are many.
    static func simulated(in world: World) -> TailMachine {
        world.isGathering ? TailMachine(dense: 2..<4) : TailMachine()
    }
}
