/// What has come on a connection since something came of it: a request or a part of one, or a part of a response that has
/// gone. Whoever makes work for nothing is found out by it.
struct HTTP2Futility {
    /// Frames in a row.
    static let mostFrames = 1_024

    private var frames = 0
    private var bytes = 0

    mutating func end() { self = HTTP2Futility() }

    /// nghttp2 passes over what it does not know, or no more, without a word: bytes count before they are frames.
    mutating func came(_ bytes: Int) { self.bytes += bytes }

    mutating func cameFrame() { frames += 1 }

    /// Whether the last frame was one too many; said once.
    var isFrameTooMany: Bool { frames == Self.mostFrames }

    func hasTooManyBytes(_ limits: TransportLimits) -> Bool { bytes > limits.lingerBytes }
}
