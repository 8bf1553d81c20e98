import EventSourcing
import Logging
import Synchronization

/// An issuer's keys, fetched when needed and kept for as long as the issuer allows.
///
/// One fetch is under way at a time, and at most two start within any minute however many unknown `kid`s arrive. A
/// set that is due but cannot be fetched serves on for up to an hour.
final class KeySource: Sendable {
    struct Fetched: Sendable {
        var bytes: [UInt8]
        /// How long the issuer lets the set be kept; nil where it does not say.
        var maxAge: Duration?
    }

    private struct Held {
        var set: KeySet
        var generation: Int
        var expiresAt: ContinuousClock.Instant
    }

    static let fetchesPerMinute = 2
    static let staleFor: Duration = .seconds(3_600)
    static let defaultMaxAge: Duration = .seconds(3_600)

    private let fetch: @Sendable () async throws -> Fetched
    private let now: @Sendable () -> ContinuousClock.Instant
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var held: Held?
        var fetchStarts: [ContinuousClock.Instant] = []
        var running: Task<Void, Never>?
        var lastFetchFailed = false
    }

    init(
        logger: Logger, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        fetch: @escaping @Sendable () async throws -> Fetched
    ) {
        self.logger = logger
        self.now = now
        self.fetch = fetch
    }

    /// The set that holds `identifier`, and a number that changes with each set.
    func set(holding identifier: String) async throws(TokenError) -> (set: KeySet, generation: Int) {
        if let found = current(holding: identifier, allowStale: false) { return found }
        await begin()?.value
        if let found = current(holding: identifier, allowStale: true) { return found }
        let isKnown = state.withLock { state in
            guard let held = state.held, !state.lastFetchFailed else { return false }
            return now() < held.expiresAt + Self.staleFor
        }
        throw isKnown ? .unknownKey : .unavailable
    }

    private func current(holding identifier: String, allowStale: Bool) -> (set: KeySet, generation: Int)? {
        guard let held = state.withLock({ $0.held }), held.set.identifiers.contains(identifier),
            now() < held.expiresAt + (allowStale ? Self.staleFor : .zero)
        else { return nil }
        return (held.set, held.generation)
    }

    /// The fetch that is under way, or a new one; nil where there were enough of late.
    private func begin() -> Task<Void, Never>? {
        let start = now()
        return state.withLock { state in
            if let running = state.running { return running }
            state.fetchStarts.removeAll { start - $0 >= .seconds(60) }
            guard state.fetchStarts.count < Self.fetchesPerMinute else { return nil }
            state.fetchStarts.append(start)
            // Not a child of this request: others wait for it, and this one may be cancelled.
            let task = Task { await self.perform(startedAt: start) }
            state.running = task
            return task
        }
    }

    private func perform(startedAt start: ContinuousClock.Instant) async {
        defer { state.withLock { $0.running = nil } }
        do {
            let fetched = try await fetch()
            let set = try await KeySet(jwks: fetched.bytes)
            // Shorter than the budget allows to renew would only mean serving stale keys.
            let maxAge = min(max(fetched.maxAge ?? Self.defaultMaxAge, .seconds(30)), .seconds(86_400))
            state.withLock { state in
                state.held = Held(set: set, generation: (state.held?.generation ?? 0) + 1, expiresAt: start + maxAge)
                state.lastFetchFailed = false
            }
        } catch {
            state.withLock { $0.lastFetchFailed = true }
            logger.warning("the issuer's keys could not be fetched", metadata: ["error": "\(error)"])
        }
    }
}
