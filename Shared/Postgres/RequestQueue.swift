import DequeModule
import FoundationEssentials

/// Requests that wait to be sent, in the order of their coming; tenants take turns, each with a group of reads.
struct RequestQueue {
    /// What reads must share to travel in one group.
    struct GroupKey: Hashable {
        var tenant: UUID?
        var timeout: Int32
    }

    enum Head: Equatable {
        case reads(GroupKey)
        case single(RequestID)
    }

    private var order: Deque<Head> = []
    private var reads: [GroupKey: Deque<RequestID>] = [:]

    /// The next to be sent. Requests that were removed meanwhile may still stand in the queue: the owner skips them.
    var head: Head? { order.first }

    mutating func append(_ request: PoolRequest) {
        guard request.isRead else { return order.append(.single(request.id)) }
        let key = GroupKey(request)
        if reads[key]?.append(request.id) == nil {
            reads[key] = [request.id]
            order.append(.reads(key))
        }
    }

    /// Puts a read back before all others.
    mutating func putBack(_ request: PoolRequest) {
        let key = GroupKey(request)
        if reads[key]?.prepend(request.id) == nil {
            reads[key] = [request.id]
            order.prepend(.reads(key))
        }
    }

    mutating func removeHead() {
        if case .reads(let key)? = order.popFirst() { reads[key] = nil }
    }

    /// Takes reads of one key while `take` says so; what is left waits for its next turn behind the others.
    mutating func takeReads(_ key: GroupKey, while take: (RequestID) -> Bool) {
        guard order.first == .reads(key), var waiting = reads[key] else { return }
        reads[key] = nil
        order.removeFirst()
        while let next = waiting.first, take(next) { waiting.removeFirst() }
        guard !waiting.isEmpty else { return }
        reads[key] = waiting
        order.append(.reads(key))
    }
}

extension RequestQueue.GroupKey {
    init(_ request: PoolRequest) { self.init(tenant: request.tenant, timeout: request.timeout) }
}
