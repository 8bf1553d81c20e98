import EventSourcing
import Logging

/// Does what operators want done with a generation's parked events, between two batches, at a checkpoint that stands
/// still.
///
/// Each step is a transaction that leaves the rest of the wish in the table, so whoever leads next goes on with it.
struct Unparking<P: Projection>: Sendable {
    let store: ProjectionStore<P>
    let reader: LogReader
    let position: Int64
    let metrics: RunnerMetrics
    let logger: Logger
    /// After a commit that has changed rows.
    let changed: @Sendable () -> Void

    /// The most events of a queue in one transaction.
    private static var portion: Int { 500 }

    /// - Parameter skipped: the positions of events that the projection passes over.
    func run(skipped: Set<Int64>) async throws {
        var skipped = skipped
        for wish in try await store.wishes() {
            if wish.action == .skip {
                try await store.skip(wish, at: position)
                skipped.insert(wish.position)
                metrics.skippedOne()
                log(.warning, "a parked event is passed over for good", wish)
            }
            try await drain(wish, skipped)
        }
    }

    /// Applies the group's queue in order, until it is empty or an event cannot be applied again.
    private func drain(_ wish: ParkedWish, _ skipped: Set<Int64>) async throws {
        var most = Self.portion
        while true {
            let queue = try await store.queue(of: wish.key, most)
            guard let first = queue.first else { return log(.info, "nothing is parked any more for the group", wish) }
            do {
                let fold = try await fold(queue, of: wish.key, skipped)
                try await store.settle(fold, wish, at: position)
                if !fold.rows.isEmpty { changed() }
                metrics.retried(applied: fold.applied.count, refused: fold.refusal == nil ? 0 : 1)
                if let refusal = fold.refusal { return log(.error, "a parked event stays parked", wish, refusal) }
            } catch {
                guard case .poisoned(let reason) = BatchFailure(error) else { throw error }
                guard queue.count == 1 else {
                    most = queue.count / 2
                    continue
                }
                let refusal = Refusal(position: first, reason: reason)
                try await store.refuse(refusal, at: position)
                metrics.retried(applied: 0, refused: 1)
                return log(.error, "a parked event stays parked", wish, refusal)
            }
        }
    }

    /// - Parameter queue: positions of a group's first parked events; at least one.
    private func fold(_ queue: [Int64], of key: GroupKey, _ skipped: Set<Int64>) async throws -> QueueFold<P> {
        let events = try await reader.events(at: queue)
        guard events.map(\.position) == queue else {
            throw BatchFailure.defect("parked events are not in the log where they were")
        }
        var group = try await store.load([key], on: reader)[key] ?? P.empty
        if let stream = P.recall(before: events.filter { !skipped.contains($0.position) }, in: group) {
            let history = try await reader.history(of: [(key.tenant, stream)], through: queue[0] - 1)
            for event in history where P.group(of: event) == key.id && !skipped.contains(event.position) {
                try P.apply(event, to: &group)
            }
        }
        return QueueFold(events, of: key, in: group, skipped: skipped)
    }

    private func log(_ level: Logger.Level, _ message: Logger.Message, _ wish: ParkedWish, _ refusal: Refusal? = nil) {
        var metadata: Logger.Metadata = [
            "tenant": "\(wish.key.tenant)", "position": "\(refusal?.position ?? wish.position)",
        ]
        metadata["error"] = refusal.map { "\($0.reason)" }
        logger.log(level: level, message, metadata: metadata)
    }
}
