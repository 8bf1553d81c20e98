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
        submit(response.status, response.fields, response.body, for: stream)
    }

    func begin(_ head: HTTPResponse, for stream: HTTP2Stream) {
        guard stream.isOpen, !stream.isBegun else { return }
        own.removeAll()
        HTTP2Head.write(head, to: &own)
        submit(head.status.code, nil, nil, for: stream)
    }

    private func submit(_ status: Int, _ laidOut: FieldBlock?, _ body: ByteBuffer?, for stream: HTTP2Stream) {
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
        withFields(laidOut) { fields in
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

    /// The fields as nghttp2 takes them: the last of `own` is the status and comes first. Valid for the call only.
    func withFields(_ laidOut: FieldBlock?, _ body: (UnsafeBufferPointer<nghttp2_nv>) -> Void) {
        fields.removeAll(keepingCapacity: true)
        func with(_ block: FieldBlock, _ body: (UnsafePointer<UInt8>) -> Void) {
            block.lines.withUnsafeBufferPointer { if let start = $0.baseAddress { body(start) } }
        }
        with(own) { start in
            for span in own.spans.suffix(1) { fields.append(Self.field(span, start)) }
            for span in own.spans.dropLast() { fields.append(Self.field(span, start)) }
            guard let laidOut else { return fields.withUnsafeBufferPointer(body) }
            with(laidOut) { start in
                for span in laidOut.spans { fields.append(Self.field(span, start)) }
                fields.withUnsafeBufferPointer(body)
            }
        }
    }

    private static func field(_ span: FieldBlock.Span, _ lines: UnsafePointer<UInt8>) -> nghttp2_nv {
        // nghttp2 only reads, whatever its declaration says.
        nghttp2_nv(
            name: UnsafeMutablePointer(mutating: lines + span.start),
            value: UnsafeMutablePointer(mutating: lines + span.valueStart), namelen: span.nameLength,
            valuelen: span.valueLength,
            flags: UInt8((span.isUnique ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE).rawValue))
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
