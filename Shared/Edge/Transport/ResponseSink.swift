import HTTPTypes
import Hummingbird
import NIOCore

/// Where one request's response goes. Every call may come from any thread; each response ends in exactly one of `send`,
/// `finish` and `abort`.
protocol ResponseSink: Sendable {
    /// A whole response at once.
    func send(_ head: HTTPResponse, _ body: ByteBuffer?)

    /// The head of a response whose body comes in parts.
    func begin(_ head: HTTPResponse)

    /// A part of the body. Returns when the client has room for more.
    ///
    /// - Throws: `ClientGone`.
    func write(_ part: ByteBuffer) async throws

    func finish()

    /// The response cannot be completed: the client must not take what it has for whole.
    func abort()
}

/// Nobody waits for the response any more.
struct ClientGone: Error {}

extension ResponseSink {
    /// Sends a response of the framework. Its first part waits for the second: most have none, and go out at once,
    /// compressed where that is worth it.
    func send(_ response: Response, takesGzip: Bool) async {
        do {
            try await response.body.write(SinkWriter(sink: self, head: response.head, takesGzip: takesGzip))
        } catch {
            abort()
        }
    }
}

/// Writes a framework's body into a sink.
private struct SinkWriter: ResponseBodyWriter {
    private enum State {
        case nothing(HTTPResponse)
        case first(HTTPResponse, ByteBuffer)
        case begun
    }

    private let sink: any ResponseSink
    private let takesGzip: Bool
    private var state: State

    init(sink: any ResponseSink, head: HTTPResponse, takesGzip: Bool) {
        self.sink = sink
        self.takesGzip = takesGzip
        state = .nothing(head)
    }

    mutating func write(_ buffer: ByteBuffer) async throws {
        switch state {
        case .nothing(let head):
            // A body without an announced length is a stream, whose head is awaited.
            if head.headerFields[.contentLength] != nil {
                state = .first(head, buffer)
            } else {
                sink.begin(head)
                state = .begun
                try await sink.write(buffer)
            }
        case .first(let head, let first):
            sink.begin(head)
            state = .begun
            try await sink.write(first)
            try await sink.write(buffer)
        case .begun: try await sink.write(buffer)
        }
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {
        switch state {
        case .nothing(let head): sink.send(head, nil)
        case .first(var head, var body):
            guard Gzip.isWorthwhile(head.headerFields, bytes: body.readableBytes) else { return sink.send(head, body) }
            if head.headerFields[.vary]?.contains("Accept-Encoding") != true {
                head.headerFields[values: .vary].append("Accept-Encoding")
            }
            if takesGzip { body = Gzip.encode(body, &head.headerFields) }
            sink.send(head, body)
        case .begun: sink.finish()
        }
    }
}
