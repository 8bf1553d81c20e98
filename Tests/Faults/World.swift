import Foundation
import Glibc
import Postgres
import Synchronization
import TestSupport

/// A running installation whose every part can be hurt: a server of its own, a proxy before it, the services, whatever
/// starts them again, clients, and a reader that tails the log.
final class World: Sendable {
    let proxy: TCPProxy
    let instance: Instance
    let history = History()
    let tailer = Tailer()
    let tenants = ["north", "south", "west"]
    let services: [Instance.Service] = [.command, .query, .projector, .standby]
    private let server: Mutex<PrivateCluster>
    private let database: TestDatabase
    private let stocks: [String: Stock]

    /// Deploy/run's supervisor waits as long before it starts a service again that had been well.
    private static let restartDelay = Duration.milliseconds(200)

    private init(_ server: PrivateCluster) async throws {
        self.server = Mutex(server)
        database = try await TestDatabase.make(on: server.url())
        proxy = try TCPProxy(target: server.port)
        instance = try await Instance(database: database.through(port: proxy.port))
        stocks = Dictionary(uniqueKeysWithValues: tenants.map { ($0, Stock()) })
    }

    /// Starts everything on a server, lends it and takes it down; the server is the caller's.
    static func with(_ server: PrivateCluster, _ body: (World) async throws -> Void) async throws {
        let world = try await World(server)
        let supervisors = world.services.map { service in Task { await world.supervise(service) } }
        let tailing = Task { await world.tailer.run { world.direct } }
        var failure: (any Error)?
        do {
            try await world.ready()
            for tenant in world.tenants { try await world.instance.createTenant(tenant) }
            try await world.settled()
            try await body(world)
        } catch {
            failure = Instance.Failure("\(error)\n\(world.instance.logs())")
        }
        (supervisors + [tailing]).forEach { $0.cancel() }
        await world.instance.stop()
        for task in supervisors + [tailing] { await task.value }
        world.proxy.close()
        if let failure { throw failure }
    }

    // MARK: Postgres

    var cluster: PrivateCluster { server.withLock { $0 } }
    /// Past the proxy.
    var direct: TestDatabase { database.through(port: cluster.port) }

    /// Another server has taken over.
    func move(to other: PrivateCluster) {
        server.withLock { $0 = other }
        proxy.retarget(other.port)
    }

    func administrator() async throws -> PostgresConnection { try await direct.connect() }

    // MARK: Services

    private func supervise(_ service: Instance.Service) async {
        while !Task.isCancelled {
            try? instance.launch(service)
            await instance.ended(service)
            // A cancelled sleep ends the loop.
            try? await Task.sleep(for: Self.restartDelay)
        }
    }

    func signal(_ service: Instance.Service, _ signal: Int32) {
        let process = instance.identifier(service)
        if process > 0 { kill(process, signal) }
    }

    /// Returns once every service has said that it is ready.
    ///
    /// - Returns: the one that was last.
    @discardableResult
    func ready() async throws -> Instance.Service {
        try await withThrowingTaskGroup(of: Instance.Service.self) { group in
            for service in services {
                group.addTask {
                    try await eventually("\(service) is ready") {
                        try await self.instance.send("GET", service, "/readyz", timeout: .seconds(2)).status == 200
                    }
                    return service
                }
            }
            return try await group.reduce(.command) { $1 }
        }
    }

    /// Every service is ready, and every projection has come to the end of the log.
    func settled() async throws {
        try await ready()
        var connection: PostgresConnection?
        try await eventually("no projection lags") {
            if connection?.isOpen != true { connection = try await administrator() }
            return try await connection?.isProjected() == true
        }
        await connection?.close()
    }

    // MARK: Load

    /// Clients write while `body` runs, and finish what they have begun.
    func underLoad(_ chance: Chance, _ body: () async throws -> Void) async throws {
        let isWanted = Flag()
        var chance = chance
        let clients = tenants.flatMap { [$0, $0] }.compactMap { tenant in
            stocks[tenant].map {
                Client(
                    instance: instance, tenant: tenant, stock: $0, history: history,
                    chance: Chance(seed: chance.next()))
            }
        }
        let tasks = clients.map { client in
            Task {
                var client = client
                await client.run { isWanted.isUp }
            }
        }
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        isWanted.lower()
        for task in tasks { await task.value }
        try result.get()
    }

    // MARK: Proof

    /// Everything the checker finds, once all has settled.
    func violations(_ chance: Chance) async throws -> [Violation] {
        try await settled()
        let connection = try await administrator()
        let evidence = try await connection.evidence()
        await connection.close()
        let checker = Checker(evidence, history.intents, seen: tailer.seen)
        return checker.violations() + history.violations + tailer.violations + (await answersHold(chance))
    }

    /// The same request with the same key is answered the same again.
    private func answersHold(_ chance: Chance) async -> [Violation] {
        var chance = chance
        let acknowledged = history.intents.filter { $0.answer != nil }.shuffled(using: &chance).prefix(200)
        var violations: [Violation] = []
        for intent in acknowledged {
            let client = Client(
                instance: instance, tenant: intent.request.tenant, stock: Stock(), history: history, chance: chance)
            let again = await client.send(intent.request)
            if case .ok(let answer) = again, answer.body == intent.answer?.body,
                answer.headers["idempotency-replayed"] == "true"
            {
                continue
            }
            violations.append(
                Violation(
                    .answer, "\(intent.request.key): \(intent.answer?.text ?? "") and then \(again)",
                    phase: intent.phase))
        }
        return violations
    }
}

/// Up until it is lowered.
private final class Flag: Sendable {
    private let state = Mutex(true)
    var isUp: Bool { state.withLock { $0 } }
    func lower() { state.withLock { $0 = false } }
}

/// Runs what blocks on a thread of its own.
func offThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
    }
}

extension PostgresConnection {
    /// Whether every live generation has come to the end of the log.
    func isProjected() async throws -> Bool {
        let rows = try await query(
            """
            SELECT count(*) FROM main.generations g WHERE g.status = 'live' AND main.head() <> coalesce(
                (SELECT max(c.position) FROM main.checkpoints c
                 WHERE c.projection = g.projection AND c.generation = g.generation), 0)
            """)
        return try rows[0].decode(0, as: Int.self) == 0
    }

    /// All there is, at one moment.
    func evidence() async throws -> Evidence {
        try await transaction(isolation: .repeatableRead, readOnly: true) { try await Evidence($0) }
    }
}
