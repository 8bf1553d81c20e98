import DequeModule
import NIOCore
import NIOEmbedded

/// The first handler of a pipeline, which stands for the socket and the client behind it: bytes are taken when the test
/// says so, writability follows from what waits, and no more comes than was asked for.
final class Socket: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer

    /// As NIO's sockets have it.
    private static let (low, high) = (32 << 10, 64 << 10)

    private var waiting: Deque<(bytes: ByteBuffer, promise: EventLoopPromise<Void>?)> = []
    /// How many of them may go.
    private var flushed = 0
    private(set) var bytes = 0
    private(set) var isReadWanted = true
    private var context: ChannelHandlerContext?
    private var end: EventLoopPromise<Void>??
    private(set) var isOutputEnded = false

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    // MARK: The client

    /// Something comes.
    func bring(_ bytes: ByteBuffer) {
        guard let context else { return }
        isReadWanted = false
        context.fireChannelRead(wrapInboundOut(bytes))
        context.fireChannelReadComplete()
        // A channel reads on by itself.
        context.channel.pipeline.read()
    }

    func tell(_ event: Any) { context?.fireUserInboundEventTriggered(event) }

    /// The client is gone.
    func reset() {
        context?.close(promise: nil)
        lose()
    }

    /// The client takes up to so many bytes.
    func take(_ most: Int, _ taken: (ByteBuffer) -> Void) {
        var left = most
        while left > 0, flushed > 0, var first = waiting.first {
            guard let part = first.bytes.readSlice(length: min(left, first.bytes.readableBytes)) else { break }
            taken(part)
            left -= part.readableBytes
            bytes -= part.readableBytes
            waiting[0].bytes = first.bytes
            guard first.bytes.readableBytes == 0 else { break }
            waiting.removeFirst()
            flushed -= 1
            if part.readableBytes == 0 { left -= 1 }
            first.promise?.succeed()
        }
        if bytes <= Self.low { becomeWritable(true) }
        endIfDue()
    }

    private func becomeWritable(_ isWritable: Bool) {
        guard let context, let channel = context.channel as? EmbeddedChannel, channel.isActive,
            channel.isWritable != isWritable
        else { return }
        channel.isWritable = isWritable
        context.fireChannelWritabilityChanged()
    }

    private func endIfDue() {
        guard flushed == 0, let end else { return }
        self.end = nil
        isOutputEnded = true
        lose()
        end?.succeed()
    }

    private func lose() {
        let lost = waiting
        waiting = []
        (flushed, bytes) = (0, 0)
        for (_, promise) in lost { promise?.fail(ChannelError.ioOnClosedChannel) }
    }

    // MARK: The handlers

    func read(context: ChannelHandlerContext) { isReadWanted = true }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard context.channel.isActive, !isOutputEnded, end == nil else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        let part = unwrapOutboundIn(data)
        waiting.append((part, promise))
        bytes += part.readableBytes
        if bytes > Self.high { becomeWritable(false) }
    }

    func flush(context: ChannelHandlerContext) {
        flushed = waiting.count
        // An empty part needs no client.
        if flushed > 0, bytes == 0 { take(1) { _ in } }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .output else {
            context.close(mode: mode, promise: promise)
            return lose()
        }
        guard !isOutputEnded, end == nil else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        end = .some(promise)
        endIfDue()
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        promise?.succeed()
    }
}
