import CNGHTTP2
import HTTPTypes
import NIOCore

/// What goes.
extension HTTP2Handler {
    /// What one stream may have waiting, besides its last part.
    private static let waiting = 64 << 10

    func send(_ head: HTTPResponse, _ body: ByteBuffer?, for stream: HTTP2Stream) {
        guard stream.isOpen, !stream.isBegun else { return }
        own.removeAll()
        HTTP2Head.write(head, to: &own)
        stream.isAnswered = true
        submit(head.status.code, nil, body, for: stream)
    }

    /// Its own fields are in `own`.
    func send(_ response: FinishedResponse, for stream: HTTP2Stream) {
        stream.isAnswered = true
        submit(response.status, response, response.body, for: stream)
    }

    func begin(_ head: HTTPResponse, for stream: HTTP2Stream) {
        guard stream.isOpen, !stream.isBegun else { return }
        own.removeAll()
        HTTP2Head.write(head, to: &own)
        submit(head.status.code, nil, nil, for: stream)
    }

    private func submit(_ status: Int, _ laidOut: FinishedResponse?, _ body: ByteBuffer?, for stream: HTTP2Stream) {
        guard let session else { return }
        stream.isBegun = true
        stream.isBodiless = stream.isHead || status == 204 || status == 304
        if stream.isBodiless {
            stream.isAnswered = true
        } else if let body {
            stream.response.append(body)
        }
        own.append("date", HTTPDate.now)
        own.append(":status", Self.text(status))
        // A request that is not read to its end needs the provider, to say so.
        let isEmpty = stream.isAnswered && stream.response.bytes == 0 && stream.isReceived
        fields.lend(own, and: laidOut) { fields in
            if isEmpty {
                nghttp2_submit_response(session.pointer, stream.id, fields.baseAddress, fields.count, nil)
            } else {
                var provider = HTTP2Session.provider(stream)
                nghttp2_submit_response(session.pointer, stream.id, fields.baseAddress, fields.count, &provider)
            }
        }
        pumpSoon()
    }

    private static func text(_ status: Int) -> String {
        switch status {
        case 200: "200"
        case 304: "304"
        default: "\(status)"
        }
    }

    func write(
        _ part: ByteBuffer, for stream: HTTP2Stream, _ continuation: CheckedContinuation<Void, any Error>
    ) {
        if stream.isBodiless { return continuation.resume() }
        guard stream.isOpen, stream.isBegun, !stream.isAnswered else {
            return continuation.resume(throwing: ClientGone())
        }
        stream.response.append(part)
        resume(stream)
        if stream.response.bytes <= Self.waiting { continuation.resume() } else { stream.wait(continuation) }
    }

    func finish(_ stream: HTTP2Stream) {
        guard stream.isOpen, stream.isBegun, !stream.isAnswered else { return }
        stream.isAnswered = true
        resume(stream)
    }

    /// Nothing more can be said that would not be a lie: the client learns that the stream broke off.
    func abort(_ stream: HTTP2Stream) {
        guard !stream.isAnswered else { return }
        reset(stream, NGHTTP2_INTERNAL_ERROR)
    }

    private func resume(_ stream: HTTP2Stream) {
        guard let session else { return }
        if stream.isDeferred {
            stream.isDeferred = false
            nghttp2_session_resume_data(session.pointer, stream.id)
        }
        pumpSoon()
    }
}
