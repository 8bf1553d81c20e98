import DequeModule
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1

/// HTTP/1.1 on one connection: requests are handed on, responses are written in the order of their requests, one at a
/// time, and what a client sends ahead waits.
///
/// - A request whose head does not come in time, is too large or is none is refused with a problem document.
/// - A body is handed on whole where it is small, else as it comes; nothing more is read while its reader is slow.
/// - An answer that is given before its request was read to the end is the connection's last.
final class HTTP1Handler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Receiving {
        /// Between two requests.
        case nothing
        /// Handed on when it is whole.
        case whole(HTTPRequest, ByteBuffer)
        case stream(InboundBody)
        /// Answered by what is finished when it is whole.
        case hot(FinishedResponse)
    }

    private let dispatcher: RequestDispatcher
    private let limits: TransportLimits
    private let isSecure: Bool
    private var context: ChannelHandlerContext?
    private var executor: LoopExecutor?
    private var exchange: HTTP1Exchange?
    private var receiving = Receiving.nothing
    /// Parts of requests that came before their turn.
    private var ahead: Deque<HTTPServerRequestPart> = []
    /// What is not HTTP came after the request that is being answered.
    private var refusal: Problem?
    private var isDraining = false
    /// No further request is taken.
    private var isLeaving = false
    private var lingering: Int?
    private var isPaused = false
    private var heldRead = false
    private var clock: ConnectionClock?
    private var isFlushHeld = false
    /// The fields of a finished response that are not finished; kept for its room.
    private var own = FieldBlock()

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
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        clock?.stop()
        clock = nil
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        clock?.stop()
        lose()
        context.fireChannelInactive()
    }

    private func lose() {
        guard let lost = exchange else { return }
        exchange = nil
        ahead = []
        if case .stream(let body) = receiving { body.end(.failure(ClientGone())) }
        receiving = .nothing
        lost.release(.failure(ClientGone()))
        if lost.isReadOnly { lost.task?.cancel() }
    }

    func read(context: ChannelHandlerContext) {
        if isPaused { heldRead = true } else { context.read() }
    }

    private func pause() { isPaused = true }

    private func goOn() {
        guard isPaused else { return }
        isPaused = false
        if heldRead {
            heldRead = false
            context?.read()
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            isLeaving = true
            if exchange == nil { closeWhenTaken(context) }
        case ChannelEvent.inputClosed:
            isLeaving = true
            guard let exchange, !exchange.isAnswered else { return closeWhenTaken(context) }
            // A client that has said all it has to say still wants its answer. One that has begun to get it and one that
            // has left look alike from here: a stream without an end must not go on for nobody.
            if !exchange.isReceived || exchange.isBegun { context.close(promise: nil) }
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    // MARK: Requests

    /// Bytes have come; whether they make a request is not known yet.
    func bytesArrived() {
        guard exchange == nil, ahead.isEmpty, lingering == nil else { return }
        clock?.begin(.head, within: limits.headTime)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if let bytes = lingering {
            guard case .body(let body) = part else { return }
            lingering = bytes + body.readableBytes
            if bytes > limits.lingerBytes { context.close(promise: nil) }
            return
        }
        isFlushHeld = true
        if ahead.isEmpty, mayTake(context) { return take(part, context) }
        ahead.append(part)
        if ahead.count > 64 { pause() }
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
        if !isBodyAnnounced, let hot = dispatcher.hot, let request = HTTP1Head.hot(head) {
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

    private func expectBody() {
        // A slow reader is not the client's fault.
        if isPaused { clock?.rest() } else { clock?.expect(.body, within: limits.bodyTime, least: limits.bodyBytes) }
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
                pause()
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

    // MARK: What is not a request

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError, lingering == nil else { return context.close(promise: nil) }
        // The parser of a body that is not wanted any more, of a client that left in the middle.
        if error == .invalidEOFState { return context.close(promise: nil) }
        let problem: Problem =
            if error == .headerOverflow {
                Problem(.headTooLarge, "The request's line and header are larger than \(limits.headBytes) bytes.")
            } else {
                Problem(.badRequest, "This is not HTTP/1.1 as RFC 9112 defines it.")
            }
        switch (exchange, receiving) {
        case (nil, _):
            let exchange = HTTP1Exchange(.init(version: .http1_1, method: .GET, uri: ""), self, context.eventLoop)
            self.exchange = exchange
            refuse(problem, exchange)
        case (let exchange?, .whole), (let exchange?, .hot): refuse(problem, exchange)
        case (_, .stream(let body)): body.end(.failure(problem))
        case (_, .nothing): refusal = problem
        }
    }

    /// Answers a request that was not handed on; it is the connection's last.
    private func refuse(_ problem: Problem, _ exchange: HTTP1Exchange) {
        receiving = .nothing
        exchange.keepsAlive = false
        let (head, body) = dispatcher.refuse(problem)
        send(head, body, for: exchange)
    }

    private func timedOut(_ what: ConnectionClock.Awaited) {
        guard let context else { return }
        switch (what, exchange, receiving) {
        case (.head, nil, _):
            let exchange = HTTP1Exchange(.init(version: .http1_1, method: .GET, uri: ""), self, context.eventLoop)
            self.exchange = exchange
            refuse(Problem(.requestTimeout), exchange)
        case (.body, let exchange?, .whole): refuse(Problem(.requestTimeout), exchange)
        case (.body, _?, .stream(let body)): body.end(.failure(Problem(.requestTimeout)))
        default: context.close(promise: nil)
        }
    }

    // MARK: Responses

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

    private func send(_ response: FinishedResponse, for exchange: HTTP1Exchange, _ context: ChannelHandlerContext) {
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
            leave(exchange, context)
        } else {
            if !isFlushHeld { context.flush() }
            next(context)
        }
    }

    /// The last answer was given.
    private func leave(_ exchange: HTTP1Exchange, _ context: ChannelHandlerContext) {
        ahead = []
        if exchange.isReceived { return closeWhenTaken(context) }
        // The client may still be sending: closing now would have its kernel throw away the answer.
        if case .stream(let body) = receiving { body.end(.failure(ClientGone())) }
        receiving = .nothing
        lingering = 0
        context.flush()
        context.close(mode: .output, promise: nil)
        goOn()
        clock?.expect(.end, within: limits.lingerTime)
    }

    /// Closes once the client has taken what was written: a close at once would throw away what its window has no room for.
    private func closeWhenTaken(_ context: ChannelHandlerContext) {
        isLeaving = true
        clock?.expect(.end, within: limits.idleTime)
        let taken = context.eventLoop.makePromise(of: Void.self)
        taken.futureResult.assumeIsolated().whenComplete { [self] _ in self.context?.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: taken)
    }

    private func next(_ context: ChannelHandlerContext) {
        exchange = nil
        clock?.expect(.request, within: limits.idleTime)
        takeAhead(context)
    }

    /// Takes what has come ahead. Answers may be given while it does.
    private func takeAhead(_ context: ChannelHandlerContext) {
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
