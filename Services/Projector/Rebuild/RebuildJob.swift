import Foundation
import Logging
import Postgres
import Runtime
import Synchronization

/// Does one rebuild, from where it is to where its generation is live, on the connection that holds its lock.
///
/// Every phase may be ended at any moment, by whatever happens to the process or the server, and is taken up again by
/// whoever gets the lock next.
struct RebuildJob<P: Projection>: Sendable {
    let surroundings: RebuildSurroundings
    let store: RebuildStore
    let metrics: RebuildMetrics
    let logger: Logger
    /// Set when somebody may have asked for something, and at every poll.
    let bell: Wakeup

    private var shard: Shard { surroundings.shard }

    /// How often a generation that is behind is looked at again.
    private static var patience: Duration { .milliseconds(50) }

    /// - Throws: `RebuildEnd` where it ends without a live generation. With everything else it has not ended: it goes
    ///   on where it was.
    func run(_ rebuild: Rebuild) async throws {
        if rebuild.isCancelled { throw RebuildEnd.cancelled }
        if let fold = rebuild.foldVersion, fold != P.foldVersion {
            throw RebuildEnd.failed("its fold has version \(fold), which this program is past")
        }
        var rebuild = rebuild
        while !rebuild.phase.hasEnded {
            if rebuild.isCancelled { throw RebuildEnd.cancelled }
            let clock = ContinuousClock()
            let started = clock.now
            metrics.show(rebuild.phase)
            var figures: Logger.Metadata = [:]
            switch rebuild.phase {
            case .requested: try await store.begin(rebuild, foldVersion: P.foldVersion, of: P.source)
            case .filling: figures = try await fill(rebuild)
            case .indexing: figures = try await index(rebuild)
            case .catchingUp: figures = try await catchUp(rebuild)
            case .comparing: figures = try await goLive(rebuild)
            case .done, .cancelled, .failed: break
            }
            let next = try await store.reload(rebuild)
            figures["from"] = "\(rebuild.phase.rawValue)"
            figures["to"] = "\(next.phase.rawValue)"
            figures["rebuilt"] = "\(next.generation)"
            figures["duration_ms"] = "\((clock.now - started).milliseconds)"
            logger.info("rebuild goes on", metadata: figures)
            rebuild = next
        }
    }

    // MARK: Filling and indexing

    private func fill(_ rebuild: Rebuild) async throws -> Logger.Metadata {
        let clock = ContinuousClock()
        let started = clock.now
        let before = try await store.filled(rebuild)
        let fill = PartFill<P>(
            shard: shard, rebuild: rebuild, table: try await store.table(of: rebuild),
            skipped: try await store.skipped(rebuild.projection), connect: surroundings.connect,
            throttle: throttle(rebuild), metrics: metrics)
        try await work(rebuild, through: try await store.parts(rebuild)) { try await fill.run($0) }
        let (events, rows) = try await store.filled(rebuild)
        try await store.advance(rebuild, from: .filling, to: .indexing)
        let seconds = max((clock.now - started).seconds, 0.001)
        return [
            "events": "\(events)", "rows": "\(rows)", "target": "\(rebuild.target)",
            "events_per_second": "\(Int(Double(events - before.events) / seconds))",
        ]
    }

    private func index(_ rebuild: Rebuild) async throws -> Logger.Metadata {
        let indexes = try await store.indexes(rebuild)
        let throttle = throttle(rebuild)
        // The last are the largest: they are begun first.
        try await work(rebuild, through: (1...max(1, indexes)).reversed()) { ordinal in
            let clock = ContinuousClock()
            let started = clock.now
            let connection = try await surroundings.connect()
            _ = try await connection.query(
                """
                SELECT \(unescaped: shard.table("index_generation"))(
                    \(rebuild.projection), \(Int32(clamping: rebuild.generation)), \(Int32(clamping: ordinal)))
                """)
            await connection.close()
            try await Task.sleep(for: throttle.pause(after: clock.now - started))
        }
        try await store.complete(rebuild)
        return ["indexes": "\(indexes)"]
    }

    private func throttle(_ rebuild: Rebuild) -> Throttle {
        Throttle(share: rebuild.share, workers: rebuild.workers)
    }

    /// Hands the pieces of work, the first of them first, to as many workers as the rebuild has, until it is done or
    /// somebody wants the rebuild to end.
    private func work<Piece: Sendable>(
        _ rebuild: Rebuild, through pieces: [Piece], _ body: @escaping @Sendable (Piece) async throws -> Void
    ) async throws {
        let queue = WorkQueue(pieces)
        try await withThrowingTaskGroup { group in
            group.addTask { try await watch(rebuild) }
            group.addTask {
                try await withThrowingTaskGroup { workers in
                    for _ in 0..<rebuild.workers {
                        workers.addTask { while let piece = queue.next() { try await body(piece) } }
                    }
                    try await workers.waitForAll()
                }
            }
            try await group.next()
            group.cancelAll()
        }
        try Task.checkCancellation()
    }

    /// Until the task is cancelled.
    private func watch(_ rebuild: Rebuild) async throws {
        while !Task.isCancelled {
            await bell.wait()
            try await store.check(rebuild)
            let filled = try await store.filled(rebuild)
            metrics.show(rebuild.phase, part: Double(filled.events) / Double(max(1, rebuild.target)))
        }
    }

    // MARK: Going live

    /// Until the generation, which tails the log by now, has come as far as the live one, and near the head.
    private func catchUp(_ rebuild: Rebuild) async throws -> Logger.Metadata {
        let near = Int64(surroundings.nearness)
        while true {
            try Task.checkCancellation()
            try await store.check(rebuild)
            let (old, new) = try await generations(rebuild)
            if new.head - new.position <= near, new.position >= (old?.position ?? 0) {
                try await store.advance(rebuild, from: .catchingUp, to: .comparing)
                return ["position": "\(new.position)", "head": "\(new.head)"]
            }
            try await Task.sleep(for: Self.patience)
        }
    }

    /// Compares the generation with the live one, and makes it the live one.
    private func goLive(_ rebuild: Rebuild) async throws -> Logger.Metadata {
        let (old, new) = try await generations(rebuild)
        var figures: Logger.Metadata = [:]
        if let old {
            let review = RebuildReview<P>(
                rebuild: rebuild, old: old, new: new, shard: shard, store: store, connect: surroundings.connect,
                metrics: metrics, logger: logger)
            figures = try await review.run()
        }
        while try await !store.promote(rebuild) {
            try Task.checkCancellation()
            try await store.check(rebuild)
            _ = try await generations(rebuild)
            try await Task.sleep(for: Self.patience)
        }
        return figures
    }

    /// The live generation, where there is one, and the one that is to be.
    ///
    /// - Throws: `RebuildEnd.failed` where the latter is gone, or this process has given up on it.
    private func generations(_ rebuild: Rebuild) async throws -> (old: CensusEntry?, new: CensusEntry) {
        let entries = try await Census(shard: shard, pool: surroundings.pool).take()
            .filter { $0.generation.projection == rebuild.projection }
        guard let new = entries.first(where: { $0.generation.number == rebuild.generation }) else {
            throw RebuildEnd.failed("its generation is gone")
        }
        let state = surroundings.status.generations[new.generation]
        if state?.role == .stopped { throw RebuildEnd.failed(state?.reason ?? "its generation has stopped") }
        return (entries.first { $0.status == .live }, new)
    }
}

/// Pieces of work that several workers take from, each once.
private final class WorkQueue<Piece: Sendable>: Sendable {
    private let rest: Mutex<[Piece]>

    init(_ pieces: [Piece]) { rest = Mutex(pieces.reversed()) }

    func next() -> Piece? { rest.withLock { $0.popLast() } }
}
