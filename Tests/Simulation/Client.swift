import EventSourcing
import Foundation
import Postgres

@testable import EventStore

/// What a client wants, under one idempotency key, and what it has been told.
final class Wish {
    enum Want {
        case receive(UUID, name: String)
        case price(UUID, Int64)
        case sell(UUID)
        /// Both or none: two streams in one intent.
        case pair(UUID, UUID, Int64)
        /// Comes in only while no name begins so.
        case receiveAlone(UUID, name: String, unless: String)
        case spoil(UUID)
    }

    enum Answer {
        case appended(Receipt)
        case replayed(Receipt)
        /// It has not happened and will not.
        case refused(String)
        /// The client has given up asking.
        case unknown(String)
    }

    let key: String
    let want: Want
    /// Postgres will refuse it.
    let isMalformed: Bool
    var answers: [Answer] = []
    /// Of every attempt.
    var commandIDs: Set<UUID> = []
    /// An answer was lost, or it was asked twice at once: a refusal then speaks of one attempt only.
    var isInDoubt = false

    init(key: String, want: Want, isMalformed: Bool) {
        self.key = key
        self.want = want
        self.isMalformed = isMalformed
    }
}

/// A client of the command service: asks, waits, and asks again under the same key where it was not told.
///
/// It stands for the request's way through the command service too: outcome looked up, state read, decided, appended, and
/// decided again on a conflict, as `Executor` does it.
final class Client {
    static let tenants = [TenantID(UUID(bits: 1)), TenantID(UUID(bits: 2))]

    private let name: String
    private let tenant: TenantID
    private let world: World
    private let server: Server
    private let processes: [CommandProcess]
    private let pieces: [UUID]
    private(set) var wishes: [Wish] = []
    private var remaining: Int
    private(set) var isDone = false

    init(
        _ name: String, _ tenant: TenantID, _ server: Server, _ processes: [CommandProcess], _ pieces: [UUID],
        _ wishes: Int
    ) {
        self.name = name
        self.tenant = tenant
        self.server = server
        self.processes = processes
        self.pieces = pieces
        world = server.world
        remaining = wishes
    }

    /// So that checks find what belongs to whom.
    var owner: TenantID { tenant }

    func begin() { world.later(world.chance.time(0...100_000)) { [self] in wish() } }

    private func wish() {
        guard remaining > 0 else {
            isDone = true
            return
        }
        remaining -= 1
        let wish = Wish(
            key: "\(name)-\(remaining)", want: draw(), isMalformed: world.chance.happens(server.weather.refused))
        wishes.append(wish)
        var open = 1
        let done = { [self] in
            open -= 1
            guard open == 0 else { return }
            // In bursts, so that intents meet.
            world.later(world.chance.index(2) == 0 ? 0 : world.chance.time(0...400_000)) { self.wish() }
        }
        if world.chance.happens(server.weather.doubled) {
            open = 2
            wish.isInDoubt = true
            ask(wish, of: processes[1], attempt: 1, done)
            ask(wish, of: processes[0], attempt: 1, done)
        } else {
            ask(wish, of: world.chance.pick(processes), attempt: 1, done)
        }
    }

    private func draw() -> Wish.Want {
        let piece = world.chance.pick(pieces)
        let name = "n\(world.chance.index(3))-\(world.chance.index(3))"
        let isThere = server.log.state(tenant, StreamID(Piece.self, piece)) != nil
        // Mostly what has a chance.
        if isThere == (world.chance.index(8) == 0) {
            return world.chance.index(4) == 0
                ? .receiveAlone(piece, name: name, unless: "n\(world.chance.index(3))")
                : .receive(piece, name: name)
        }
        if world.chance.happens(server.weather.spoiled) { return .spoil(piece) }
        switch world.chance.index(10) {
        case 0...5: return .price(piece, Int64(world.chance.index(1000)))
        case 6: return .sell(piece)
        default: return .pair(piece, world.chance.pick(pieces), Int64(world.chance.index(1000)))
        }
    }

    /// One request. Once the answer is known, or the client has given up, `done`.
    private func ask(_ wish: Wish, of process: CommandProcess, attempt: Int, _ done: @escaping () -> Void) {
        var isOver = false
        var release: () -> Void = {}
        let answer = { [self] (answer: Wish.Answer) in
            guard !isOver else { return }
            isOver = true
            release()
            world.note("\(name): \(wish.key) \(answer)")
            if case .unknown = answer, attempt < 5 {
                wish.isInDoubt = true
                let next = world.chance.pick(processes)
                return world.later(world.chance.time(1_000...300_000)) {
                    self.ask(wish, of: next, attempt: attempt + 1, done)
                }
            }
            wish.answers.append(answer)
            done()
        }
        guard process.isRunning else { return answer(.unknown("nobody listens")) }
        release = process.hold { answer(.unknown("the process is gone")) }
        let commandID = world.chance.uuid()
        wish.commandIDs.insert(commandID)
        world.note("\(name): \(wish.key) \(wish.want) asked of \(process.name)")
        process.later(world.chance.time(100...2_000)) { [self] in
            if let known = server.log.outcome(tenant, wish.key) { return answer(.replayed(known.receipt)) }
            decide(wish, commandID, on: process, attempt: 1, answer)
        }
    }

    private func decide(
        _ wish: Wish, _ commandID: UUID, on process: CommandProcess, attempt: Int,
        _ answer: @escaping (Wish.Answer) -> Void
    ) {
        var decision = Decision(tenant: tenant, log: server.log)
        do {
            try decision.decide(wish)
        } catch {
            return answer(.refused("\(error)"))
        }
        guard let intent = decision.intent(wish, commandID, at: server.time) else { return answer(.refused("nothing")) }
        process.later(world.chance.time(0...3_000)) { [self] in
            process.append(intent) { result in
                switch result {
                case .success(.appended(let receipt)): answer(.appended(receipt))
                case .success(.replayed(let receipt, _)): answer(.replayed(receipt))
                case .success(.claimed(let kind, let value, _)): answer(.refused("\(kind) \(value) is taken"))
                case .success(.conflict) where attempt < 6:
                    self.decide(wish, commandID, on: process, attempt: attempt + 1, answer)
                case .success(.conflict): answer(.refused("conflict"))
                case .failure(.outcomeUnknown): answer(.unknown("lost"))
                case .failure(let failure): answer(.refused("\(failure)"))
                }
            }
        }
    }
}

/// One attempt at deciding, on what the log holds at a moment.
private struct Decision {
    let tenant: TenantID
    let log: LogModel
    private(set) var expectations: [Expectation] = []
    private(set) var changes: [StreamChange] = []
    private(set) var claims: [ClaimChange] = []
    private var primary: (stream: StreamID, version: Int64, position: Int64)?

    init(tenant: TenantID, log: LogModel) {
        self.tenant = tenant
        self.log = log
    }

    mutating func decide(_ wish: Wish) throws {
        switch wish.want {
        case .receive(let id, let name):
            try change(id) { state throws(Piece.Refusal) in try Piece.receive(name, state) }
        case .price(let id, let price): try change(id) { state throws(Piece.Refusal) in try Piece.price(price, state) }
        case .sell(let id):
            try change(id) { state throws(Piece.Refusal) in try Piece.sell(to: wish.key, state) }
        case .pair(let one, let other, let price):
            try change(one) { state throws(Piece.Refusal) in try Piece.price(price, state) }
            if one != other {
                try change(other) { state throws(Piece.Refusal) in try Piece.price(price + 1, state) }
            }
        case .receiveAlone(let id, let name, let other):
            try change(id) { state throws(Piece.Refusal) in try Piece.receive(name, state) }
            if !changes.isEmpty { claims.append(.absent(kind: "name", prefix: other)) }
        case .spoil(let id):
            try change(id) { state throws(Piece.Refusal) in
                guard state.name != nil else { throw .unknown }
                return [.spoiled, .priced(7)]
            }
        }
    }

    private mutating func change(
        _ id: UUID, _ decide: (Piece.State) throws(Piece.Refusal) -> [Piece.Event]
    ) throws(Piece.Refusal) {
        let stream = StreamID(Piece.self, id)
        let stored = log.state(tenant, stream)
        let before = Piece.State(stored?.json ?? [])
        let version = stored?.version ?? 0
        expectations.append(Expectation(stream, at: version))
        let events = try decide(before)
        let after = Piece.fold(events, from: before)
        if primary == nil { primary = (stream, version + Int64(events.count), stored?.position ?? 0) }
        guard !events.isEmpty else { return }
        changes.append(
            StreamChange(
                stream: stream, from: version,
                events: events.map { NewEvent(type: $0.type, schema: 1, data: $0.data) }, state: after.bytes))
        claims += Piece.claims(stream, before: before, after: after)
    }

    func intent(_ wish: Wish, _ commandID: UUID, at now: Timestamp) -> Intent? {
        guard let primary else { return nil }
        var changes = changes
        if wish.isMalformed, !changes.isEmpty { changes[0].events[0].data = Array(#"{"name":"\u0000"}"#.utf8) }
        return Intent(
            tenant: tenant,
            metadata: Metadata(actor: "client", commandID: commandID, correlationID: commandID, requestedAt: now),
            key: wish.key, fingerprint: Array(wish.key.utf8), primary: primary.stream, version: primary.version,
            position: primary.position, expectations: expectations, changes: changes, claims: claims)
    }
}

extension Piece.State {
    var bytes: [UInt8] {
        Array("\(name ?? "")|\(price.map(String.init) ?? "")|\(buyer ?? "")".utf8)
    }

    init(_ bytes: [UInt8]) {
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: "|", omittingEmptySubsequences: false)
        guard parts.count == 3 else { return }
        name = parts[0].isEmpty ? nil : String(parts[0])
        price = Int64(parts[1])
        buyer = parts[2].isEmpty ? nil : String(parts[2])
    }
}
