import EventSourcing
import Synchronization

/// The latest states of streams that this process has seen, decoded.
///
/// A cached state may be old: another process may have written. Append checks the version, so an intent decided on an
/// old state conflicts and is decided again; whatever leads to no append must be decided on a fresh state.
final class StateCache: Sendable {
    struct Key: Hashable {
        var tenant: TenantID
        var stream: StreamID
    }

    struct Entry: Sendable {
        var version: Int64
        var position: Int64
        var state: any Sendable
    }

    /// Two generations instead of a linked list: what is used survives, what is not is dropped with its generation.
    private struct Generations {
        var young: [Key: Entry] = [:]
        var old: [Key: Entry] = [:]
    }

    private let capacity: Int
    private let generations = Mutex(Generations())

    /// - Parameter capacity: streams kept, at most.
    init(capacity: Int = 20_000) {
        self.capacity = max(2, capacity)
    }

    subscript(key: Key) -> Entry? {
        generations.withLock { generations in
            if let entry = generations.young[key] { return entry }
            guard let entry = generations.old[key] else { return nil }
            insert(entry, for: key, into: &generations)
            return entry
        }
    }

    /// Keeps the newer of what is there and what comes.
    func store(_ entry: Entry, for key: Key) {
        generations.withLock { generations in
            let known = generations.young[key] ?? generations.old[key]
            guard (known?.version ?? 0) <= entry.version else { return }
            insert(entry, for: key, into: &generations)
        }
    }

    func remove(_ key: Key) {
        generations.withLock { generations in
            generations.young[key] = nil
            generations.old[key] = nil
        }
    }

    private func insert(_ entry: Entry, for key: Key, into generations: inout Generations) {
        if generations.young.count >= capacity / 2 {
            generations.old = generations.young
            generations.young = [:]
        }
        generations.young[key] = entry
    }
}
