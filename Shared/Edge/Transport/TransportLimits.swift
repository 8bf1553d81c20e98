public import NIOCore

/// What a client may ask of a connection.
public struct TransportLimits: Sendable {
    /// Of a request's line and fields together; beyond it 431.
    public var headBytes = 16 << 10
    public var fields = 100
    /// From the first byte of a request until its head is whole.
    public var headTime: TimeAmount = .seconds(5)
    /// Between requests.
    public var idleTime: TimeAmount = .seconds(75)
    /// A body must bring at least so many bytes in each `bodyTime`.
    public var bodyBytes = 4 << 10
    public var bodyTime: TimeAmount = .seconds(10)
    /// A body of up to so many bytes is handed on whole; a larger one as it comes.
    public var wholeBody = 64 << 10
    /// How long, and for how many bytes, a connection that is done listens to what its client still sends, so that the
    /// client reads the answer before it meets a closed door.
    public var lingerTime: TimeAmount = .seconds(2)
    public var lingerBytes = 8 << 20

    public init() {}
}
