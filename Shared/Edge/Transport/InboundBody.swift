import DequeModule
import NIOCore
import Synchronization

/// The body of a request as it arrives, read by one task. What has arrived and is not read yet is bounded: past `high`
/// bytes the connection stops reading, and goes on below `low`.
final class InboundBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    static let high = 256 << 10
    static let low = 64 << 10
    /// Parts are put together up to so many bytes.
    private static let small = 4 << 10

    private struct State {
        var parts: Deque<ByteBuffer> = []
        var bytes = 0
        var isPaused = false
        var end: Result<Void, any Error>?
        var reader: CheckedContinuation<Void, Never>?
        /// The reader has asked for a part.
        var isWanted = false
    }

    private let state = Mutex(State())
    private let wanted: @Sendable () -> Void
    private let taken: @Sendable (_ bytes: Int, _ mayFollow: Bool) -> Void

    /// - Parameters:
    ///   - wanted: called once, when somebody begins to read: a client that waits to be asked is asked then.
    ///   - taken: called whenever a part was taken, with its bytes and whether more may follow after a pause.
    init(wanted: @escaping @Sendable () -> Void, taken: @escaping @Sendable (_ bytes: Int, _ mayFollow: Bool) -> Void) {
        self.wanted = wanted
        self.taken = taken
    }

    /// Adds a part.
    ///
    /// - Returns: whether more may follow at once.
    func append(_ part: ByteBuffer) -> Bool {
        let (reader, mayFollow) = state.withLock { state in
            // A part of a byte takes as much memory as one of a hundred.
            if let last = state.parts.last, last.readableBytes + part.readableBytes <= Self.small {
                state.parts[state.parts.count - 1].writeImmutableBuffer(part)
            } else {
                state.parts.append(part)
            }
            state.bytes += part.readableBytes
            if state.bytes > Self.high { state.isPaused = true }
            defer { state.reader = nil }
            return (state.reader, !state.isPaused)
        }
        reader?.resume()
        return mayFollow
    }

    /// No more follows: it was whole, or it broke off.
    func end(_ result: Result<Void, any Error>) {
        let reader = state.withLock { state in
            if state.end == nil { state.end = result }
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume()
    }

    func makeAsyncIterator() -> Iterator { Iterator(body: self) }

    struct Iterator: AsyncIteratorProtocol {
        let body: InboundBody

        mutating func next() async throws -> ByteBuffer? { try await body.next() }
    }

    private enum Step {
        case part(ByteBuffer, mayFollow: Bool)
        case end(Result<Void, any Error>)
        case wait(isFirst: Bool)
    }

    private func next() async throws -> ByteBuffer? {
        while true {
            let step = state.withLock { state -> Step in
                if let part = state.parts.popFirst() {
                    state.bytes -= part.readableBytes
                    let mayFollow = state.isPaused && state.bytes <= Self.low
                    if mayFollow { state.isPaused = false }
                    return .part(part, mayFollow: mayFollow)
                }
                if let end = state.end { return .end(end) }
                defer { state.isWanted = true }
                return .wait(isFirst: !state.isWanted)
            }
            switch step {
            case .part(let part, let mayFollow):
                taken(part.readableBytes, mayFollow)
                return part
            case .end(let result):
                try result.get()
                return nil
            case .wait(let isFirst):
                if isFirst { wanted() }
                await arrival()
            }
        }
    }

    /// Returns when something has come, or the task is cancelled.
    private func arrival() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isHere = state.withLock { state in
                    let isHere = !state.parts.isEmpty || state.end != nil
                    if !isHere { state.reader = continuation }
                    return isHere
                }
                if isHere { continuation.resume() }
            }
        } onCancel: {
            end(.failure(CancellationError()))
        }
    }
}
