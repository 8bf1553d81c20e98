import EventSourcing
import Foundation
import Postgres

@testable import EventStore
@testable import Projector

/// How a simulated log or server is broken on purpose, to see that the simulation notices.
enum Sabotage: String, CaseIterable {
    /// Positions become visible in another order than they are given.
    case visibleOutOfOrder
    /// An append is answered, and then not committed.
    case answeredBeforeCommit
    /// A batch that is taken back leaves its first intent behind.
    case halfABatch
    /// The checkpoint is moved without a compare-and-set.
    case checkpointWithoutCompare
    /// What has happened under a key is not looked up.
    case forgottenKeys
    /// Versions are not compared.
    case staleDecisions
    /// Claims are not looked at.
    case sharedClaims
    /// Nobody polls.
    case noPolls
}

/// PostgreSQL, as far as the product relies on it: sessions, the log, a projection's table, locks and notifications; and
/// the network before it, with its faults.
final class Server {
    final class Session {
        let number: Int
        let owner: SimulatedProcess
        var isAlive = true
        /// Since when the server waits for the client.
        var silentSince: Int64

        init(_ number: Int, _ owner: SimulatedProcess, at now: Int64) {
            self.number = number
            self.owner = owner
            silentSince = now
        }
    }

    /// A session as its client sees it.
    final class Connection {
        let session: Session
        var isOpen = true

        init(_ session: Session) { self.session = session }
    }

    let world: World
    var weather: Weather
    let sabotage: Sabotage?
    var log = LogModel()
    var table = TableModel()
    /// How far the wall clock is from right.
    private var clockOffset: Int64 = 0
    private(set) var isUp = true
    private var sessions: [Session] = []
    private var numbers = 0
    private var leader: Session?
    var listeners: [SimulatedProcess] = []
    /// Sabotage: events that are committed and not visible yet.
    private var hidden: Range<Int>?

    init(_ world: World, _ weather: Weather, _ sabotage: Sabotage?) {
        self.world = world
        self.weather = weather
        self.sabotage = sabotage
        log.ignoresOutcomes = sabotage == .forgottenKeys
        log.ignoresVersions = sabotage == .staleDecisions
        log.ignoresClaims = sabotage == .sharedClaims
        table.ignoresCheckpoint = sabotage == .checkpointWithoutCompare
    }

    /// By the wall clock.
    var time: Timestamp { Timestamp(microseconds: Self.beginning + clockOffset + world.now) }

    private static let beginning: Int64 = 1_795_000_000_000_000

    /// Within half a day of the truth: `append` looks for keys a day around.
    func jumpClock(to offset: Int64) {
        world.note("the wall clock is \(offset / 1_000_000) s off")
        clockOffset = offset
    }

    // MARK: Sessions

    func connect(_ process: SimulatedProcess, _ then: @escaping (Result<Connection, PostgresError>) -> Void) {
        let delay = world.chance.time(200...3_000)
        let life = process.life
        let fails = world.chance.happens(weather.connectFails)
        world.later(delay) { [self] in
            guard isUp, !fails else {
                return process.later(delay, in: life) {
                    then(.failure(PostgresError(.connectionFailed, "no connection")))
                }
            }
            numbers += 1
            let session = Session(numbers, process, at: world.now)
            sessions.append(session)
            // Where the process has crashed meanwhile nobody uses it, and nobody closes it.
            process.later(delay, in: life) { then(.success(Connection(session))) }
        }
    }

    /// The client ends the connection, or its process has ended.
    func close(_ connection: Connection, after delay: Int64 = 0) {
        connection.isOpen = false
        world.later(delay) { [self] in end(connection.session) }
    }

    func disconnect(_ process: SimulatedProcess, after delay: Int64) {
        let own = sessions.filter { $0.owner === process }
        world.later(delay) { [self] in own.forEach(end) }
    }

    private func end(_ session: Session) {
        session.isAlive = false
        if leader === session { leader = nil }
        sessions.removeAll { $0 === session }
    }

    func restart(for duration: Int64) {
        guard isUp else { return }
        world.note("the server restarts")
        isUp = false
        sessions.forEach(end)
        world.later(duration) { [self] in
            world.note("the server is back")
            isUp = true
        }
    }

    // MARK: Statements

    /// Sends one statement, which is executed whole at one moment, and answers or not.
    func ask<Value>(
        _ connection: Connection, _ what: @autoclosure @escaping () -> String,
        _ execute: @escaping (Session) -> Result<Value, PostgresError>,
        _ then: @escaping (Result<Value, PostgresError>) -> Void
    ) {
        let process = connection.session.owner
        let life = process.life
        func answer(_ delay: Int64, _ result: Result<Value, PostgresError>) {
            process.later(delay, in: life) { [world] in
                if case .failure(let error) = result {
                    world.note("\(process.name): \(what()) failed: \(error.kind)")
                    if error.kind == .connectionLost { connection.isOpen = false }
                }
                then(result)
            }
        }
        guard connection.isOpen else { return answer(0, .failure(PostgresError(.closed, "closed"))) }
        let slow = world.chance.happens(weather.slow) ? world.chance.time(0...600_000) : 0
        let (there, back) = (world.chance.time(30...1_500) + slow, world.chance.time(30...1_500))
        let lost = Result<Value, PostgresError>.failure(PostgresError(.connectionLost, "lost"))
        if world.chance.happens(weather.lostBefore) {
            breakConnection(connection)
            return answer(there + back, lost)
        }
        if world.chance.happens(weather.rolledBack) {
            let kind = world.chance.pick([
                PostgresError.Kind.server(sqlState: "40001"), .server(sqlState: "55P03"), .server(sqlState: "53100"),
                .deadlineExceeded,
            ])
            return answer(there + back, .failure(PostgresError(kind, "taken back")))
        }
        let isLost = world.chance.happens(weather.lostAfter)
        let isUnreadable = world.chance.happens(weather.unreadable)
        let lateness = world.chance.happens(weather.late) ? world.chance.time(0...400_000) : nil
        world.later(there + (lateness ?? 0)) { [self] in
            let session = connection.session
            var result = lost
            if session.isAlive, isUp {
                session.silentSince = world.now
                result = execute(session)
                if isUnreadable { result = .failure(PostgresError(.decoding, "unreadable")) }
                world.note("\(process.name): \(what())\(lateness == nil ? "" : ", late")")
            }
            guard lateness == nil else {
                world.meet(.arrivedLate)
                return close(connection)
            }
            if isLost {
                world.meet(.answerLost)
                breakConnection(connection)
            }
            answer(back, isLost ? lost : result)
        }
        if lateness != nil { answer(there, lost) }
    }

    /// The server notices now or, where the network has swallowed it, later.
    private func breakConnection(_ connection: Connection) {
        let delay = world.chance.index(4) == 0 ? world.chance.time(0...1_500_000) : world.chance.time(0...2_000)
        world.later(delay) { [self] in end(connection.session) }
    }

    // MARK: The log

    func append(_ intents: [Intent]) -> Result<[AppendOutcome], PostgresError> {
        let before = log
        let result = log.append(intents, at: time)
        switch sabotage {
        case .answeredBeforeCommit where world.chance.index(20) == 0: log = before
        case .halfABatch where intents.count > 1 && world.chance.index(20) == 0:
            log = before
            _ = log.append([intents[0]], at: time)
            return .failure(PostgresError(.server(sqlState: "40001"), "taken back"))
        case .visibleOutOfOrder where log.events.count > before.events.count && world.chance.index(5) == 0:
            let new = before.events.count..<log.events.count
            hidden = new
            world.later(2_000) { [self] in if hidden == new { hidden = nil } }
        default: break
        }
        if case .success = result, log.events.count > before.events.count {
            checkOrder(from: before.events.count)
        }
        return result
    }

    private func checkOrder(from count: Int) {
        for (index, event) in log.events.enumerated().dropFirst(count) where event.position != Int64(index) + 1 {
            world.violated(.position, "\(event.position) where \(index + 1) was due")
        }
    }

    /// What a reader sees after a position.
    func read(after position: Int64, _ limit: Int) -> [LogEvent] {
        log.events.enumerated().dropFirst(Int(position)).filter { hidden?.contains($0.offset) != true }
            .prefix(limit).map { Self.event($0.element) }
    }

    func history(of streams: [(tenant: TenantID, stream: StreamID)], through position: Int64) -> [LogEvent] {
        log.events.prefix(Int(position)).filter { event in
            streams.contains { $0.tenant == event.tenant && $0.stream == event.stream }
        }.map(Self.event)
    }

    static func event(_ event: LogModel.Event) -> LogEvent {
        LogEvent(
            tenant: event.tenant, stream: event.stream, version: event.version, position: event.position,
            type: event.type, correlationID: event.commandID, requestedAt: event.recordedAt,
            recordedAt: event.recordedAt, payload: .unread, size: event.data.count)
    }

    /// Rings everybody who listens, as far as the weather lets it.
    func notify() {
        guard isUp else { return }
        for listener in listeners {
            guard !world.chance.happens(weather.bellLost) else { continue }
            let times = world.chance.happens(weather.bellDoubled) ? 2 : 1
            for _ in 0..<times {
                let isLate = world.chance.happens(weather.bellLate)
                listener.later(world.chance.time(isLate ? 0...2_000_000 : 50...1_000)) { listener.rung() }
            }
        }
    }

    // MARK: The projection

    /// Whether the session leads now.
    func takeLead(_ session: Session) -> Bool {
        if leader == nil { leader = session }
        return leader === session
    }

    func loseLock() {
        world.note("the leader's lock is lost")
        leader = nil
    }

    func endFrozen(patience: Int64) -> Bool {
        guard let frozen = leader, frozen.silentSince < world.now - patience else { return false }
        world.note("\(frozen.owner.name)'s session is ended: it was silent")
        world.meet(.frozenLeaderEnded)
        end(frozen)
        return true
    }

    func write(_ batch: PreparedBatch<Pieces>) -> Bool {
        let before = table.checkpoint
        if !batch.parked.isEmpty { world.meet(.parked) }
        guard table.write(batch.rows, parked: batch.parked, batch: batch.batch) else { return false }
        if table.checkpoint <= before || batch.batch.previous != before {
            world.violated(
                .checkpoint, "from \(before) to \(table.checkpoint) by a batch after \(batch.batch.previous)")
        }
        return true
    }
}
