import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A small HTTP/1.1 server on a free port that answers by a closure, so that the tool's client meets a real socket.
final class LocalServer: Sendable {
    struct Received: Sendable {
        var method: String
        var uri: String
        var headers: [String: String]
        var body: [UInt8]
    }

    struct Reply: Sendable {
        var status = 200
        var headers: [String: String] = [:]
        var body = ""
        /// Closes the connection without a word.
        var breaksOff = false
        /// Sends the body and then nothing more, not even its end.
        var staysOpen = false
    }

    private let channel: any Channel
    private let log: Log

    private final class Log: Sendable {
        let requests = Mutex<[Received]>([])
    }

    var requests: [Received] { log.requests.withLock { $0 } }
    var url: String { "http://127.0.0.1:\(channel.localAddress?.port ?? 0)" }

    /// Runs `body` with a server that answers the n-th request (from 1) by `reply`.
    static func with<Value>(
        _ reply: @escaping @Sendable (Received, Int) -> Reply, _ body: (LocalServer) async throws -> Value
    ) async throws -> Value {
        let log = Log()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(
                        Answerer { request in
                            let number = log.requests.withLock { requests in
                                requests.append(request)
                                return requests.count
                            }
                            return reply(request, number)
                        })
                }
            }.bind(host: "127.0.0.1", port: 0).get()
        let server = LocalServer(channel: channel, log: log)
        do {
            let value = try await body(server)
            try await channel.close()
            return value
        } catch {
            try? await channel.close()
            throw error
        }
    }

    private init(channel: any Channel, log: Log) {
        self.channel = channel
        self.log = log
    }

    private final class Answerer: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart
        private let reply: (Received) -> Reply
        private var received: Received?

        init(_ reply: @escaping (Received) -> Reply) { self.reply = reply }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                let headers = Dictionary(
                    head.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { $0 + ", " + $1 })
                received = Received(method: head.method.rawValue, uri: head.uri, headers: headers, body: [])
            case .body(let buffer): received?.body.append(contentsOf: buffer.readableBytesView)
            case .end:
                guard let received else { return }
                answer(reply(received), context)
            }
        }

        private func answer(_ reply: Reply, _ context: ChannelHandlerContext) {
            if reply.breaksOff {
                context.close(promise: nil)
                return
            }
            var headers = HTTPHeaders(reply.headers.map { ($0.key, $0.value) })
            if !reply.staysOpen { headers.add(name: "content-length", value: String(reply.body.utf8.count)) }
            let head = HTTPResponseHead(
                version: .http1_1, status: HTTPResponseStatus(statusCode: reply.status), headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.writeAndFlush(
                wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(string: reply.body)))), promise: nil)
            if !reply.staysOpen { context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil) }
        }
    }
}
