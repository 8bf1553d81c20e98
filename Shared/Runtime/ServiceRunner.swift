public import Logging
public import ServiceLifecycle
import Synchronization
import UnixSignals

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Runs the parts of a service until SIGTERM or SIGINT.
///
/// Parts are stopped one after the other in the reverse of the order they were given in, so a part is listed after
/// what it needs: pool, appender, HTTP server. On a signal readiness turns false first, `drain` later the parts are
/// told to finish, and those that have not finished after `limit` are cancelled.
public struct ServiceRunner: Sendable {
    /// How long readiness is already false while the listener still answers, so that a balancer can look away.
    public var drain: Duration
    /// The longest a shutdown may take from the signal on, `drain` included.
    public var limit: Duration
    public var health: HealthRegistry
    public var logger: Logger

    public init(
        health: HealthRegistry, logger: Logger, drain: Duration = .milliseconds(250), limit: Duration = .seconds(10)
    ) {
        self.health = health
        self.logger = logger
        self.drain = drain
        self.limit = limit
    }

    /// Returns after a shutdown that was asked for, even where it had to be forced; throws the error of a part that
    /// ended on its own.
    public func run(_ parts: [any Service]) async throws {
        let shutdown = Shutdown()
        let gate = ReadinessGate(shutdown: shutdown, health: health, drain: drain) { [logger, limit] in
            try? await Task.sleep(for: limit - .milliseconds(200))
            guard !Task.isCancelled else { return }
            logger.error("shutdown took too long, leaving what is left")
            exit(0)
        }
        var configuration = ServiceGroupConfiguration(
            services: parts + [gate], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        // Parts that do not finish are cancelled a second before the watchdog ends the process.
        configuration.maximumGracefulShutdownDuration = limit - .seconds(1)
        defer { shutdown.finish() }
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch {
            guard shutdown.wasAskedFor else { throw error }
            logger.warning("shutdown was not clean", metadata: ["error": "\(error)"])
        }
    }
}

/// Whether a shutdown was asked for, and who sees to it that it ends.
private final class Shutdown: Sendable {
    private let watchdog = Mutex<Task<Void, Never>?>(nil)

    var wasAskedFor: Bool { watchdog.withLock { $0 != nil } }

    func begin(_ enforce: @escaping @Sendable () async -> Void) {
        watchdog.withLock { $0 = $0 ?? Task.detached { await enforce() } }
    }

    func finish() {
        watchdog.withLock { $0?.cancel() }
    }
}

/// Turns readiness off; listed last, it is stopped first.
private struct ReadinessGate: Service {
    let shutdown: Shutdown
    let health: HealthRegistry
    let drain: Duration
    let enforce: @Sendable () async -> Void

    func run() async throws {
        defer { health.beginShutdown() }
        try await gracefulShutdown()
        shutdown.begin(enforce)
        health.beginShutdown()
        // Ends early when the group is cancelled, which is what is wanted then.
        try? await Task.sleep(for: drain)
    }
}
