import CNGHTTP2
import HTTPTypes
import Hummingbird
import NIOCore

/// What comes.
extension HTTP2Handler {
    /// Handlers that may go on for streams that are closed, besides one for each that may be open.
    private static let running = 2 * HTTP2Session.streams

    func headBegins(_ id: Int32) {
        heading = id
        head.removeAll()
    }

    func takeField(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) {
        head.append(name, value, limits: limits)
    }

    /// - Parameter isWhole: no body follows.
    func headReceived(_ id: Int32, isWhole: Bool) {
        guard let context, let stream = open(id, isReceived: isWhole) else { return }
        if head.isTooLarge {
            return refuse(
                Problem(.headTooLarge, "The request's fields are larger than \(limits.headBytes) bytes."), stream)
        }
        if isWhole, let hot = dispatcher.hot, let request = head.hot() {
            own.removeAll()
            if let response = hot.answer(request, own: &own) { return send(response, for: stream) }
        }
        guard let request = head.request(isSecure: isSecure) else {
            return refuse(Problem(.badRequest, "The method is none, or there is no path."), stream)
        }
        guard running < Self.running else { return reset(stream, NGHTTP2_REFUSED_STREAM) }
        guard !isWhole else { return start(request, RequestBody(buffer: ByteBuffer()), executor, stream) }
        stream.awaitsContinue = head.value("expect")?.lowercased() == "100-continue"
        let pace = HTTP2Pace(limits.bodyBytes, within: limits.bodyTime, from: context.eventLoop.now)
        stream.inbound = pace
        watch(pace.due)
        if !stream.awaitsContinue, let length = head.value("content-length").flatMap({ Int($0) }),
            length <= limits.wholeBody
        {
            stream.receiving = .whole(request, ByteBuffer())
        } else {
            let body = makeBody(stream)
            stream.receiving = .stream(body)
            // Large, so it is no work for the event loop.
            start(request, RequestBody(asyncSequence: body), nil, stream)
        }
    }

    private func makeBody(_ stream: HTTP2Stream) -> InboundBody {
        // The reader's part may outlast the connection, and goes to its loop before it touches anything.
        guard let loop = context?.eventLoop else { return InboundBody(wanted: {}, taken: { _, _ in }) }
        let handler = NIOLoopBound(self, eventLoop: loop)
        return InboundBody(
            wanted: { loop.execute { handler.value.sayContinue(stream) } },
            taken: { bytes, _ in loop.execute { handler.value.taken(bytes, stream) } })
    }

    private func start(
        _ request: HTTPRequest, _ body: RequestBody, _ executor: LoopExecutor?, _ stream: HTTP2Stream
    ) {
        guard let context else { return }
        stream.isLent = true
        running += 1
        stream.task = dispatcher.start(Request(head: request, body: body), on: context.channel, executor, stream)
    }

    /// A handler has ended.
    func settle(_ stream: HTTP2Stream) {
        guard stream.isLent, !stream.isSettled else { return }
        stream.isSettled = true
        running -= 1
    }

    func receive(_ bytes: UnsafeRawBufferPointer, _ id: Int32) {
        guard let session else { return }
        let stream = session.stream(id)
        if stream != nil { futility.end() }
        stream?.inbound?.count(bytes.count)
        switch stream?.receiving {
        case nil, .nothing: nghttp2_session_consume(session.pointer, id, bytes.count)
        case .whole(let request, var body):
            stream?.receiving = .nothing
            body.writeBytes(bytes)
            stream?.receiving = .whole(request, body)
            nghttp2_session_consume(session.pointer, id, bytes.count)
        case .stream(let body):
            stream?.untaken += bytes.count
            _ = body.append(ByteBuffer(bytes: bytes))
        }
    }

    /// The client may send as much again.
    private func taken(_ bytes: Int, _ stream: HTTP2Stream) {
        guard let context, let session, stream.isOpen else { return }
        // Those that could not send have their time from now on.
        let now = context.eventLoop.now
        if isHeldUp {
            for stream in streams.open { stream.inbound?.renew(now) }
        } else if stream.untaken >= InboundBody.low {
            stream.inbound?.renew(now)
        }
        stream.untaken -= bytes
        nghttp2_session_consume(session.pointer, stream.id, bytes)
        pumpSoon()
    }

    func received(_ id: Int32) {
        guard let stream = session?.stream(id), stream.isOpen else { return }
        stream.isReceived = true
        stream.inbound = nil
        let receiving = stream.receiving
        stream.receiving = .nothing
        switch receiving {
        case .nothing: break
        case .whole(let request, let body): start(request, RequestBody(buffer: body), executor, stream)
        case .stream(let body): body.end(.success(()))
        }
    }

    private func sayContinue(_ stream: HTTP2Stream) {
        guard stream.isOpen, stream.awaitsContinue, !stream.isBegun, let session else { return }
        stream.awaitsContinue = false
        own.removeAll()
        own.append(":status", "100")
        fields.lend(own, and: nil) { fields in
            nghttp2_submit_headers(
                session.pointer, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.id, nil, fields.baseAddress, fields.count,
                nil)
        }
        pumpSoon()
    }

    /// Whether the client cannot send because what it has sent is not taken: by the reader of this stream, or by those of
    /// others on the connection.
    func isHeldUp(_ stream: HTTP2Stream) -> Bool { stream.untaken >= InboundBody.low || isHeldUp }

    private var isHeldUp: Bool {
        streams.open.reduce(0) { $0 + $1.untaken } >= Int(HTTP2Session.connectionWindow) / 2
    }

    func bodyTimedOut(_ stream: HTTP2Stream) {
        stream.inbound = nil
        switch stream.receiving {
        case .nothing: break
        case .whole: refuse(Problem(.requestTimeout), stream)
        case .stream(let body): body.end(.failure(Problem(.requestTimeout)))
        }
    }

    /// Answers a request that was not handed on.
    private func refuse(_ problem: Problem, _ stream: HTTP2Stream) {
        stream.receiving = .nothing
        let (head, body) = dispatcher.refuse(problem)
        send(head, body, for: stream)
    }
}
