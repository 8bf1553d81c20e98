import Logging
import NIOCore
import NIOPosix
import Runtime
import ServiceLifecycle

/// Accepts connections and hands their requests to a dispatcher, until the service is told to finish: then nothing more
/// is accepted, what is in flight is answered, and it ends with the last connection.
struct HTTPServer: Sendable {
    var listeners: [ServiceConfiguration.Listener]
    /// Given where a listener is one of https.
    var certificate: TLSCertificate?
    var connections: Connections
    var limits: TransportLimits
    var dispatcher: RequestDispatcher
    var logger: Logger

    /// - Parameter onRunning: told the port of the first listener that has one, once connections are accepted.
    func run(onRunning: @escaping @Sendable (Int) async -> Void) async throws {
        try certificate?.load()
        var open: [Open] = []
        do {
            for number in listeners.indices { open.append(try await listen(number)) }
        } catch {
            for listener in open { await listener.close() }
            throw error
        }
        await onRunning(open.lazy.compactMap(\.port).first ?? 0)
        let watch = Task { [certificate] in await certificate?.watch() }
        try? await gracefulShutdown()
        watch.cancel()
        for listener in open { await listener.close() }
        await connections.leave()
    }

    /// A listener that accepts.
    private struct Open {
        var channel: any Channel
        /// Where it is one.
        var socket: (place: UnixSocket, inode: Int)?

        var port: Int? { channel.localAddress?.port }

        func close() async {
            if let socket { socket.place.remove(socket.inode) }
            try? await channel.close()
        }
    }

    private func listen(_ number: Int) async throws -> Open {
        let listener = listeners[number]
        let open: Open
        switch listener {
        case .http(let host, let port), .https(let host, let port):
            open = Open(channel: try await bootstrap(number).bind(host: host, port: port).get())
        case .unix(let path):
            let place = UnixSocket(path: path)
            try place.prepare()
            let channel = try await bootstrap(number).bind(unixDomainSocketPath: place.draft).get()
            do {
                open = Open(channel: channel, socket: (place, try place.publish()))
            } catch {
                try? await channel.close()
                throw error
            }
        }
        logger.info(
            "listening",
            metadata: ["listener": "\(listener)", "port": "\(open.port.map(String.init) ?? "none")"])
        return open
    }

    private func bootstrap(_ number: Int) -> ServerBootstrap {
        let (connections, listener) = (connections, listeners[number])
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptPause())
                }
            }
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard connections.add(channel, listener: number) else { throw ChannelError.alreadyClosed }
                    try begin(channel, listener)
                }
            }
        if case .unix = listener { return bootstrap }
        return bootstrap.serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
    }

    /// Adds the handlers of a new connection.
    func begin(_ channel: any Channel, _ listener: ServiceConfiguration.Listener) throws {
        let pipeline = channel.pipeline.syncOperations
        guard case .https = listener else {
            return try PriorKnowledgeHandler.add(to: pipeline, dispatcher, limits: limits, isSecure: false)
        }
        guard let context = certificate?.context else { throw ChannelError.inappropriateOperationForState }
        try pipeline.addHandler(
            TLSHandler(context, limits: limits, logger: logger) { session, pipeline in
                var dispatcher = dispatcher
                dispatcher.clientSubject = session.clientSubject
                let version = session.applicationProtocol.flatMap(HTTPVersion.init) ?? .http1
                try converse(in: version, pipeline, dispatcher, isSecure: true)
            })
    }

    /// Adds those that read requests and write responses, on a connection that is open.
    func converse(
        in version: HTTPVersion, _ pipeline: ChannelPipeline.SynchronousOperations, _ dispatcher: RequestDispatcher,
        isSecure: Bool
    ) throws {
        switch version {
        case .http2: try HTTP2Handler.add(to: pipeline, dispatcher, limits: limits, isSecure: isSecure)
        case .http1, .http10: try HTTP1Handler.add(to: pipeline, dispatcher, limits: limits, isSecure: isSecure)
        }
    }
}
