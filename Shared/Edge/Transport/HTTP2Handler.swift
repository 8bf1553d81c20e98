import CNGHTTP2
import NIOCore

/// HTTP/2 on one connection: libnghttp2 reads and writes its frames, and everything else happens here.
///
/// - What the hot path has is answered while the frames are read, and all that one look at the socket brought is answered
///   with one write.
/// - A request is handed on like one of HTTP/1.1; how much of its body may come is a matter of its reader, how much of its
///   response goes of the client's windows.
/// - A client that is merely wrong loses a stream, one that makes work for nothing or is too slow for everybody's good
///   loses the connection.
final class HTTP2Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Phase {
        case open
        /// The client was told that this connection ends; what it had sent by then is still taken.
        case announced
        /// No further request is taken.
        case leaving
        /// Nothing is said any more.
        case over
    }

    let dispatcher: RequestDispatcher
    let limits: TransportLimits
    let isSecure: Bool
    private(set) var context: ChannelHandlerContext?
    private(set) var executor: LoopExecutor?
    private(set) var session: HTTP2Session?
    private(set) var phase = Phase.open

    var streams = HTTP2Streams()
    /// Handlers that have not ended, of open streams and of closed ones.
    var running = 0

    /// The request or the trailer whose fields are coming.
    var heading: Int32?
    var head = HTTP2Head()
    /// The fields of a response that are not laid out already; kept for its room.
    var own = FieldBlock()
    var fields = HTTP2FieldList()

    private(set) var clock: ConnectionClock?
    /// When streams are looked at next.
    var look: (due: NIODeadline, task: Scheduled<Void>)?
    /// The client's first frame has come.
    var isGreeted = false
    var futility = HTTP2Futility()
    /// What has come after the end.
    var lingering = 0

    /// Frames that are written together; kept for its room while streams are open, and made as large as the last time.
    var out = ByteBuffer()
    var lastWrite = 0
    /// More may come of what is being read.
    var isFlushHeld = false
    var isPumping = false
    var isPumpDue = false

    init(_ dispatcher: RequestDispatcher, limits: TransportLimits, isSecure: Bool) {
        self.dispatcher = dispatcher
        self.limits = limits
        self.isSecure = isSecure
    }

    // MARK: The connection

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        executor = LoopExecutor(context.eventLoop)
        clock = ConnectionClock(context.eventLoop) { [self] in timedOut($0) }
        clock?.expect(.request, within: max(limits.idleTime, limits.headTime))
        do {
            session = try HTTP2Session(self, limits: limits)
            pumpSoon()
        } catch {
            context.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
        clock = nil
        session = nil
        self.context = nil
        streams.forget()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func end() {
        phase = .over
        clock?.stop()
        look?.task.cancel()
        look = nil
        for stream in streams.removeAll() { stream.close() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: announceEnd()
        case ChannelEvent.inputClosed: inputClosed(context)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    /// Requests that are on their way are still taken: the client's answer to a ping says that they have come.
    private func announceEnd() {
        guard phase == .open, let session else { return }
        phase = .announced
        nghttp2_submit_shutdown_notice(session.pointer)
        nghttp2_submit_ping(session.pointer, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil)
        clock?.expect(.end, within: limits.lingerTime)
        pumpSoon()
    }

    /// The last GOAWAY: what was taken is answered, and the connection ends.
    func refuseMore() {
        guard phase == .open || phase == .announced, let session else { return }
        phase = .leaving
        let last = nghttp2_session_get_last_proc_stream_id(session.pointer)
        nghttp2_submit_goaway(
            session.pointer, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, NGHTTP2_NO_ERROR.rawValue, nil, 0)
        clock?.rest()
        pumpSoon()
    }

    /// As with HTTP/1.1, what was asked in full is still answered, and a stream without an end does not go on for nobody.
    private func inputClosed(_ context: ChannelHandlerContext) {
        guard phase != .over, !streams.isEmpty else { return context.close(promise: nil) }
        for stream in streams.open where !stream.isReceived || stream.isBegun && !stream.isAnswered {
            reset(stream, NGHTTP2_CANCEL)
        }
        refuseMore()
    }

    /// Ends the connection once everything that was said has gone out, and listens a little longer to what the client
    /// still sends: closing at once would have its kernel throw away the answers.
    func leave(_ context: ChannelHandlerContext) {
        guard phase != .over else { return }
        end()
        clock?.expect(.end, within: limits.idleTime)
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { [self] _ in
            guard let context = self.context else { return }
            context.close(mode: .output, promise: nil)
            clock?.expect(.end, within: limits.lingerTime)
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
    }

    func drop() { context?.close(promise: nil) }

    // MARK: Streams

    func open(_ id: Int32, isReceived: Bool) -> HTTP2Stream? {
        guard let context, let session else { return nil }
        let stream = streams.take { HTTP2Stream(self, context.eventLoop) }
        stream.open(id, head, isReceived: isReceived)
        session.set(stream)
        return stream
    }

    func closed(_ id: Int32) {
        if heading == id { heading = nil }
        guard let session, let stream = session.stream(id), stream.isOpen else { return }
        if stream.untaken > 0 { nghttp2_session_consume_connection(session.pointer, stream.untaken) }
        streams.remove(stream)
        stream.close()
        if !stream.isLent { streams.keep(stream) }
    }

    func reset(_ stream: HTTP2Stream, _ code: nghttp2_error_code) {
        guard let session, stream.isOpen else { return }
        nghttp2_submit_rst_stream(
            session.pointer, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.id, code.rawValue)
        pumpSoon()
    }
}
