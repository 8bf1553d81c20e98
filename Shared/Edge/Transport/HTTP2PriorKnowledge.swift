import NIOCore

/// Chooses the protocol of a connection on which none was agreed by what its client says first: HTTP/2 begins with words
/// that are no request of HTTP/1.1 (RFC 9113 §3.3, §3.4).
final class PriorKnowledgeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private let dispatcher: RequestDispatcher
    private let limits: TransportLimits
    private let isSecure: Bool
    /// What has come and begins like the preface.
    private var bytes = ByteBuffer()
    private var clock: ConnectionClock?

    private init(_ dispatcher: RequestDispatcher, limits: TransportLimits, isSecure: Bool) {
        self.dispatcher = dispatcher
        self.limits = limits
        self.isSecure = isSecure
    }

    static func add(
        to pipeline: ChannelPipeline.SynchronousOperations, _ dispatcher: RequestDispatcher, limits: TransportLimits,
        isSecure: Bool
    ) throws {
        try pipeline.addHandler(PriorKnowledgeHandler(dispatcher, limits: limits, isSecure: isSecure))
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        clock = ConnectionClock(context.eventLoop) { _ in channel.close(promise: nil) }
        clock?.expect(.request, within: max(limits.idleTime, limits.headTime))
    }

    func handlerRemoved(context: ChannelHandlerContext) { clock?.stop() }

    func channelInactive(context: ChannelHandlerContext) {
        clock?.stop()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent, ChannelEvent.inputClosed: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var more = unwrapInboundIn(data)
        bytes.writeBuffer(&more)
        clock?.begin(.head, within: limits.headTime)
        let start = bytes.readableBytesView.prefix(Self.preface.count)
        guard Self.preface.starts(with: start) else { return choose(HTTP1Handler.add, context) }
        if start.count == Self.preface.count { choose(HTTP2Handler.add, context) }
    }

    private func choose(
        _ add: (ChannelPipeline.SynchronousOperations, RequestDispatcher, TransportLimits, Bool) throws -> Void,
        _ context: ChannelHandlerContext
    ) {
        let pipeline = context.pipeline.syncOperations
        do {
            try add(pipeline, dispatcher, limits, isSecure)
            context.fireChannelRead(wrapInboundOut(bytes))
            pipeline.removeHandler(context: context, promise: nil)
        } catch {
            context.close(promise: nil)
        }
    }
}
