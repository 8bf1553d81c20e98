import DequeModule
import HTTPTypes
import NIOCore

/// A request and the response that is due to it, on a connection of HTTP/2.
///
/// All but the sink's calls is used on the connection's event loop only. One that never was anybody's sink is used again
/// for another request.
final class HTTP2Stream: @unchecked Sendable {
    // Confined to the event loop: the sink's calls go there before they touch anything.

    enum Receiving {
        /// All has come, or nobody wants what comes.
        case nothing
        /// Handed on when it is whole.
        case whole(HTTPRequest, ByteBuffer)
        case stream(InboundBody)
    }

    private let handler: HTTP2Handler
    private let eventLoop: any EventLoop

    private(set) var id: Int32 = 0
    /// Where it is among the open ones of its connection.
    var place = 0
    var isOpen = false
    private(set) var isHead = false
    /// Whether nobody is harmed when it is not seen through.
    private(set) var isReadOnly = false
    var isReceived = false
    /// The client sends its body only when told to.
    var awaitsContinue = false
    var receiving = Receiving.nothing
    /// What has come and was not taken by its reader.
    var untaken = 0
    var inbound: HTTP2Pace?

    var isBegun = false
    /// Nothing is added to the response any more.
    var isAnswered = false
    /// The response has no body, whatever its handler writes.
    var isBodiless = false
    /// nghttp2 was told that there is nothing to send at the moment.
    var isDeferred = false
    var response = OutboundBody()
    var outbound: HTTP2Pace?

    /// It is somebody's sink: its end is awaited.
    var isLent = false
    /// And has come.
    var isSettled = false
    var task: Task<Void, Never>?
    /// Those who wait for the client to take what was written.
    private var waiting: [CheckedContinuation<Void, any Error>] = []

    init(_ handler: HTTP2Handler, _ eventLoop: any EventLoop) {
        self.handler = handler
        self.eventLoop = eventLoop
    }

    /// It stands for a new request.
    func open(_ id: Int32, _ head: borrowing HTTP2Head, isReceived: Bool) {
        self.id = id
        isOpen = true
        isHead = head.isHead
        isReadOnly = isHead || head.isGet
        self.isReceived = isReceived
        awaitsContinue = false
        isBegun = false
        isAnswered = false
        isBodiless = false
        isDeferred = false
    }

    func wait(_ continuation: CheckedContinuation<Void, any Error>) { waiting.append(continuation) }

    /// The client has taken what was written, or is gone.
    func release(_ result: Result<Void, any Error>) {
        guard !waiting.isEmpty else { return }
        let released = waiting
        waiting = []
        for continuation in released { continuation.resume(with: result) }
    }

    /// The stream is closed. A read that was not answered is given up, a write is seen through.
    func close() {
        isOpen = false
        if case .stream(let body) = receiving { body.end(.failure(ClientGone())) }
        receiving = .nothing
        untaken = 0
        inbound = nil
        outbound = nil
        response.removeAll()
        release(.failure(ClientGone()))
        if isReadOnly, !isAnswered { task?.cancel() }
        task = nil
    }

    private func onLoop(_ body: @escaping @Sendable (HTTP2Handler, HTTP2Stream) -> Void) {
        if eventLoop.inEventLoop {
            body(handler, self)
        } else {
            eventLoop.execute { body(self.handler, self) }
        }
    }
}

extension HTTP2Stream: ResponseSink {
    func send(_ head: HTTPResponse, _ body: ByteBuffer?) {
        onLoop { handler, stream in
            handler.send(head, body, for: stream)
            handler.settle(stream)
        }
    }

    func begin(_ head: HTTPResponse) { onLoop { handler, stream in handler.begin(head, for: stream) } }

    func write(_ part: ByteBuffer) async throws {
        try await withCheckedThrowingContinuation { continuation in
            onLoop { handler, stream in handler.write(part, for: stream, continuation) }
        }
    }

    func finish() {
        onLoop { handler, stream in
            handler.finish(stream)
            handler.settle(stream)
        }
    }

    func abort() {
        onLoop { handler, stream in
            handler.abort(stream)
            handler.settle(stream)
        }
    }
}

/// What of a response's body is not sent yet.
struct OutboundBody {
    /// Most bodies are one part.
    private var first = ByteBuffer()
    private var rest: Deque<ByteBuffer> = []
    private(set) var bytes = 0

    mutating func append(_ part: ByteBuffer) {
        guard part.readableBytes > 0 else { return }
        if bytes == 0 { first = part } else { rest.append(part) }
        bytes += part.readableBytes
    }

    /// Moves the first `count` of its bytes.
    mutating func move(_ count: Int, to buffer: inout ByteBuffer) {
        bytes -= count
        var left = count
        while left > 0 {
            let some = min(left, first.readableBytes)
            first.withUnsafeReadableBytes { _ = buffer.writeBytes(UnsafeRawBufferPointer(rebasing: $0[..<some])) }
            first.moveReaderIndex(forwardBy: some)
            left -= some
            if first.readableBytes == 0 { first = rest.popFirst() ?? ByteBuffer() }
        }
    }

    mutating func removeAll() {
        guard bytes > 0 else { return }
        self = OutboundBody()
    }
}

/// How fast a client must be: so many bytes in a stretch of time, and again.
struct HTTP2Pace {
    private(set) var due: NIODeadline
    private var bytes = 0
    private let least: Int
    private let time: TimeAmount

    init(_ least: Int, within time: TimeAmount, from now: NIODeadline) {
        self.least = least
        self.time = time
        due = now + time
    }

    mutating func count(_ bytes: Int) { self.bytes += bytes }

    /// Another stretch of time begins.
    mutating func renew(_ now: NIODeadline) {
        bytes = 0
        due = now + time
    }

    /// Whether the time is over and less has passed.
    mutating func isMissed(_ now: NIODeadline) -> Bool {
        guard due <= now else { return false }
        guard bytes >= least else { return true }
        renew(now)
        return false
    }
}
