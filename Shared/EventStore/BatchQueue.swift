import DequeModule
import EventSourcing
import Foundation

/// Which waiting intents form the next batch: pure, so that its promises can be tested without a database.
///
/// - Order: of two intents that share a resource (stream, key, claim), the one that came first goes first.
/// - A resource stands in a batch at most once, so no intent of a batch can spoil another.
/// - A batch is bounded in count and bytes, and never empty while something waits.
struct BatchQueue<Entry> {
    struct Item {
        var entry: Entry
        var resources: [Resource]
        var bytes: Int
    }

    private var waiting: Deque<Item> = []
    let maximumCount: Int
    let maximumBytes: Int

    init(maximumCount: Int, maximumBytes: Int) {
        self.maximumCount = maximumCount
        self.maximumBytes = maximumBytes
    }

    var count: Int { waiting.count }

    mutating func enqueue(_ item: Item) {
        waiting.append(item)
    }

    mutating func next() -> [Entry] {
        var held = Holdings()
        var batch: [Entry] = []
        var bytes = 0
        var left: Deque<Item> = []
        while let item = waiting.popFirst() {
            let isFree = item.resources.allSatisfy { held.permits($0) }
            // What must wait keeps its resources from those behind it: that is what keeps the order.
            item.resources.forEach { held.add($0) }
            if isFree && (batch.isEmpty || bytes + item.bytes <= maximumBytes) {
                batch.append(item.entry)
                bytes += item.bytes
                if batch.count == maximumCount { break }
            } else {
                left.append(item)
                // Looking further costs more than it brings once a whole batch has been passed over.
                if left.count > maximumCount { break }
            }
        }
        left.append(contentsOf: waiting)
        waiting = left
        return batch
    }

    mutating func removeAll() -> [Entry] {
        defer { waiting.removeAll() }
        return waiting.map(\.entry)
    }
}

/// What two intents of one batch must not share, unless both only read it.
struct Resource: Hashable, Sendable {
    /// Tenant, kind and value, joined by a character that occurs in none of them.
    let name: String
    let isExclusive: Bool

    init(_ parts: String..., exclusive: Bool = true) {
        name = parts.joined(separator: "\u{1F}")
        isExclusive = exclusive
    }
}

/// The resources of a batch and of those that wait for the next.
private struct Holdings {
    private var exclusive = Set<String>()
    private var shared = Set<String>()

    func permits(_ resource: Resource) -> Bool {
        !exclusive.contains(resource.name) && !(resource.isExclusive && shared.contains(resource.name))
    }

    mutating func add(_ resource: Resource) {
        if resource.isExclusive {
            exclusive.insert(resource.name)
        } else {
            shared.insert(resource.name)
        }
    }
}

extension Intent {
    /// A guard that a kind of claim be absent excludes every claim of that kind from its batch: append checks guards
    /// against the table, not against the batch.
    var resources: [Resource] {
        let tenant = self.tenant.uuid.uuidString
        let written = Set(changes.map(\.stream))
        var resources = [Resource(tenant, "key", key)]
        for stream in expectations.map(\.stream) {
            resources.append(
                Resource(
                    tenant, "stream", stream.category, stream.id.uuidString, exclusive: written.contains(stream)))
        }
        for claim in claims {
            switch claim {
            case .take(let kind, let value, _), .release(let kind, let value, _):
                resources.append(Resource(tenant, "kind", kind, exclusive: false))
                resources.append(Resource(tenant, "claim", kind, value))
            case .absent(let kind, _):
                resources.append(Resource(tenant, "kind", kind))
            }
        }
        return resources
    }

    /// About what it takes in the statement.
    var byteCount: Int {
        changes.reduce(512) { sum, change in
            sum + change.state.count + change.events.reduce(0) { $0 + $1.data.count }
        } + tasks.reduce(0) { $0 + $1.payload.count } + dueIntents.reduce(0) { $0 + $1.payload.count }
    }
}
