/// A flag that one task waits for and any task sets. Set before the wait or during it, once or often: one wake-up.
final class Wakeup: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func set() { continuation.yield() }

    /// Returns once the flag is set, and takes it down; at once when the task is cancelled. One task waits at a time.
    func wait() async {
        var iterator = stream.makeAsyncIterator()
        _ = await iterator.next()
    }
}
