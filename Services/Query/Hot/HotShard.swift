import DequeModule
import EventSourcing
import Foundation

/// A part of the kept answers, bounded in bytes. Whoever is asked for once leaves soon, so that a reader of everything
/// does not drive out what many ask for: S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi: "FIFO queues are all you need for cache
/// eviction", SOSP 2023).
struct HotShard {
    /// Of the bytes, what answers take that have not proved themselves.
    private static let probation = 0.1
    /// Hits beyond these count no further.
    private static let mostHits: UInt8 = 3

    private final class Node {
        let key: HotKey
        /// nil: it was dropped, and only its place in the queue is left.
        var entry: HotEntry?
        let bytes: Int
        var hits: UInt8 = 0
        var isMain = false

        init(_ key: HotKey, _ entry: HotEntry) {
            self.key = key
            self.entry = entry
            bytes = entry.bytes
        }
    }

    private let limit: Int
    private var nodes: [HotKey: Node] = [:]
    /// Who shows which rows, by what a change names: projection and tenant, then the row; nil for lists.
    private var shown: [HotSubject: [UUID?: [HotKey]]] = [:]
    private var small: Deque<Node> = []
    private var main: Deque<Node> = []
    private var smallBytes = 0
    private var mainBytes = 0
    /// Places in the queues that nobody has any more.
    private var vacant = 0
    /// Who left on probation not long ago: whoever comes back has proved himself.
    private var ghosts: Set<Int> = []
    private var ghostOrder: Deque<Int> = []
    private(set) var evicted = 0

    init(limit: Int) { self.limit = limit }

    var count: Int { nodes.count }
    var bytes: Int { smallBytes + mainBytes }

    func find(_ key: HotKey) -> HotEntry? {
        guard let node = nodes[key] else { return nil }
        if node.hits < Self.mostHits { node.hits += 1 }
        return node.entry
    }

    mutating func insert(_ entry: HotEntry, for key: HotKey) {
        // One answer must not cost hundreds of others.
        guard entry.bytes <= limit / 8 else { return }
        if let known = nodes[key] { remove(known) }
        let node = Node(key, entry)
        nodes[key] = node
        shown[Self.owner(entry.subject), default: [:]][entry.subject.id, default: []].append(key)
        node.isMain = ghosts.contains(key.hashValue)
        if node.isMain {
            main.append(node)
            mainBytes += node.bytes
        } else {
            small.append(node)
            smallBytes += node.bytes
        }
        while bytes > limit { evict() }
        if vacant > nodes.count + 64 { compact() }
    }

    mutating func drop(_ change: HotChange) {
        let owner = HotSubject(projection: change.projection, tenant: change.tenant)
        guard let rows = shown[owner] else { return }
        if let id = change.id {
            remove(rows[id])
            remove(rows[nil])
        } else {
            for keys in rows.values { remove(keys) }
        }
    }

    mutating func dropAll(of projection: Projection) {
        for (owner, rows) in shown where owner.projection == projection {
            for keys in rows.values { remove(keys) }
        }
    }

    // MARK: Inside

    private static func owner(_ subject: HotSubject) -> HotSubject {
        HotSubject(projection: subject.projection, tenant: subject.tenant)
    }

    private mutating func remove(_ keys: [HotKey]?) {
        for key in keys ?? [] { if let node = nodes[key] { remove(node) } }
    }

    private mutating func remove(_ node: Node) {
        guard let entry = node.entry else { return }
        node.entry = nil
        nodes[node.key] = nil
        vacant += 1
        if node.isMain { mainBytes -= node.bytes } else { smallBytes -= node.bytes }
        let owner = Self.owner(entry.subject)
        shown[owner]?[entry.subject.id]?.removeAll { $0 == node.key }
        if shown[owner]?[entry.subject.id]?.isEmpty == true { shown[owner]?[entry.subject.id] = nil }
        if shown[owner]?.isEmpty == true { shown[owner] = nil }
    }

    private mutating func evict() {
        if smallBytes > Int(Double(limit) * Self.probation) || main.isEmpty { evictSmall() } else { evictMain() }
    }

    private mutating func evictSmall() {
        guard let node = small.popFirst() else { return }
        guard node.entry != nil else { return vacant -= 1 }
        if node.hits > 0 {
            smallBytes -= node.bytes
            mainBytes += node.bytes
            node.isMain = true
            node.hits = 0
            main.append(node)
        } else {
            leave(node)
            remember(node.key.hashValue)
        }
    }

    private mutating func evictMain() {
        guard let node = main.popFirst() else { return }
        guard node.entry != nil else { return vacant -= 1 }
        if node.hits > 0 {
            node.hits -= 1
            main.append(node)
        } else {
            leave(node)
        }
    }

    private mutating func leave(_ node: Node) {
        remove(node)
        vacant -= 1
        evicted += 1
    }

    /// As many as there are answers.
    private mutating func remember(_ ghost: Int) {
        guard ghosts.insert(ghost).inserted else { return }
        ghostOrder.append(ghost)
        while ghostOrder.count > nodes.count + 64, let oldest = ghostOrder.popFirst() { ghosts.remove(oldest) }
    }

    /// Answers that are dropped before their turn leave their places behind.
    private mutating func compact() {
        small.removeAll { $0.entry == nil }
        main.removeAll { $0.entry == nil }
        vacant = 0
    }
}
