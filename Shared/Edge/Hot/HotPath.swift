public import NIOCore

/// Answers, on the connection's event loop and before any task is made, what has been answered before.
public protocol HotPath: Sendable {
    /// The finished response to a GET or HEAD; nil where only the router can tell.
    ///
    /// It is called on an event loop and must not wait for anything.
    /// - Parameter own: empty; gets the fields that this one response has besides those that are laid out.
    func answer(_ request: HotRequest, own: inout FieldBlock) -> FinishedResponse?
}

/// A response that needs nothing but to be sent.
public final class FinishedResponse: Sendable {
    /// 200 or 304.
    public let status: Int
    /// Those that are the same each time; not the date, nor what belongs to a connection.
    public let fields: FieldBlock
    /// Empty for a 304. A HEAD gets the fields without it.
    public let body: ByteBuffer

    public init(status: Int, fields: FieldBlock, body: ByteBuffer) {
        self.status = status
        self.fields = fields
        self.body = body
    }
}
