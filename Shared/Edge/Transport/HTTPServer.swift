import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// Accepts connections and hands their requests to a dispatcher, until the service is told to finish: then nothing more
/// is accepted, what is in flight is answered, and it ends with the last connection.
struct HTTPServer: Sendable {
    var host: String
    var port: Int
    var limits: TransportLimits
    var dispatcher: RequestDispatcher
    var logger: Logger

    /// - Parameter onRunning: told the port once connections are accepted.
    func run(onRunning: @escaping @Sendable (Int) async -> Void) async throws {
        let connections = Connections()
        let (dispatcher, limits) = (dispatcher, limits)
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard connections.add(channel) else { throw ChannelError.alreadyClosed }
                    try PriorKnowledgeHandler.add(
                        to: channel.pipeline.syncOperations, dispatcher, limits: limits, isSecure: false)
                }
            }
            .bind(host: host, port: port).get()
        let port = listener.localAddress?.port ?? port
        logger.info("listening", metadata: ["host": "\(host)", "port": "\(port)"])
        await onRunning(port)
        try? await gracefulShutdown()
        try? await listener.close()
        await connections.leave()
    }
}

/// The open connections of a server.
private final class Connections: Sendable {
    private struct State {
        var open: [ObjectIdentifier: any Channel] = [:]
        var isLeaving = false
        var leaver: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// False where no more are taken.
    func add(_ channel: any Channel) -> Bool {
        let key = ObjectIdentifier(channel)
        let isAdded = state.withLock { state in
            if !state.isLeaving { state.open[key] = channel }
            return !state.isLeaving
        }
        if isAdded { channel.closeFuture.whenComplete { _ in self.remove(key) } }
        return isAdded
    }

    private func remove(_ key: ObjectIdentifier) {
        let leaver = state.withLock { state in
            state.open[key] = nil
            guard state.open.isEmpty else { return nil as CheckedContinuation<Void, Never>? }
            defer { state.leaver = nil }
            return state.leaver
        }
        leaver?.resume()
    }

    /// Asks every connection to end after what it has in flight, and returns when all have; a cancelled task closes them.
    func leave() async {
        let open = state.withLock { state in
            state.isLeaving = true
            return Array(state.open.values)
        }
        for channel in open { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isEmpty = state.withLock { state in
                    if !state.open.isEmpty { state.leaver = continuation }
                    return state.open.isEmpty
                }
                if isEmpty { continuation.resume() }
            }
        } onCancel: {
            for channel in state.withLock({ Array($0.open.values) }) { channel.close(promise: nil) }
        }
    }
}
