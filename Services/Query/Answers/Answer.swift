import Edge
import HTTPTypes
import NIOCore

/// What a read has found, ready to be sent.
struct Answer: Sendable {
    var body: ByteBuffer
    /// Of the bytes before they were coded; nil for a list.
    var tag: String?
    var visibility: Visibility
    private(set) var isGzipped = false

    init(_ body: ByteBuffer, tag: String? = nil, for visibility: Visibility) {
        self.body = body
        self.tag = tag
        self.visibility = visibility
    }

    /// The same, compressed where that is worth it.
    func gzipped() -> Answer {
        guard !isGzipped, body.readableBytes >= Gzip.least else { return self }
        var coded = self
        coded.body = Gzip.compress(body)
        coded.isGzipped = true
        return coded
    }

    /// What tells it, however it is sent.
    var headers: HTTPFields {
        var headers = HTTPFields()
        headers.reserveCapacity(12)
        if let tag { headers[.eTag] = isGzipped ? "W/" + tag : tag }
        if isGzipped { headers[.contentEncoding] = "gzip" }
        headers[.contentType] = "application/json; charset=utf-8"
        Caching.write(visibility, to: &headers)
        return headers
    }

    /// How it is kept. Only what was read from projections is.
    func entry(of subject: HotSubject) -> HotEntry {
        var headers = headers
        headers[.closterSource] = Standpoint.Source.projections.rawValue
        return HotEntry(
            subject: subject, tag: tag, found: FinishedResponse(status: 200, headers, body: body),
            notModified: tag.map { _ in FinishedResponse(status: 304, headers, body: body) })
    }
}

extension Answer?: Fingerprinted {
    var fingerprint: String {
        guard let self else { return "absent" }
        return self.tag ?? self.body.fingerprint
    }
}
