import Logging
import Runtime
import ServiceLifecycle
import Synchronization
import Testing

@Suite struct ServiceRunnerTests {
    private let journal = Journal()
    private let health = HealthRegistry()

    private var runner: ServiceRunner {
        ServiceRunner(health: health, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, drain: .zero)
    }

    @Test func `readiness goes first, then the parts in the reverse of their order`() async throws {
        // given two running parts
        let parts = [Part("pool", journal, health), Part("http", journal, health)]
        let outer = ServiceGroup(
            services: [Hosted(runner: runner, parts: parts)],
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let running = Task { try await outer.run() }
        await journal.wait(for: ["pool started", "http started"])
        // when a shutdown is asked for
        await outer.triggerGracefulShutdown()
        try await running.value
        // then
        #expect(journal.all.suffix(2) == ["http stopped, ready: false", "pool stopped, ready: false"])
        #expect(health.isShuttingDown)
    }

    @Test func `a part that fails ends the run with its error`() async {
        await #expect(throws: Broken.self) {
            try await runner.run([Part("pool", journal, health), Failing()])
        }
    }

    @Test func `a part that fails while stopping does not make a shutdown a failure`() async throws {
        let outer = ServiceGroup(
            services: [Hosted(runner: runner, parts: [FailingAtStop(journal: journal)])],
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let running = Task { try await outer.run() }
        await journal.wait(for: ["started"])
        await outer.triggerGracefulShutdown()

        try await running.value
    }
}

/// The runner as a part of an outer group, so that a test can ask for a shutdown without a signal.
private struct Hosted: Service {
    let runner: ServiceRunner
    let parts: [any Service]

    func run() async throws { try await runner.run(parts) }
}

private struct Broken: Error {}

private struct Failing: Service {
    func run() async throws { throw Broken() }
}

private struct FailingAtStop: Service {
    let journal: Journal

    func run() async throws {
        journal.append("started")
        try await gracefulShutdown()
        throw Broken()
    }
}

private struct Part: Service {
    let name: String
    let journal: Journal
    let health: HealthRegistry

    init(_ name: String, _ journal: Journal, _ health: HealthRegistry) {
        self.name = name
        self.journal = journal
        self.health = health
    }

    func run() async throws {
        journal.append("\(name) started")
        try await gracefulShutdown()
        journal.append("\(name) stopped, ready: \(await health.report().isReady)")
    }
}

/// What happened, in order.
private final class Journal: Sendable {
    private let entries = Mutex<[String]>([])
    private let changes = AsyncStream.makeStream(of: Void.self)

    func append(_ entry: String) {
        entries.withLock { $0.append(entry) }
        changes.continuation.yield()
    }

    var all: [String] { entries.withLock { $0 } }

    /// Returns once all of these have happened.
    func wait(for wanted: Set<String>) async {
        if wanted.isSubset(of: all) { return }
        for await _ in changes.stream where wanted.isSubset(of: all) { return }
    }
}
