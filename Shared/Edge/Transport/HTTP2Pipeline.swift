import NIOCore

extension HTTP2Handler {
    /// The handler of a connection on which HTTP/2 was agreed.
    static func add(
        to pipeline: ChannelPipeline.SynchronousOperations, _ dispatcher: RequestDispatcher, limits: TransportLimits,
        isSecure: Bool
    ) throws {
        try pipeline.addHandler(HTTP2Handler(dispatcher, limits: limits, isSecure: isSecure))
    }
}
