import Synchronization

/// Counts how often somebody may have asked for something, so that each leader knows whether it has looked since.
final class RequestBell: Sendable {
    private let rings = Mutex(1)

    /// How often it was rung.
    var count: Int { rings.withLock { $0 } }

    func ring() { rings.withLock { $0 += 1 } }
}
