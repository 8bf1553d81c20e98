import Logging
import NIOCore

/// An outbound event before a connection is closed in the middle of a response: nothing must make that look whole.
struct ResponseBreaksOff {}

/// TLS on a connection, between its socket and whoever reads its requests.
///
/// - The handshake must end in the time of a head. Then `established` is called, which adds the handlers above this one.
/// - What is written is encrypted when it is flushed, into one buffer and as few records as there may be.
/// - A client's close_notify is told as the end of its input. An end without one is an attacker's or a broken client's, and
///   ends the connection.
/// - Closing takes what was written along: the socket is closed when the client's side has taken it, within the idle time.
final class TLSHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        case handshake
        case open
        /// We have said that we will send no more.
        case ended
        /// Being closed: nothing that comes is looked at.
        case closing
    }

    /// Encrypted bytes that may wait for a flush here.
    private static let unwritten = 64 << 10

    private let session: TLSSession
    private let limits: TransportLimits
    private let logger: Logger
    private let established: (TLSSession, ChannelPipeline.SynchronousOperations) throws -> Void
    private var state = State.handshake
    private var context: ChannelHandlerContext?
    private var clock: ConnectionClock?
    /// Written and not encrypted yet.
    private var staged = ByteBuffer()
    /// Of everything that was written since the last flush.
    private var promise: EventLoopPromise<Void>?
    private var isInputEnded = false
    /// The end of the input, to be told behind what came before it.
    private var owesEnd = false

    init(
        _ context: TLSContext, limits: TransportLimits, logger: Logger,
        established: @escaping (TLSSession, ChannelPipeline.SynchronousOperations) throws -> Void
    ) throws {
        session = try TLSSession(context)
        self.limits = limits
        self.logger = logger
        self.established = established
    }

    // MARK: The connection

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        clock = ConnectionClock(context.eventLoop) { [self] _ in
            guard let context = self.context else { return }
            breakOff(context)
        }
        clock?.expect(.head, within: limits.headTime)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        stop()
        clock = nil
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    private func stop() {
        state = .closing
        clock?.stop()
        staged = ByteBuffer()
        promise?.fail(ChannelError.ioOnClosedChannel)
        promise = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed:
            if !isInputEnded { breakOff(context) }
        case is ChannelShouldQuiesceEvent where state == .handshake: breakOff(context)
        case is ChannelShouldQuiesceEvent where state == .closing: clock?.expect(.end, within: limits.lingerTime)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    // MARK: In

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var incoming = unwrapInboundIn(data)
        if state == .handshake {
            switch session.handshake(&incoming) {
            case .open: open(context)
            case .failed(let failure): return fail(context, failure)
            case .waiting, .ended: return
            }
        }
        guard state != .closing, !isInputEnded, incoming.readableBytes > 0 else { return }
        var plain = context.channel.allocator.buffer(capacity: incoming.readableBytes)
        let step = session.read(&incoming, into: &plain)
        if plain.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(plain)) }
        switch step {
        case .waiting, .open: break
        case .ended:
            isInputEnded = true
            owesEnd = true
        case .failed(let failure): fail(context, failure)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        // Of the handshake, mostly. What is answered at once has taken it along.
        if state != .closing, session.outgoing.readableBytes > 0 { flush(context: context) }
        if owesEnd {
            owesEnd = false
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
    }

    private func open(_ context: ChannelHandlerContext) {
        state = .open
        clock?.rest()
        do {
            try established(session, context.pipeline.syncOperations)
        } catch {
            breakOff(context)
        }
    }

    /// The client does not keep to the protocol, or its certificate is not good enough.
    private func fail(_ context: ChannelHandlerContext, _ failure: TLSFailure) {
        guard state != .closing else { return }
        logger.debug(
            "TLS failed",
            metadata: ["error": "\(failure)", "client": "\(context.remoteAddress?.description ?? "unknown")"])
        var last = session.takeOutgoing()
        if failure.isHTTP {
            last.writeStaticString(
                "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 31\r\n\r\n"
            )
            last.writeStaticString("This port speaks HTTPS, only.\r\n")
        }
        guard last.readableBytes > 0 else { return breakOff(context) }
        // What the client has sent meanwhile is not looked at, but taken: closing at once would have its kernel throw away
        // the reason.
        state = .closing
        context.writeAndFlush(wrapOutboundOut(last), promise: nil)
        context.close(mode: .output, promise: nil)
        clock?.expect(.end, within: limits.lingerTime)
    }

    /// Without a close_notify, so that the client does not take what it has for whole.
    private func breakOff(_ context: ChannelHandlerContext) {
        state = .closing
        context.close(promise: nil)
    }

    // MARK: Out

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard state == .open else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        var bytes = unwrapOutboundIn(data)
        self.promise.setOrCascade(to: promise)
        if staged.readableBytes == 0 {
            staged = bytes
        } else if staged.readableBytes + bytes.readableBytes <= TLSSession.recordBytes {
            staged.writeBuffer(&bytes)
        } else {
            encrypt(context)
            staged = bytes
            // So that the channel knows how much waits for the client.
            if session.outgoing.readableBytes > Self.unwritten {
                context.write(wrapOutboundOut(session.takeOutgoing()), promise: nil)
            }
        }
    }

    func flush(context: ChannelHandlerContext) {
        encrypt(context)
        // Who waits with nothing written of his own waits for what was written before.
        guard session.outgoing.readableBytes > 0 || promise != nil else { return context.flush() }
        // More may be written while this is.
        let written = promise
        promise = nil
        context.writeAndFlush(wrapOutboundOut(session.takeOutgoing()), promise: written)
    }

    private func encrypt(_ context: ChannelHandlerContext) {
        let plain = staged
        staged = ByteBuffer()
        if case .failed(let failure) = session.write(plain) { fail(context, failure) }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch (mode, state) {
        case (.output, .open):
            end(context)
            context.close(mode: .output, promise: promise)
        case (.all, .open), (.all, .ended):
            if state == .open { end(context) }
            state = .closing
            clock?.expect(.end, within: limits.idleTime)
            // Written last, so all before it has been taken, too.
            let taken = context.eventLoop.makePromise(of: Void.self)
            taken.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: promise) }
            context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: taken)
        default: context.close(mode: mode, promise: promise)
        }
    }

    func triggerUserOutboundEvent(
        context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?
    ) {
        if event is ResponseBreaksOff { state = .closing }
        context.triggerUserOutboundEvent(event, promise: promise)
    }

    private func end(_ context: ChannelHandlerContext) {
        encrypt(context)
        guard state == .open else { return }
        session.end()
        state = .ended
        flush(context: context)
    }
}
