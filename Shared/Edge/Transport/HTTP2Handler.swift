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

    private enum Phase {
        case open
        /// The client was told that this connection ends; what it had sent by then is still taken.
        case announced
        /// No further request is taken.
        case leaving
        /// Nothing is said any more.
        case over
    }

    /// What is written at once.
    private static let chunk = 64 << 10
    /// Frames of control that wait for a client which does not read.
    private static let queue = 1_024
    /// Frames in a row that bring neither a request, nor a body, nor let a response go.
    private static let idleFrames = 1_024

    let dispatcher: RequestDispatcher
    let limits: TransportLimits
    let isSecure: Bool
    private(set) var context: ChannelHandlerContext?
    private(set) var executor: LoopExecutor?
    private(set) var session: HTTP2Session?
    private var phase = Phase.open

    private(set) var streams: [HTTP2Stream] = []
    private var spare: [HTTP2Stream] = []
    /// Handlers that have not ended, of open streams and of closed ones.
    var running = 0

    /// The request or the trailer whose fields are coming.
    var heading: Int32?
    var head = HTTP2Head()
    /// The fields of a response that are not laid out already; kept for its room.
    var own = FieldBlock()
    var fields: [nghttp2_nv] = []

    private var clock: ConnectionClock?
    private var look: (due: NIODeadline, task: Scheduled<Void>)?
    /// The client's first frame has come.
    private var isGreeted = false
    /// What has come since something came of it.
    private var idle = (frames: 0, bytes: 0)
    private var lingering = 0

    private var out = ByteBuffer()
    private var isFlushHeld = false
    private var isPumping = false
    private var isPumpDue = false

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
        spare = []
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
        loseAll()
    }

    private func loseAll() {
        let lost = streams
        streams = []
        for stream in lost { stream.close() }
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
    private func refuseMore() {
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
        for stream in streams where !stream.isReceived || stream.isBegun && !stream.isAnswered {
            reset(stream, NGHTTP2_CANCEL)
        }
        refuseMore()
    }

    /// Ends the connection once everything that was said has gone out, and listens a little longer to what the client
    /// still sends: closing at once would have its kernel throw away the answers.
    private func leave(_ context: ChannelHandlerContext) {
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

    // MARK: Time

    /// What the client owes next, if anything.
    private func expect() {
        guard phase == .open || phase == .leaving else { return }
        if heading != nil || !isGreeted {
            clock?.begin(.head, within: limits.headTime)
        } else if streams.isEmpty {
            clock?.begin(.request, within: limits.idleTime)
        } else {
            clock?.rest()
        }
    }

    /// What was owed has come; but an end that was announced is waited for, whatever comes meanwhile.
    private func nothingIsOwed() {
        if phase != .announced { clock?.rest() }
    }

    private func timedOut(_ awaited: ConnectionClock.Awaited) {
        guard let context else { return }
        switch (awaited, phase) {
        case (.end, .announced): refuseMore()
        case (.request, .open): refuseMore()
        case (.head, _): fail(NGHTTP2_ENHANCE_YOUR_CALM)
        default: context.close(promise: nil)
        }
    }

    /// Streams are looked at in time: one task for all of them.
    func watch(_ due: NIODeadline) {
        guard let context else { return }
        if let look, look.due <= due { return }
        look?.task.cancel()
        let task = context.eventLoop.assumeIsolated().scheduleTask(deadline: due) { [self] in lookAround() }
        look = (due, task)
    }

    private func lookAround() {
        look = nil
        guard let now = context?.eventLoop.now else { return }
        for stream in streams {
            hurry(stream, now)
            guard phase != .over else { return }
        }
        guard !streams.isEmpty else { return }
        watch(streams.lazy.compactMap { $0.inbound?.due }.reduce(now + limits.idleTime, min))
    }

    /// Gives up a client that does not send what it has announced, or does not take what it has asked for.
    private func hurry(_ stream: HTTP2Stream, _ now: NIODeadline) {
        if stream.inbound?.isMissed(now) == true {
            // A slow reader is not the client's fault.
            if isHeldUp(stream) { stream.inbound?.renew(now) } else { bodyTimedOut(stream) }
        }
        guard stream.isBegun, stream.isAnswered || stream.response.bytes > 0 else { return stream.outbound = nil }
        if stream.outbound == nil { stream.outbound = HTTP2Pace(limits.bodyBytes, within: limits.idleTime, from: now) }
        if stream.outbound?.isMissed(now) == true {
            guard let context, context.channel.isWritable else { return drop() }
            reset(stream, NGHTTP2_CANCEL)
        }
    }

    private func drop() { context?.close(promise: nil) }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        guard phase != .over, let session else {
            lingering += bytes.readableBytes
            if lingering > limits.lingerBytes { drop() }
            return
        }
        isFlushHeld = true
        // nghttp2 passes over what it does not know, or no more, without a word.
        idle.bytes += bytes.readableBytes
        let code = bytes.withUnsafeReadableBytes { bytes in
            nghttp2_session_mem_recv(session.pointer, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
        }
        if idle.bytes > limits.lingerBytes {
            fail(NGHTTP2_ENHANCE_YOUR_CALM)
        } else if code < 0 {
            fail(code == NGHTTP2_ERR_FLOODED.rawValue ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR)
        } else if nghttp2_session_get_outbound_queue_size(session.pointer) > Self.queue {
            pump()
            if nghttp2_session_get_outbound_queue_size(session.pointer) > Self.queue { drop() }
        }
        expect()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isFlushHeld = false
        pump()
        context.fireChannelReadComplete()
    }

    func frameReceived(_ frame: UnsafePointer<nghttp2_frame>) {
        let head = frame.pointee.hd
        let isLast = head.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        idle.frames += 1
        switch UInt32(head.type) {
        case NGHTTP2_HEADERS.rawValue:
            isOfUse()
            heading = nil
            nothingIsOwed()
            if frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST {
                headReceived(head.stream_id, isWhole: isLast)
            } else if isLast {
                received(head.stream_id)
            }
        case NGHTTP2_DATA.rawValue:
            if isLast { received(head.stream_id) }
        case NGHTTP2_SETTINGS.rawValue:
            isGreeted = true
            nothingIsOwed()
        case NGHTTP2_PING.rawValue:
            if head.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0, phase == .announced { refuseMore() }
        default: break
        }
        if idle.frames == Self.idleFrames { terminate(NGHTTP2_ENHANCE_YOUR_CALM) }
    }

    /// A request or a part of one has come, or a part of a response has gone.
    func isOfUse() { idle = (0, 0) }

    private func terminate(_ code: nghttp2_error_code) {
        guard let session else { return }
        nghttp2_session_terminate_session(session.pointer, code.rawValue)
    }

    /// The connection is of no use any more; the client is told why.
    private func fail(_ code: nghttp2_error_code) {
        guard let context, phase != .over else { return }
        terminate(code)
        pump()
        leave(context)
    }

    // MARK: Streams

    func open(_ id: Int32, isReceived: Bool) -> HTTP2Stream? {
        guard let context, let session else { return nil }
        let stream = spare.popLast() ?? HTTP2Stream(self, context.eventLoop)
        stream.open(id, head, isReceived: isReceived)
        stream.place = streams.count
        streams.append(stream)
        session.set(stream)
        return stream
    }

    func closed(_ id: Int32) {
        if heading == id { heading = nil }
        guard let session, let stream = session.stream(id), stream.isOpen else { return }
        if stream.untaken > 0 { nghttp2_session_consume_connection(session.pointer, stream.untaken) }
        let last = streams.removeLast()
        if last !== stream {
            streams[stream.place] = last
            last.place = stream.place
        }
        stream.close()
        if !stream.isLent, spare.count < 32 { spare.append(stream) }
    }

    func reset(_ stream: HTTP2Stream, _ code: nghttp2_error_code) {
        guard let session, stream.isOpen else { return }
        nghttp2_submit_rst_stream(
            session.pointer, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.id, code.rawValue)
        pumpSoon()
    }

    // MARK: Writing

    /// What is answered in the same turn of the event loop goes out together.
    func pumpSoon() {
        guard !isFlushHeld, !isPumpDue, let context else { return }
        isPumpDue = true
        context.eventLoop.assumeIsolated().execute { [self] in
            isPumpDue = false
            pump()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        pump()
        context.fireChannelWritabilityChanged()
    }

    /// Writes all that may go: frames are made only as the socket takes them, until then a body stays where it is.
    private func pump() {
        guard let context, let session, phase != .over, !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        var isDrained = false
        while !isDrained, context.channel.isWritable {
            out.clear(minimumCapacity: 4 << 10)
            isDrained = fill(session)
            if out.readableBytes > 0 { context.writeAndFlush(wrapOutboundOut(out), promise: nil) }
        }
        guard phase != .over else { return }
        if isDrained, nghttp2_session_want_read(session.pointer) == 0, nghttp2_session_want_write(session.pointer) == 0
        {
            return leave(context)
        }
        if streams.isEmpty {
            if out.capacity > 16 << 10 { out = ByteBuffer() }
        } else if look == nil {
            watch(context.eventLoop.now + limits.idleTime)
        }
        expect()
    }

    /// - Returns: whether there is nothing more to write.
    private func fill(_ session: HTTP2Session) -> Bool {
        while out.readableBytes < Self.chunk {
            var bytes: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session.pointer, &bytes)
            guard count > 0 else { return count < 0 || out.readableBytes < Self.chunk }
            out.writeBytes(UnsafeRawBufferPointer(start: bytes, count: count))
        }
        return false
    }

    /// A frame of a body: its head, and then the bytes from where they are.
    func sendData(_ head: UnsafeRawBufferPointer, _ count: Int, of stream: HTTP2Stream) -> Int32 {
        isOfUse()
        out.writeBytes(head)
        stream.response.move(count, to: &out)
        stream.outbound?.count(count)
        if stream.response.bytes <= Self.chunk / 2 { stream.release(.success(())) }
        return out.readableBytes < Self.chunk ? 0 : NGHTTP2_ERR_PAUSE.rawValue
    }
}
