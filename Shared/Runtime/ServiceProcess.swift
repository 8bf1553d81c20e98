public import Logging
public import ServiceLifecycle

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The life of a service's process, so that every `Main` is a few lines.
public enum ServiceProcess {
    /// What the parts of a service are built from.
    public struct Environment: Sendable {
        public var configuration: ServiceConfiguration
        public var health: HealthRegistry
        public var logger: Logger
        public var metrics: PrometheusMetrics

        public init(
            configuration: ServiceConfiguration, health: HealthRegistry = HealthRegistry(), logger: Logger,
            metrics: PrometheusMetrics = .process
        ) {
            self.configuration = configuration
            self.health = health
            self.logger = logger
            self.metrics = metrics
        }
    }

    /// Reads the environment, sets up logs and metrics, builds the parts (listed after what they need) and runs them
    /// until SIGTERM or SIGINT. Ends the process: 0 after a shutdown that was asked for, 64 where the environment is
    /// not usable (the reasons in one text on standard error), 1 where a part could not start or failed.
    public static func run(
        _ service: String, requires: ServiceConfiguration.Requirements, defaultPort: Int,
        parts: @Sendable (Environment) async throws -> [any Service]
    ) async -> Never {
        // A reader that goes away is an error of that write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        let configuration: ServiceConfiguration
        do {
            configuration = try ServiceConfiguration(service: service, requires: requires, defaultPort: defaultPort)
        } catch {
            LogSink.standardError.emit(Array("\(error)\n".utf8))
            exit(64)
        }
        let logger = Logs.bootstrap(service: service, level: configuration.logLevel)
        PrometheusMetrics.bootstrap()
        let environment = Environment(
            configuration: configuration, health: HealthRegistry(), logger: logger, metrics: .process)
        do {
            logger.info("starting", metadata: ["configuration": "\(configuration)"])
            let parts = try await parts(environment)
            try await ServiceRunner(health: environment.health, logger: logger).run(parts)
            logger.info("stopped")
            exit(0)
        } catch let error as ConfigurationError {
            // What a part found in the files that the environment names.
            LogSink.standardError.emit(Array("\(error)\n".utf8))
            exit(64)
        } catch {
            logger.critical("stopping after a failure", metadata: ["error": "\(error)"])
            exit(1)
        }
    }
}
