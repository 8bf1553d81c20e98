import EventSourcing
import Foundation
import Synchronization

/// Answers that are kept, and those that are being made.
///
/// An answer is kept only if nothing it shows was reported changed while it was made, and leaves when something is.
/// What a look at the changes has reported is gone from here before the look is said to have been made.
final class HotStore: Sendable {
    private final class Shard: Sendable {
        let state: Mutex<HotShard>

        init(limit: Int) { state = Mutex(HotShard(limit: limit)) }
    }

    struct Size: Sendable {
        var answers = 0
        var bytes = 0
        var evicted = 0
    }

    private let shards: [Shard]
    private let fills = HotFills()

    /// - Parameter limit: bytes.
    init(limit: Int) {
        // One lock for all would be what all event loops wait for.
        let count = 16
        shards = (0..<count).map { _ in Shard(limit: limit / count) }
    }

    var size: Size {
        shards.reduce(into: Size()) { size, shard in
            shard.state.withLock {
                size.answers += $0.count
                size.bytes += $0.bytes
                size.evicted += $0.evicted
            }
        }
    }

    /// How many wait for an answer that somebody else has asked for.
    var waiting: Int { fills.waiting }

    func find(_ key: HotKey) -> HotEntry? { shard(key).state.withLock { $0.find(key) } }

    func drop(_ changes: [HotChange]) {
        guard !changes.isEmpty else { return }
        fills.spoil { subject in
            changes.contains { change in
                change.projection == subject.projection && change.tenant == subject.tenant
                    && (subject.id == nil || change.id == nil || subject.id == change.id)
            }
        }
        for shard in shards { shard.state.withLock { state in for change in changes { state.drop(change) } } }
    }

    func dropAll(of projection: Projection) {
        fills.spoil { $0.projection == projection }
        for shard in shards { shard.state.withLock { $0.dropAll(of: projection) } }
    }

    func dropAll() { for projection in Projection.allCases { dropAll(of: projection) } }

    /// An answer, made once however many ask for it at the same time.
    ///
    /// - Parameters:
    ///   - mayJoin: false reads for itself: an answer whose making has begun is not new enough.
    ///   - isCurrent: whether changes are known up to now; asked once the answer is made. If not, it is nobody else's.
    ///   - make: reads, and says what is to be kept of it; what it says nil for is not kept.
    func value<Value: Sendable>(
        _ key: HotKey, _ subject: HotSubject, mayJoin: Bool, isCurrent: () -> Bool,
        make: () async throws -> (Value, HotEntry?)
    ) async throws -> Value {
        // What was overtaken by a change is no answer for others. Who has been refused it twice does not go on waiting in line.
        for _ in 0..<(mayJoin ? 2 : 0) {
            switch fills.join(key, subject) {
            case .lead(let fill): return try await lead(fill, key, isCurrent, make)
            case .wait(let fill):
                switch await fills.outcome(of: fill) {
                case .value(let value): if let value = value as? Value { return value }
                case .failure(let error): throw error
                case .nothing: break
                }
            }
        }
        return try await make().0
    }

    private func lead<Value: Sendable>(
        _ fill: HotFills.Fill, _ key: HotKey, _ isCurrent: () -> Bool, _ make: () async throws -> (Value, HotEntry?)
    ) async throws -> Value {
        do {
            let (value, entry) = try await make()
            fills.end(fill, with: value) {
                guard isCurrent() else { return false }
                if let entry { shard(key).state.withLock { $0.insert(entry, for: key) } }
                return true
            }
            return value
        } catch {
            fills.fail(fill, with: error)
            throw error
        }
    }

    private func shard(_ key: HotKey) -> Shard { shards[key.shard(of: shards.count)] }
}
