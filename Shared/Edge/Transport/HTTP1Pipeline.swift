import NIOCore
import NIOHTTP1

extension HTTP1Handler {
    /// The handlers of a connection, in order.
    static func add(
        to pipeline: ChannelPipeline.SynchronousOperations, _ dispatcher: RequestDispatcher, limits: TransportLimits,
        isSecure: Bool
    ) throws {
        let handler = HTTP1Handler(dispatcher, limits: limits, isSecure: isSecure)
        var bounds = NIOHTTPDecoderLimitConfiguration()
        bounds.maxHeaderFieldSize = limits.headBytes
        bounds.maxHeaderListSize = limits.headBytes
        bounds.maxHeaderFieldCount = limits.fields
        let decoder = HTTPRequestDecoder(
            leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .drop, limitConfiguration: bounds)
        try pipeline.addHandlers(
            ArrivalHandler(handler), ByteToMessageHandler(decoder), handler)
    }
}

/// Tells the handler behind the parser that something comes.
private final class ArrivalHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let handler: HTTP1Handler

    init(_ handler: HTTP1Handler) { self.handler = handler }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        handler.arrived(unwrapInboundIn(data).readableBytes)
        context.fireChannelRead(data)
    }
}
