import Edge
import EventSourcing
import Logging
import Photos
import Runtime
import Synchronization

/// Photos at other widths: made when the first reader asks, once however many ask meanwhile, and kept in the store.
final class PhotoSizes: Sendable {
    /// At work at once, and with those that wait for their turn.
    static let atOnce = 2, most = 64
    /// What could not be made is not tried again by this process, until there are as many of them.
    private static let remembered = 1000

    private struct State {
        var jobs: [PhotoKey: Task<Void, any Error>] = [:]
        var failed: Set<PhotoKey> = []
    }

    struct Counts: ~Copyable {
        let made = Atomic(0)
        let failed = Atomic(0)
    }

    let counts = Counts()
    private let state = Mutex(State())
    private let turns = Turns(atOnce)
    private let store: any PhotoStore
    private let resizer: Resizer
    private let logger: Logger

    init(store: any PhotoStore, resizer: Resizer, logger: Logger) {
        self.store = store
        self.resizer = resizer
        self.logger = logger
    }

    /// Returns when it lies in the store.
    ///
    /// - Parameter isThere: whether the tenant has the photo still, asked when it is done.
    func make(_ key: PhotoKey, isThere: @escaping @Sendable () async throws -> Bool) async throws {
        guard resizer.isInstalled else { throw Problem(.notSetUp, "there is no program that makes photos smaller") }
        let job = try state.withLock { state throws(Problem) in
            if let job = state.jobs[key] { return job }
            guard !state.failed.contains(key) else { throw Self.unusable }
            guard state.jobs.count < Self.most else {
                throw Problem(.unavailable, "too many photos are being made smaller", retryAfter: 2)
            }
            // Of nobody's request: whoever asked first may leave.
            let job = Task {
                defer { self.state.withLock { _ = $0.jobs.removeValue(forKey: key) } }
                try await self.turns.take { try await self.work(key, isThere) }
            }
            state.jobs[key] = job
            return job
        }
        try await job.value
    }

    private static let unusable = Problem(.unusablePhoto, "the picture in the file cannot be read")

    private func work(_ key: PhotoKey, _ isThere: @Sendable () async throws -> Bool) async throws {
        // Another process may have been faster.
        if try await store.open(key) != nil { return }
        guard let width = key.width,
            let photo = try await store.open(PhotoKey(tenant: key.tenant, name: key.name))
        else { throw Problem(.notFound) }
        guard let smaller = try await resizer.resize(try await photo.spooled(), key.name.type, to: width) else {
            counts.failed.add(1, ordering: .relaxed)
            logger.warning("a photo cannot be made smaller", metadata: ["photo": "\(key.name)"])
            state.withLock { state in
                if state.failed.count >= Self.remembered { state.failed.removeAll() }
                state.failed.insert(key)
            }
            throw Self.unusable
        }
        try await store.put(smaller, key)
        counts.made.add(1, ordering: .relaxed)
        // Whoever takes a photo away does so before he looks for its widths: either he finds this one or we find him.
        if try await !isThere() { try await store.remove(key) }
    }
}
