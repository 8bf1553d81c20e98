import EventSourcing
import Foundation

/// One run: six clients, two command processes, a leading and a standby projector, two readers, on one server. Faults for
/// a while, then none, until all is quiet; then everything is checked.
struct Simulation {
    /// What a seed gave.
    struct Outcome: Sendable {
        var seed: UInt64
        var violation: Violation?
        /// Equal for equal runs.
        var digest: UInt64
        var events: Int
        var met: Set<Encounter>
        var trace: [String]
    }

    private let storm: Int64
    /// How long after the faults everything must have come to rest. Back-offs of 5 s are among what is waited for.
    private static let patience: Int64 = 60_000_000

    let world: World
    let server: Server
    private let commands: [CommandProcess]
    private let projectors: [ProjectorProcess]
    private let readers: [ReaderProcess]
    private let clients: [Client]
    private let seed: UInt64

    static func run(seed: UInt64, sabotage: Sabotage? = nil, isTraced: Bool = false) -> Outcome {
        let simulation = Simulation(seed: seed, sabotage, isTraced)
        return simulation.run()
    }

    private init(seed: UInt64, _ sabotage: Sabotage?, _ isTraced: Bool) {
        self.seed = seed
        let world = World(seed: seed, isTraced: isTraced)
        let weather = Weather(&world.chance)
        world.note("\(weather)")
        let server = Server(world, weather, sabotage)
        let commands = (1...2).map { CommandProcess("command \($0)", world, server) }
        let projectors = (1...2).map { ProjectorProcess("projector \($0)", world, server) }
        let readers = (1...2).map { ReaderProcess("reader \($0)", world, server) }
        server.listeners = projectors + readers
        let pieces = (0..<10).map { UUID(bits: UInt128(100 + $0)) }
        clients = (0..<6).map { number in
            Client("client \(number)", Client.tenants[number / 5], server, commands, pieces, 10)
        }
        storm = world.chance.time(800_000...3_000_000)
        self.world = world
        self.server = server
        self.commands = commands
        self.projectors = projectors
        self.readers = readers
    }

    private var processes: [SimulatedProcess] { commands + projectors + readers }

    private func run() -> Outcome {
        for process in processes { world.later(world.chance.time(0...50_000), process.start) }
        for client in clients { client.begin() }
        tick()
        world.run(until: storm)
        heal()
        world.run(until: storm + Self.patience) { isQuiet }
        if world.violation == nil, !isQuiet { world.violated(.stuck, standstill) }
        if world.violation == nil { check() }
        let events = server.log.events
        var digest: UInt64 = UInt64(world.now) &* 31 &+ UInt64(world.steps)
        for event in events { digest = digest &* 1_099_511_628_211 ^ UInt64(truncatingIfNeeded: event.commandID.bits) }
        return Outcome(
            seed: seed, violation: world.violation, digest: digest, events: events.count, met: world.met,
            trace: world.lastSteps)
    }

    // MARK: Faults

    private func tick() {
        world.later(50_000) { [self] in
            guard world.now < storm else { return }
            fault()
            tick()
        }
    }

    private func fault() {
        let weather = server.weather
        if world.chance.happens(weather.crash) {
            let process = world.chance.pick(processes)
            process.crash(silently: world.chance.index(5) == 0)
            world.later(world.chance.time(1_000...600_000), process.start)
        }
        if world.chance.happens(weather.stop) {
            let process = world.chance.pick(commands)
            process.later(0, process.stop)
            world.later(world.chance.time(100_000...600_000), process.start)
        }
        if world.chance.happens(weather.freeze) {
            world.chance.pick(processes).freeze(for: world.chance.time(1_000...1_500_000))
        }
        if world.chance.happens(weather.lockLost) { server.loseLock() }
        if world.chance.happens(weather.restart) { server.restart(for: world.chance.time(10_000...400_000)) }
        if world.chance.happens(weather.clockJump) {
            if world.chance.index(2) == 0 {
                server.jumpClock(to: world.chance.time(-40_000_000_000...40_000_000_000))
            } else {
                world.chance.pick(processes).jumpClock(by: world.chance.time(0...5_000_000))
            }
        }
    }

    private func heal() {
        world.note("the weather is calm")
        server.weather = .calm
        for process in processes {
            process.thaw()
            world.later(0, process.start)
        }
    }

    // MARK: Rest

    private var isQuiet: Bool {
        clients.allSatisfy { $0.isDone } && server.table.checkpoint == server.log.head
            && readers.allSatisfy { $0.position == server.log.head }
    }

    private var standstill: String {
        let waiting = clients.filter { !$0.isDone }.count
        let positions = readers.map { "\($0.position)" }.joined(separator: ", ")
        return "\(waiting) clients wait, checkpoint \(server.table.checkpoint), readers at \(positions), "
            + "of \(server.log.head)"
    }

    private func check() {
        let checks = Checks(
            log: server.log, table: server.table, wishes: clients.map { ($0.owner, $0.wishes) },
            seen: readers.map(\.seen))
        if let violation = checks.run() { world.violated(violation.kind, violation.what) }
    }
}
