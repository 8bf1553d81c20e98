import DequeModule
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1

/// What comes.
extension HTTP1Handler {
    /// Parts that may wait for their turn before nothing more is read.
    private static let mostAhead = 64

    /// Bytes have come; whether they make a request is not known yet.
    func arrived(_ bytes: Int) {
        if let before = lingering {
            lingering = before + bytes
            if before + bytes > limits.lingerBytes { context?.close(promise: nil) }
        } else if exchange == nil, ahead.isEmpty {
            clock?.begin(.head, within: limits.headTime)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if lingering != nil { return }
        isFlushHeld = true
        if ahead.isEmpty, mayTake(context) { return take(part, context) }
        ahead.append(part)
        if ahead.count > Self.mostAhead { pause.begin() }
        // It is for the client to take answers now, and no head that is late.
        if exchange == nil { clock?.begin(.request, within: limits.idleTime) }
    }

    /// Whether the next part has its turn: no request is begun while its client does not take the answers to others.
    private func mayTake(_ context: ChannelHandlerContext) -> Bool {
        guard let exchange else { return context.channel.isWritable }
        return !exchange.isReceived
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if isFlushHeld {
            isFlushHeld = false
            context.flush()
        }
        context.fireChannelReadComplete()
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let head): begin(head, context)
        case .body(let bytes): receive(bytes)
        case .end: received(context)
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let exchange = HTTP1Exchange(head, self, context.eventLoop)
        self.exchange = exchange
        let length = head.headers.first(name: "content-length").flatMap { Int($0) }
        let isBodyAnnounced = (length ?? 0) > 0 || head.headers.contains(name: "transfer-encoding")
        if !isBodyAnnounced, let hot = dispatcher.hot, let request = HTTP1Head.hot(head, room: &room) {
            own.removeAll()
            if let response = hot.answer(request, own: &own) {
                clock?.rest()
                receiving = .hot(response)
                return
            }
        }
        guard let request = HTTP1Head.request(head, isSecure: isSecure) else {
            return refuse(Problem(.badRequest, "The method is none."), exchange)
        }
        if isBodyAnnounced { expectBody() } else { clock?.rest() }
        if !isBodyAnnounced {
            receiving = .whole(request, ByteBuffer())
        } else if let length, length <= limits.wholeBody, !exchange.awaitsContinue {
            receiving = .whole(request, context.channel.allocator.buffer(capacity: length))
        } else {
            let loop = context.eventLoop
            let handler = NIOLoopBound(self, eventLoop: loop)
            let body = InboundBody(
                wanted: { loop.execute { handler.value.sayContinue(exchange) } },
                taken: { _, mayFollow in if mayFollow { loop.execute { handler.value.bodyGoesOn(exchange) } } })
            receiving = .stream(body)
            // Large, so it is no work for the event loop.
            let request = Request(head: request, body: RequestBody(asyncSequence: body))
            exchange.task = dispatcher.start(request, on: context.channel, nil, exchange)
        }
    }

    func expectBody() {
        // A slow reader is not the client's fault.
        if pause.isOn { clock?.rest() } else { clock?.expect(.body, within: limits.bodyTime, least: limits.bodyBytes) }
    }

    /// Its reader has caught up: from now on the client owes more.
    private func bodyGoesOn(_ exchange: HTTP1Exchange) {
        goOn()
        if exchange === self.exchange, !exchange.isReceived, !exchange.isWaiting { expectBody() }
    }

    private func receive(_ bytes: ByteBuffer) {
        clock?.count(bytes.readableBytes)
        switch receiving {
        case .nothing, .hot: break
        case .whole(let request, var body):
            receiving = .nothing
            var bytes = bytes
            body.writeBuffer(&bytes)
            receiving = .whole(request, body)
        case .stream(let body):
            if !body.append(bytes) {
                pause.begin()
                expectBody()
            }
        }
    }

    private func received(_ context: ChannelHandlerContext) {
        guard let exchange else { return }
        exchange.isReceived = true
        clock?.rest()
        switch receiving {
        case .nothing: break
        case .hot(let response):
            receiving = .nothing
            send(response, for: exchange, context)
        case .whole(let request, let body):
            receiving = .nothing
            let request = Request(head: request, body: RequestBody(buffer: body))
            exchange.task = dispatcher.start(request, on: context.channel, executor, exchange)
        case .stream(let body):
            receiving = .nothing
            body.end(.success(()))
        }
    }

    private func sayContinue(_ exchange: HTTP1Exchange) {
        guard exchange === self.exchange, exchange.awaitsContinue, !exchange.isBegun, let context else { return }
        exchange.awaitsContinue = false
        var buffer = context.channel.allocator.buffer(capacity: 32)
        buffer.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    // MARK: What came ahead

    func next(_ context: ChannelHandlerContext) {
        exchange = nil
        clock?.expect(.request, within: limits.idleTime)
        takeAhead(context)
    }

    /// Takes what has come ahead. Answers may be given while it does.
    func takeAhead(_ context: ChannelHandlerContext) {
        guard !isDraining else { return }
        isDraining = true
        defer { isDraining = false }
        while mayTake(context), let part = ahead.popFirst() { take(part, context) }
        if ahead.isEmpty {
            goOn()
            if exchange == nil, let refusal {
                let exchange = HTTP1Exchange(.init(version: .http1_1, method: .GET, uri: ""), self, context.eventLoop)
                self.exchange = exchange
                refuse(refusal, exchange)
            }
        }
    }
}
