import EventSourcing
import Foundation
import Postgres

@testable import EventStore

/// A process of the command service: the appender and the doorbell as they are, around simulated connections.
final class CommandProcess: SimulatedProcess {
    /// What a client is told; nothing where the process crashes before.
    typealias Waiter = (Result<AppendOutcome, AppendFailure>) -> Void

    private var machine = AppenderMachine<Waiter>(.simulated)
    private var rings = Rings()
    private var connection: Server.Connection?
    private var isResting = false
    /// Tells the clients that wait that the process is gone.
    private var hangUps: [Int: () -> Void] = [:]
    private var requests = 0

    override func begin() { step() }

    override func forget() {
        machine = AppenderMachine(.simulated)
        rings = Rings()
        connection = nil
        isResting = false
        let gone = hangUps.sorted { $0.key < $1.key }.map(\.value)
        hangUps = [:]
        for hangUp in gone { world.later(world.chance.time(0...2_000), hangUp) }
    }

    /// A request that is held by this process. `hangUp` is called if it crashes before `done` is.
    ///
    /// - Returns: marks the request as answered.
    func hold(_ hangUp: @escaping () -> Void) -> () -> Void {
        requests += 1
        let number = requests
        hangUps[number] = hangUp
        return { [self] in hangUps[number] = nil }
    }

    func append(_ intent: Intent, _ waiter: @escaping Waiter) {
        do throws(AppendFailure) {
            try machine.add(intent, waiter)
        } catch {
            if case .closed = error { world.meet(.closed) } else { world.meet(.overloaded) }
            return later(0) { waiter(.failure(error)) }
        }
        guard isResting else { return }
        isResting = false
        later(0) { [self] in step() }
    }

    /// In order: what waits is appended, what comes is refused, and then it ends.
    func stop() {
        guard isRunning else { return }
        world.note("\(name) is asked to stop")
        machine.close()
        guard isResting else { return }
        isResting = false
        later(0) { [self] in step() }
    }

    private func step() {
        switch machine.next(at: clock) {
        case .send(let intents): send(intents)
        case .pause(let duration): later(duration.inMicroseconds) { [self] in step() }
        case .rest: isResting = true
        case .end: crash(silently: false)
        }
    }

    private func send(_ intents: [Intent]) {
        if intents.count > 1 { world.meet(.batched) }
        guard let connection, connection.isOpen else {
            return server.connect(self) { [self] result in
                switch result {
                case .success(let connection):
                    self.connection = connection
                    send(intents)
                case .failure(let error): settle(.failure(error))
                }
            }
        }
        server.ask(connection, "appends \(intents.count)", { [server] _ in server.append(intents) }) { [self] result in
            settle(result)
        }
    }

    private func settle(_ result: Result<[AppendOutcome], PostgresError>) {
        for (waiter, result) in machine.answered(result, at: clock)?.answers ?? [] {
            switch result {
            case .success(.appended): ring()
            case .success(.replayed): world.meet(.replayed)
            case .success(.conflict): world.meet(.conflict)
            case .success(.claimed): world.meet(.claimed)
            case .failure(.refused): world.meet(.refused)
            case .failure(.unavailable): world.meet(.unavailable)
            case .failure(.outcomeUnknown): world.meet(.unknown)
            case .failure(.overloaded), .failure(.closed): break
            }
            waiter(result)
        }
        step()
    }

    private func ring() {
        if rings.ring() { notify() }
    }

    private func notify() {
        server.notify()
        later(5_000) { [self] in if rings.pass() { notify() } }
    }
}

extension Appender.Limits {
    /// Small, so that a short run meets them.
    static var simulated: Appender.Limits {
        var limits = Appender.Limits()
        limits.batchCount = 4
        limits.queueCount = 3
        limits.recovery = .milliseconds(800)
        return limits
    }
}

extension Duration {
    var inMicroseconds: Int64 { components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000 }
}
