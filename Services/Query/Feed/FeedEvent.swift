import Documents
import EventSourcing
import NIOCore

/// An event as followers get it: encoded once, for however many.
struct FeedEvent: Sendable, Equatable {
    var position: Int64
    var tenant: TenantID
    var category: String
    var type: String
    /// The whole server-sent event.
    var frame: ByteBuffer

    init(_ event: EventDocument, of tenant: TenantID) {
        position = event.position
        self.tenant = tenant
        category = event.stream.category
        type = event.type
        frame = ServerSentEvents.frame(event)
    }
}

/// Which of a tenant's events a follower wants.
struct FeedFilter: Sendable, Equatable {
    var category: String?
    var type: String?

    func takes(_ event: FeedEvent) -> Bool {
        (category == nil || category == event.category) && (type == nil || type == event.type)
    }
}

/// The format `text/event-stream` (WHATWG HTML §9.2).
enum ServerSentEvents {
    static let mediaType = "text/event-stream"

    /// A comment: it keeps the connection open and tells either side that the other is there.
    static let heartbeat = ByteBuffer(string: ":\n\n")

    /// How long a reader is to wait before it comes back.
    static func retry(after pause: Duration) -> ByteBuffer {
        ByteBuffer(string: "retry: \(Int(pause / .milliseconds(1)))\n\n")
    }

    /// `id` is the position, `event` the type, `data` the document of `/v1/events`, which has no line break.
    static func frame(_ event: EventDocument) -> ByteBuffer {
        let document = event.bytes
        var frame = ByteBuffer()
        frame.reserveCapacity(document.count + 64)
        frame.writeString("id: \(event.position)\nevent: \(event.type)\ndata: ")
        frame.writeBytes(document)
        frame.writeString("\n\n")
        return frame
    }
}
