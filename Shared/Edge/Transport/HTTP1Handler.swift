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

    enum Receiving {
        /// Between two requests.
        case nothing
        /// Handed on when it is whole.
        case whole(HTTPRequest, ByteBuffer)
        case stream(InboundBody)
        /// Answered by what is finished when it is whole.
        case hot(FinishedResponse)
    }

    let dispatcher: RequestDispatcher
    let limits: TransportLimits
    let isSecure: Bool
    private(set) var context: ChannelHandlerContext?
    private(set) var executor: LoopExecutor?
    private(set) var clock: ConnectionClock?

    /// The one request that is being received or answered.
    var exchange: HTTP1Exchange?
    var receiving = Receiving.nothing
    /// Parts of requests that came before their turn.
    var ahead: Deque<HTTPServerRequestPart> = []
    /// What is not HTTP came after the request that is being answered.
    var refusal: Problem?
    var pause = ReadPause()
    var isDraining = false
    /// More may come of what is being read.
    var isFlushHeld = false
    /// No further request is taken.
    private(set) var isLeaving = false
    private var isInputClosed = false
    /// What has come after the last answer was given.
    var lingering: Int?

    /// The fields of a finished response that are not finished; kept for its room, like the bytes of a request.
    var own = FieldBlock()
    var room: [UInt8] = []

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
        if pause.mayRead() { context.read() }
    }

    func goOn() { if pause.end() { context?.read() } }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            isLeaving = true
            if exchange == nil { closeWhenTaken(context) }
        case ChannelEvent.inputClosed:
            isInputClosed = true
            isLeaving = true
            guard let exchange, !exchange.isAnswered else { return closeWhenTaken(context) }
            // A client that has said all it has to say still wants its answer. One that has begun to get it and one that
            // has left look alike from here: a stream without an end must not go on for nobody.
            if !exchange.isReceived || exchange.isBegun { context.close(promise: nil) }
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    // MARK: What is not a request

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The parser has said once what it makes no sense of, and tells of all that comes behind it.
        if error is ByteToMessageDecoderError { return }
        guard let error = error as? HTTPParserError else { return context.close(promise: nil) }
        // What is thrown away need make no sense.
        if lingering != nil { return }
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
        case (_, .stream(let body)):
            body.end(.failure(problem))
            pause.begin()
        case (_, .nothing):
            refusal = problem
            pause.begin()
        }
    }

    /// Answers a request that was not handed on; it is the connection's last.
    func refuse(_ problem: Problem, _ exchange: HTTP1Exchange) {
        receiving = .nothing
        exchange.keepsAlive = false
        let (head, body) = dispatcher.refuse(problem)
        send(head, body, for: exchange)
    }

    func timedOut(_ what: ConnectionClock.Awaited) {
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

    // MARK: The end

    /// The last answer was given. What the client still sends is taken and thrown away: with a close at once its kernel would
    /// throw away the answer.
    func leave(_ context: ChannelHandlerContext) {
        ahead = []
        if case .stream(let body) = receiving { body.end(.failure(ClientGone())) }
        receiving = .nothing
        if isInputClosed { return closeWhenTaken(context) }
        lingering = 0
        goOn()
        clock?.expect(.end, within: limits.idleTime)
        let taken = context.eventLoop.makePromise(of: Void.self)
        taken.futureResult.assumeIsolated().whenComplete { [self] _ in
            guard let context = self.context else { return }
            context.close(mode: .output, promise: nil)
            clock?.expect(.end, within: limits.lingerTime)
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: taken)
    }

    /// Closes once the client has taken what was written: a close at once would throw away what its window has no room for.
    func closeWhenTaken(_ context: ChannelHandlerContext) {
        isLeaving = true
        clock?.expect(.end, within: limits.idleTime)
        let taken = context.eventLoop.makePromise(of: Void.self)
        taken.futureResult.assumeIsolated().whenComplete { [self] _ in self.context?.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: taken)
    }
}
