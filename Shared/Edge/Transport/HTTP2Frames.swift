import CNGHTTP2
import NIOCore

/// Frames between the socket and nghttp2.
extension HTTP2Handler {
    /// What is written at once.
    private static let chunk = 64 << 10
    /// Frames of control that wait for a client which does not read.
    private static let queue = 1_024

    // MARK: In

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        guard phase != .over, let session else {
            lingering += bytes.readableBytes
            if lingering > limits.lingerBytes { drop() }
            return
        }
        isFlushHeld = true
        futility.came(bytes.readableBytes)
        let code = bytes.withUnsafeReadableBytes { bytes in
            nghttp2_session_mem_recv(session.pointer, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
        }
        if futility.hasTooManyBytes(limits) {
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
        futility.cameFrame()
        switch UInt32(head.type) {
        case NGHTTP2_HEADERS.rawValue:
            futility.end()
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
        if futility.isFrameTooMany { terminate(NGHTTP2_ENHANCE_YOUR_CALM) }
    }

    private func terminate(_ code: nghttp2_error_code) {
        guard let session else { return }
        nghttp2_session_terminate_session(session.pointer, code.rawValue)
    }

    /// The connection is of no use any more; the client is told why.
    func fail(_ code: nghttp2_error_code) {
        guard let context, phase != .over else { return }
        terminate(code)
        pump()
        leave(context)
    }

    // MARK: Out

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
    func pump() {
        guard let context, let session, phase != .over, !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        var isDrained = false
        while !isDrained, context.channel.isWritable {
            out.clear(minimumCapacity: max(4 << 10, lastWrite))
            isDrained = fill(session)
            lastWrite = out.readableBytes
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
        futility.end()
        out.writeBytes(head)
        stream.response.move(count, to: &out)
        stream.outbound?.count(count)
        if stream.response.bytes <= Self.chunk / 2 { stream.release(.success(())) }
        return out.readableBytes < Self.chunk ? 0 : NGHTTP2_ERR_PAUSE.rawValue
    }
}
