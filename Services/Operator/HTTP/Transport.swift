import NIOCore

/// One HTTP exchange. The seam between what the tool says and how it travels.
protocol Transport: Sendable {
    func send(_ request: Request) async throws(TransportFailure) -> Response

    /// For an answer that has no end: its body is read as it comes. The request's deadline is for the head.
    func open(_ request: Request) async throws(TransportFailure) -> OpenResponse
}

struct Request: Sendable {
    enum Body: Sendable {
        case none
        case bytes([UInt8], contentType: String)
        /// Streamed from disk, never held whole; `sent` is told how many bytes have gone, from 0 on a repetition.
        case file(FileChunks, contentType: String, sent: @Sendable (Int) -> Void)
    }

    var method: String
    var url: String
    var headers: [(name: String, value: String)] = []
    var body: Body = .none
    var deadline: Duration = .seconds(30)
}

struct Response: Sendable {
    var status: Int
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []

    func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

struct OpenResponse: Sendable {
    var status: Int
    var headers: [(name: String, value: String)] = []
    /// Fails when it breaks off, or falls silent.
    var body: any AsyncSequence<ByteBuffer, any Error> & Sendable
}

struct TransportFailure: Error, Equatable, Sendable {
    enum Kind: Equatable, Sendable {
        /// No connection came about: the request has had no effect.
        case unreachable
        /// It broke off, or took too long: whether it had an effect is unknown.
        case broken
        /// The file to send could not be read.
        case unreadable
    }

    var kind: Kind
    var message: String
}
