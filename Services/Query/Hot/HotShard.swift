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
        /// Where it stands among those that show the same row.
        var place = 0

        init(_ key: HotKey, _ entry: HotEntry) {
            self.key = key
            self.entry = entry
            bytes = entry.bytes + key.bytes
        }
    }

    private let limit: Int
    private var nodes: [HotKey: Node] = [:]
    /// Who shows which rows, by what a change names: projection and tenant, then the row; nil for lists.
    private var shown: [HotSubject: [UUID?: [Node]]] = [:]
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
        let node = Node(key, entry)
        guard node.bytes <= limit / 8 else { return }
        if let known = nodes[key] { remove(known) }
        nodes[key] = node
        show(node, entry.subject)
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
        if let id = change.id {
            vacate(shown[owner]?.removeValue(forKey: id))
            vacate(shown[owner]?.removeValue(forKey: nil))
            if shown[owner]?.isEmpty == true { shown[owner] = nil }
        } else {
            vacateAll(of: owner)
        }
    }

    mutating func dropAll(of projection: Projection) {
        for owner in shown.keys where owner.projection == projection { vacateAll(of: owner) }
    }

    // MARK: Inside

    private static func owner(_ subject: HotSubject) -> HotSubject {
        HotSubject(projection: subject.projection, tenant: subject.tenant)
    }

    private mutating func show(_ node: Node, _ subject: HotSubject) {
        node.place = shown[Self.owner(subject)]?[subject.id]?.count ?? 0
        shown[Self.owner(subject), default: [:]][subject.id, default: []].append(node)
    }

    /// The last of those that show the same row takes its place: there may be thousands.
    private mutating func hide(_ node: Node, _ subject: HotSubject) {
        let owner = Self.owner(subject)
        guard let last = shown[owner]?[subject.id]?.popLast() else { return }
        if last !== node {
            last.place = node.place
            shown[owner]?[subject.id]?[node.place] = last
        }
        guard shown[owner]?[subject.id]?.isEmpty == true else { return }
        shown[owner]?.removeValue(forKey: subject.id)
        if shown[owner]?.isEmpty == true { shown[owner] = nil }
    }

    private mutating func remove(_ node: Node) {
        guard let entry = node.entry else { return }
        hide(node, entry.subject)
        vacate(node)
    }

    private mutating func vacateAll(of owner: HotSubject) {
        for nodes in (shown.removeValue(forKey: owner) ?? [:]).values { vacate(nodes) }
    }

    private mutating func vacate(_ nodes: [Node]?) { for node in nodes ?? [] { vacate(node) } }

    /// Leaves its place in the queue behind.
    private mutating func vacate(_ node: Node) {
        node.entry = nil
        nodes[node.key] = nil
        vacant += 1
        if node.isMain { mainBytes -= node.bytes } else { smallBytes -= node.bytes }
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
