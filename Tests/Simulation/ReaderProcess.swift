import EventSourcing
import Foundation
import Postgres

@testable import Projector

/// A reader of the log that never looks back, as a live feed is: the tail as it is, on a window of its own. It checks
/// that what it has passed is still what it saw.
final class ReaderProcess: SimulatedProcess {
    private static let limit = 3
    private var tail = TailMachine()
    private var window = LogWindow(LogWindow.Bounds(events: 8), readAhead: 8)
    private var bell = Flag()
    private var connection: Server.Connection?
    /// What it has seen, in order: kept over crashes, as a client keeps its `Last-Event-ID`.
    private(set) var seen: [UUID] = []

    var position: Int64 { Int64(seen.count) }

    override func begin() {
        tail = .simulated(in: world)
        run()
        guard server.sabotage != .noPolls else { return }
        every(100_000) { [self] in bell.set() }
    }

    override func forget() {
        window = LogWindow(LogWindow.Bounds(events: 8), readAhead: 8)
        bell = Flag()
        connection = nil
    }

    override func rung() { bell.set() }

    private func run() {
        if case .batch(let batch) = window.next(after: position, limit: 100) { take(batch) }
        switch tail.next(window.wantsMore ? window.end : nil) {
        case .awaitDemand: world.violated(.stuck, "\(name) wants no more")
        case .awaitBell: bell.wait { [self] in later(0) { self.run() } }
        case .pause(let duration): later(duration.inMicroseconds) { [self] in run() }
        case .read(let position): read(after: position)
        }
    }

    private func read(after position: Int64) {
        guard let connection, connection.isOpen else {
            return server.connect(self) { [self] result in
                switch result {
                case .success(let connection):
                    self.connection = connection
                    read(after: position)
                case .failure:
                    tail.failed()
                    run()
                }
            }
        }
        server.ask(
            connection, "reads after \(position)", { [server] _ in .success(server.read(after: position, Self.limit)) }
        ) {
            [self] result in
            do {
                let batch = try EventBatch(after: position, try result.get(), tailedAt: server.time)
                tail.took(batch, isFull: batch.events.count >= Self.limit)
                window.append(batch)
            } catch {
                if let gap = error as? LogGap { world.violated(.tail, "\(name): \(gap)") }
                tail.failed()
            }
            run()
        }
    }

    private func take(_ batch: EventBatch) {
        for event in batch.events {
            guard event.position == position + 1 else {
                return world.violated(.tail, "\(name) is shown \(event.position) after \(position)")
            }
            seen.append(event.correlationID)
        }
    }
}
