public import Hummingbird
public import Logging
import NIOCore
public import Runtime

/// The router of a service: Hummingbird's, with this product's context.
public typealias EdgeRouter = Router<EdgeContext>

/// The application of a service: its responder on sockets of this product's own transport.
public struct EdgeApplication: ApplicationProtocol {
    public let responder: EdgeResponder
    public let logger: Logger
    private let server: HTTPServer
    private let onRunning: @Sendable (Int) async -> Void

    init(_ responder: EdgeResponder, _ server: HTTPServer, onRunning: @escaping @Sendable (Int) async -> Void) {
        self.responder = responder
        self.server = server
        self.onRunning = onRunning
        logger = server.logger
    }

    public func run() async throws { try await server.run(onRunning: onRunning) }
}

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
    ///   - limits: what a client may ask of a connection.
    ///   - hot: the answers that are kept ready, which are asked for before the router, by callers who are known.
    ///   - hotPath: in place of `hot`: answers whoever asks.
    ///   - onRunning: gets the port of the first listener that has one, which is news where the configuration says 0.
    ///
    /// Where the certificate that the configuration names cannot be used, running it throws a `ConfigurationError`.
    public static func application(
        _ router: EdgeRouter, environment: ServiceProcess.Environment, authenticator: Authenticator?,
        limits: TransportLimits = TransportLimits(), hot: (any HotReads)? = nil,
        hotPath: (any HotPath)? = nil,
        onRunning: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) -> EdgeApplication {
        OpsRoutes.add(to: router, health: environment.health, metrics: environment.metrics)
        let configuration = environment.configuration
        let requests = RequestMetrics(factory: environment.metrics)
        let callers = KnownCallers()
        let limiter = TenantLimiter(rate: configuration.requestsPerTenant)
        let responder = EdgeResponder(
            inner: router.buildResponder(), routes: RouteTable(router.routes.map { ($0.path, $0.method) }),
            authenticator: authenticator, metrics: requests, callers: callers, limiter: limiter,
            logger: environment.logger)
        let hot =
            hotPath
            ?? hot.map {
                HotEdge($0, callers: callers, limiter: limiter, metrics: requests, logger: environment.logger)
            }
        let certificate = configuration.tls.map {
            TLSCertificate($0, service: configuration.service, logger: environment.logger)
        }
        certificate?.register(in: environment.health, environment.metrics)
        let connections = Connections(
            listeners: configuration.listeners.count, most: configuration.connections,
            mostPerAddress: configuration.connectionsPerAddress)
        connections.register(configuration.listeners.map(\.description), in: environment.metrics)
        let server = HTTPServer(
            listeners: configuration.listeners, certificate: certificate, connections: connections, limits: limits,
            dispatcher: RequestDispatcher(responder, hot: hot, logger: environment.logger), logger: environment.logger)
        return EdgeApplication(responder, server, onRunning: onRunning)
    }

    /// A server of `/livez`, `/readyz` and `/metrics` alone, for a service that answers no requests.
    public static func opsApplication(
        _ environment: ServiceProcess.Environment,
        onRunning: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) -> EdgeApplication {
        application(makeRouter(), environment: environment, authenticator: nil, onRunning: onRunning)
    }
}
