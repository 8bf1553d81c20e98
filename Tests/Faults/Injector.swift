import Foundation
import Glibc
import Postgres
import TestSupport

/// Does a fault to a world, again and again, at moments of the chance's choosing.
struct Injector {
    let world: World
    var chance: Chance
    let isLong: Bool
    /// Of the full disk, where there is one.
    var disk: SmallDisk?
    /// Who is taken in turn.
    private var turns: [Instance.Service] = []

    init(_ world: World, _ chance: Chance, isLong: Bool, disk: SmallDisk? = nil) {
        self.world = world
        self.chance = chance
        self.isLong = isLong
        self.disk = disk
    }

    /// Does it up to `most` times in a row, and returns when the fault is over: what remains is to recover.
    mutating func inject(_ fault: Fault, most: Int) async throws -> Int {
        try await pause(50...400)
        switch fault {
        case .kill:
            world.signal(next(), SIGKILL)
            return 1
        case .backends: return try await terminate(min(most, 10))
        case .restart:
            let cluster = world.cluster
            try await offThread { try cluster.restart("immediate") }
            return 1
        case .freeze: return try await freeze(next())
        case .stall: return try await weather(.stalled, 200...1500)
        case .delay: return try await weather(.delayed(chance.milliseconds(5...100)), 300...1000)
        case .cut: return try await cut()
        case .silence: return try await swallow()
        case .listener: return try await listen()
        case .snapshot: return try await holdSnapshot()
        case .lock: return try await holdRows()
        case .disk: return try await fill()
        case .failover: return try await failOver()
        }
    }

    /// The moments of a schedule are chance's; nothing is waited for.
    private mutating func pause(_ range: ClosedRange<Int>) async throws {
        try await Task.sleep(for: chance.milliseconds(range))
    }

    /// Each service once, in an order of chance's, before one comes again.
    private mutating func next() -> Instance.Service {
        if turns.isEmpty { turns = world.services.shuffled(using: &chance) }
        return turns.removeLast()
    }

    // MARK: Processes

    private mutating func freeze(_ service: Instance.Service) async throws -> Int {
        world.signal(service, SIGSTOP)
        try await pause(200...1500)
        // One that is frozen may be succeeded meanwhile; it must notice when it thaws.
        if chance.happens(0.5) {
            let role = service == .standby ? Instance.Service.projector : service
            let connection = try await world.administrator()
            _ = try await connection.query(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND usename = \("closter_\(role.rawValue)")
                """)
            await connection.close()
            try await pause(200...700)
        }
        world.signal(service, SIGCONT)
        return 1
    }

    // MARK: Sessions

    private mutating func terminate(_ count: Int) async throws -> Int {
        let connection = try await world.administrator()
        var terminated = 0
        for _ in 0..<count {
            let sessions = try await connection.query(
                """
                SELECT pid FROM pg_stat_activity
                WHERE datname = current_database() AND usename LIKE 'closter%' ORDER BY backend_start, pid
                """
            ).map { try $0.decode(0, as: Int32.self) }
            if let session = chance.pick(sessions) {
                _ = try await connection.query("SELECT pg_terminate_backend(\(session)::int)")
                terminated += 1
            }
            // Ten a second.
            try await pause(20...180)
        }
        await connection.close()
        return terminated
    }

    private mutating func listen() async throws -> Int {
        let channels = ["closter_main", "closter_main_read"]
        let listeners = try (0..<3).map { _ in
            try SilentListener(port: world.cluster.port, database: world.direct.name, channels: channels)
        }
        let connection = try await world.administrator()
        for round in 0..<chance.number(10...20) {
            for channel in channels {
                _ = try await connection.query(
                    """
                    SELECT pg_notify(\(channel), \(round)::text || n || repeat('x', 7000))
                    FROM generate_series(1, 100) n
                    """)
            }
            try await pause(50...100)
        }
        await connection.close()
        listeners.forEach { $0.close() }
        return listeners.count
    }

    private mutating func holdSnapshot() async throws -> Int {
        let connection = try await world.administrator()
        try await connection.simple("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM main.events")
        try await pause(isLong ? 10_000...30_000 : 1000...2000)
        await connection.close()
        return 1
    }

    /// Rows of projections that are being changed; longer than the projector's `lock_timeout` in the long form, and the
    /// first time in the short one.
    private mutating func holdRows() async throws -> Int {
        let connection = try await world.administrator()
        try await connection.simple("BEGIN")
        for projection in ["items", "listings"] {
            let live = try await connection.query(
                "SELECT table_name FROM main.generations WHERE projection = \(projection) AND status = 'live'")
            let table = try live[0].decode(0, as: String.self)
            _ = try await connection.query(
                "SELECT id FROM main.\(identifier: table) ORDER BY position DESC LIMIT 100 FOR UPDATE")
        }
        try await pause(isLong || turns.isEmpty ? 5500...6500 : 300...800)
        turns = [.projector]
        await connection.close()
        return 1
    }

    // MARK: Network

    private mutating func weather(_ weather: TCPProxy.Weather, _ range: ClosedRange<Int>) async throws -> Int {
        world.proxy.set(weather)
        try await pause(range)
        world.proxy.set(.clear)
        return 1
    }

    private mutating func cut() async throws -> Int {
        var count = 0
        for _ in 0..<chance.number(1...4) {
            count += world.proxy.count
            world.proxy.cut(after: chance.happens(0.3) ? 0 : chance.number(1...3000))
            try await pause(50...300)
        }
        return count
    }

    /// The kernels give up on a peer that is silent after about as long as the services' keepalive settings say. In the
    /// short form they are impatient; in the long form the services' own kernels never notice, as behind a middlebox.
    private mutating func swallow() async throws -> Int {
        let count = world.proxy.count
        world.proxy.set(.swallowing)
        try await pause(300...1500)
        world.proxy.set(.clear)
        try await Task.sleep(for: isLong ? .seconds(19) : .seconds(2))
        world.proxy.resetSwallowed(isLong ? .server : .both)
        return count
    }

    // MARK: Machines

    private mutating func fill() async throws -> Int {
        guard let disk else { return 0 }
        try await offThread { try disk.fill() }
        try await pause(1000...2500)
        try await offThread { try disk.empty() }
        let cluster = world.cluster
        // A server that found no room for its log ends, and is started by whoever looks after it.
        try await offThread { try cluster.startIfDown() }
        try await eventually("Postgres accepts connections") {
            await (try world.administrator()).close()
            return true
        }
        return 1
    }

    private mutating func failOver() async throws -> Int {
        let primary = world.cluster
        let standby = try await offThread { try PrivateCluster(standbyOf: primary) }
        let connection = try await world.administrator()
        try await connection.simple("ALTER SYSTEM SET synchronous_standby_names = '*'")
        _ = try await connection.query("SELECT pg_reload_conf()")
        try await eventually("the standby is synchronous") {
            let rows = try await connection.query("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")
            return try rows[0].decode(0, as: Int.self) == 1
        }
        await connection.close()
        try await pause(500...1500)
        try await offThread {
            try primary.kill()
            try standby.promote()
        }
        world.move(to: standby)
        try await offThread { primary.destroy() }
        return 1
    }
}
