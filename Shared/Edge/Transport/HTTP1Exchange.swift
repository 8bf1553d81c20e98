import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1

/// A request and the response that is due to it, on a connection of HTTP/1.1.
///
/// All but the sink's calls is used on the connection's event loop only.
final class HTTP1Exchange: @unchecked Sendable {
    // Confined to the event loop: the sink's calls go there before they touch anything.

    let isHead: Bool
    /// Whether nobody is harmed when it is not seen through.
    let isReadOnly: Bool
    /// HTTP/1.0: no chunks, no 100, and it closes unless told otherwise.
    let isOld: Bool
    private let handler: HTTP1Handler
    private let eventLoop: any EventLoop

    /// Whether another request may follow on the connection.
    var keepsAlive: Bool
    /// The client sends its body only when told to.
    var awaitsContinue: Bool
    var isReceived = false
    var isBegun = false
    var isAnswered = false
    var isChunked = false
    var task: Task<Void, Never>?
    /// Those who wait for the client to take what was written.
    private var waiting: [CheckedContinuation<Void, any Error>] = []

    init(_ head: HTTPRequestHead, _ handler: HTTP1Handler, _ eventLoop: any EventLoop) {
        isHead = head.method == .HEAD
        isReadOnly = head.method == .GET || head.method == .HEAD
        isOld = head.version.minor == 0
        keepsAlive = head.isKeepAlive
        awaitsContinue =
            !isOld && head.headers[canonicalForm: "expect"].contains { $0.lowercased() == "100-continue" }
        self.handler = handler
        self.eventLoop = eventLoop
    }

    var isWaiting: Bool { !waiting.isEmpty }

    func wait(_ continuation: CheckedContinuation<Void, any Error>) { waiting.append(continuation) }

    /// The client has taken what was written, or is gone.
    func release(_ result: Result<Void, any Error>) {
        let released = waiting
        waiting = []
        for continuation in released { continuation.resume(with: result) }
    }

    fileprivate func onLoop(_ body: @escaping @Sendable (HTTP1Handler, HTTP1Exchange) -> Void) {
        if eventLoop.inEventLoop {
            body(handler, self)
        } else {
            eventLoop.execute { body(self.handler, self) }
        }
    }
}

extension HTTP1Exchange: ResponseSink {
    func send(_ head: HTTPResponse, _ body: ByteBuffer?) {
        onLoop { handler, exchange in handler.send(head, body, for: exchange) }
    }

    func begin(_ head: HTTPResponse) { onLoop { handler, exchange in handler.begin(head, for: exchange) } }

    func write(_ part: ByteBuffer) async throws {
        try await withCheckedThrowingContinuation { continuation in
            onLoop { handler, exchange in handler.write(part, for: exchange, continuation) }
        }
    }

    func finish() { onLoop { handler, exchange in handler.finish(exchange) } }

    func abort() { onLoop { handler, exchange in handler.abort(exchange) } }
}
