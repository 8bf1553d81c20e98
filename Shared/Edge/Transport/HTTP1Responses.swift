import HTTPTypes
import NIOCore

/// What goes.
extension HTTP1Handler {
    func send(_ head: HTTPResponse, _ body: ByteBuffer?, for exchange: HTTP1Exchange) {
        guard let context, exchange === self.exchange, !exchange.isBegun else { return }
        exchange.isBegun = true
        exchange.isAnswered = true
        var buffer = context.channel.allocator.buffer(capacity: 512 + (body?.readableBytes ?? 0))
        HTTP1Head.write(head, lines(exchange), to: &buffer)
        if var body, !exchange.isHead { buffer.writeBuffer(&body) }
        context.write(wrapOutboundOut(buffer), promise: nil)
        answered(exchange, context)
    }

    func send(_ response: FinishedResponse, for exchange: HTTP1Exchange, _ context: ChannelHandlerContext) {
        exchange.isBegun = true
        exchange.isAnswered = true
        var buffer = context.channel.allocator.buffer(capacity: 512 + response.body.readableBytes)
        HTTP1Head.write(response, own, lines(exchange), to: &buffer)
        if !exchange.isHead { buffer.writeImmutableBuffer(response.body) }
        context.write(wrapOutboundOut(buffer), promise: nil)
        answered(exchange, context)
    }

    func begin(_ head: HTTPResponse, for exchange: HTTP1Exchange) {
        guard let context, exchange === self.exchange, !exchange.isBegun else { return }
        exchange.isBegun = true
        var more: [StaticString] = []
        if head.headerFields[.contentLength] == nil, !exchange.isHead {
            // Without a length and without chunks the end of the connection is the end of the body.
            exchange.isChunked = !exchange.isOld
            if exchange.isChunked { more = ["transfer-encoding: chunked\r\n"] } else { exchange.keepsAlive = false }
        }
        var buffer = context.channel.allocator.buffer(capacity: 512)
        HTTP1Head.write(head, lines(exchange) + more, to: &buffer)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    func write(
        _ part: ByteBuffer, for exchange: HTTP1Exchange, _ continuation: CheckedContinuation<Void, any Error>
    ) {
        guard let context, exchange === self.exchange, exchange.isBegun, !exchange.isAnswered else {
            return continuation.resume(throwing: ClientGone())
        }
        guard part.readableBytes > 0, !exchange.isHead else { return continuation.resume() }
        if exchange.isChunked {
            var size = context.channel.allocator.buffer(capacity: 16)
            size.writeString(String(part.readableBytes, radix: 16))
            size.writeStaticString("\r\n")
            var end = context.channel.allocator.buffer(capacity: 2)
            end.writeStaticString("\r\n")
            context.write(wrapOutboundOut(size), promise: nil)
            context.write(wrapOutboundOut(part), promise: nil)
            context.writeAndFlush(wrapOutboundOut(end), promise: nil)
        } else {
            context.writeAndFlush(wrapOutboundOut(part), promise: nil)
        }
        if context.channel.isWritable { return continuation.resume() }
        exchange.wait(continuation)
        // Nobody is waited for who takes nothing.
        clock?.expect(.end, within: limits.idleTime)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            if let exchange, exchange.isWaiting {
                if exchange.isReceived { clock?.rest() } else { expectBody() }
                exchange.release(.success(()))
            }
            if !ahead.isEmpty { takeAhead(context) }
        }
        context.fireChannelWritabilityChanged()
    }

    func finish(_ exchange: HTTP1Exchange) {
        guard let context, exchange === self.exchange, !exchange.isAnswered else { return }
        exchange.isAnswered = true
        if exchange.isChunked {
            var end = context.channel.allocator.buffer(capacity: 8)
            end.writeStaticString("0\r\n\r\n")
            context.write(wrapOutboundOut(end), promise: nil)
        }
        answered(exchange, context)
    }

    /// Nothing more can be said that would not be a lie: the connection breaks off.
    func abort(_ exchange: HTTP1Exchange) {
        guard let context, exchange === self.exchange, !exchange.isAnswered else { return }
        context.triggerUserOutboundEvent(ResponseBreaksOff(), promise: nil)
        context.close(promise: nil)
    }

    private func closes(_ exchange: HTTP1Exchange) -> Bool {
        !exchange.keepsAlive || !exchange.isReceived || isLeaving
    }

    private func lines(_ exchange: HTTP1Exchange) -> [StaticString] {
        if closes(exchange) {
            exchange.keepsAlive = false
            return ["connection: close\r\n"]
        }
        return exchange.isOld ? ["connection: keep-alive\r\n"] : []
    }

    private func answered(_ exchange: HTTP1Exchange, _ context: ChannelHandlerContext) {
        exchange.release(.success(()))
        if closes(exchange) {
            leave(context)
        } else {
            if !isFlushHeld { context.flush() }
            next(context)
        }
    }
}
