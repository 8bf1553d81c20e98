public import Hummingbird
import Logging
import NIOCore
public import Runtime

/// The router of a service: Hummingbird's, with this product's context.
public typealias EdgeRouter = Router<EdgeContext>

/// The application of a service.
public typealias EdgeApplication = Application<EdgeResponder>

/// The HTTP side of a service.
public enum Edge {
    /// A router that answers HEAD wherever it answers GET.
    public static func makeRouter() -> EdgeRouter {
        Router(context: EdgeContext.self, options: [.autoGenerateHeadEndpoints])
    }

    /// The service's HTTP server, a part for `ServiceRunner`: it stops accepting when it is told to finish and ends
    /// when the requests in flight have been answered.
    ///
    /// It adds `/livez`, `/readyz` and `/metrics`. Everything under `/v1` is authenticated before its handler runs;
    /// every other path is open to anybody.
    /// - Parameters:
    ///   - authenticator: nil refuses everything under `/v1`.
    ///   - onRunning: gets the port the server listens on, which is news where the configuration says 0.
    public static func application(
        _ router: EdgeRouter, environment: ServiceProcess.Environment, authenticator: Authenticator?,
        onRunning: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) -> EdgeApplication {
        OpsRoutes.add(to: router, health: environment.health, metrics: environment.metrics)
        let responder = EdgeResponder(
            inner: router.buildResponder(), routes: RouteTable(router.routes.map { ($0.path, $0.method) }),
            authenticator: authenticator, metrics: RequestMetrics(factory: environment.metrics),
            logger: environment.logger)
        let configuration = environment.configuration
        let logger = environment.logger
        return Application(
            responder: responder,
            // Closes connections that are idle between requests; a request in flight may take longer.
            server: .http1(configuration: .init(idleTimeout: .seconds(75))),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.httpHost, port: configuration.httpPort)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? configuration.httpPort
                logger.info("listening", metadata: ["host": "\(configuration.httpHost)", "port": "\(port)"])
                await onRunning(port)
            },
            logger: Self.quiet(logger))
    }

    /// A server of `/livez`, `/readyz` and `/metrics` alone, for a service that answers no requests.
    public static func opsApplication(
        _ environment: ServiceProcess.Environment,
        onRunning: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) -> EdgeApplication {
        application(makeRouter(), environment: environment, authenticator: nil, onRunning: onRunning)
    }

    /// The framework's own lines speak of its inside; what it has to say as a warning is kept.
    private static func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        if logger.logLevel < .notice, logger.logLevel > .debug { logger.logLevel = .notice }
        return logger
    }
}
