import FoundationEssentials

/// Decides everything about a lane's requests and connections, and does nothing itself: it is told what has happened
/// and the time, and leaves `LaneAction`s to be performed.
///
/// Reads that wait for the same tenant travel as one implicit transaction behind one setting of the tenant. An error
/// aborts what follows in its transaction: the followers are sent again, the failed one is not.
struct LaneMachine {
    struct Pending {
        var request: PoolRequest
        var isSent = false
    }

    let limits: LaneLimits
    var actions: [LaneAction] = []
    var statistics = PoolStatistics.LaneStatistics()
    var queue = RequestQueue()
    var pending: [RequestID: Pending] = [:]
    var connections: [PipelineConnection] = []
    var failuresToOpen = 0
    var lastOpenError: PostgresError?
    /// Not before this time is another connection attempted.
    var openNotBefore: Int64 = .min
    /// No request expires before this time.
    var nextExpiry: Int64 = .max
    /// Set when the lane is being closed: by then all must be done.
    var drainUntil: Int64?
    private var connectionNumber: ConnectionID
    private let random: () -> Double

    /// - Parameters:
    ///   - firstConnection: connections are numbered from here.
    ///   - random: of 0...1, for the jitter of the back-off.
    init(limits: LaneLimits, firstConnection: ConnectionID = 0, random: @escaping () -> Double) {
        self.limits = limits
        self.random = random
        connectionNumber = firstConnection
    }

    mutating func takeActions() -> [LaneAction] {
        defer { actions.removeAll(keepingCapacity: true) }
        return actions
    }

    func index(of id: ConnectionID) -> Int? { connections.firstIndex { $0.id == id } }

    // MARK: Requests

    mutating func submit(_ request: PoolRequest, now: Int64) {
        if case .leased(let lease) = request.kind {
            return submitLeased(request, to: lease, now: now)
        }
        guard drainUntil == nil else {
            return actions.append(.finish(request.id, .failure(PostgresError(.closed, "the pool is closed"))))
        }
        pending[request.id] = Pending(request: request)
        statistics.waiting += 1
        nextExpiry = min(nextExpiry, request.waitUntil, request.deadline)
        queue.append(request)
    }

    private mutating func submitLeased(_ request: PoolRequest, to lease: RequestID, now: Int64) {
        guard let index = connections.firstIndex(where: { $0.lease == lease }) else {
            let error = PostgresError(.connectionLost, "the transaction's connection was lost; it was rolled back")
            return actions.append(.finish(request.id, .failure(error)))
        }
        if connections[index].isQuarantined {
            connections[index].held.append(request)
        } else {
            send([request], setting: nil, on: index, now: now)
        }
    }

    /// The lease's transaction is over. A connection that is still in one, or in doubt, is not used again.
    mutating func release(_ lease: RequestID, now: Int64) {
        guard let index = connections.firstIndex(where: { $0.lease == lease }) else { return }
        if connections[index].groups.isEmpty, !connections[index].isInTransaction, !connections[index].isCancelling {
            connections[index].lease = nil
        } else {
            actions.append(.close(connections[index].id))
            lost(connections[index].id, PostgresError(.connectionLost, "left in a transaction"), now: now)
        }
    }

    /// The task that waits for the request was cancelled.
    mutating func cancel(_ id: RequestID, now: Int64) {
        guard let entry = pending[id] else { return }
        guard entry.isSent else {
            return finish(id, .failure(PostgresError(.cancelled, "cancelled before it was sent")))
        }
        guard let index = connections.firstIndex(where: { $0.has(id) }) else { return }
        if entry.request.isRead {
            connections[index].abandoned.insert(id)
            nextExpiry = min(nextExpiry, now + limits.cancelDelay)
            finish(id, .failure(PostgresError(.cancelled, "cancelled")))
        } else {
            // Nothing else is under way on this connection, and only the server can say what became of it.
            cancelRunning(id, on: index)
        }
    }

    mutating func cancelRunning(_ id: RequestID, on index: Int) {
        guard !connections[index].isCancelling else { return }
        connections[index].isCancelling = true
        connections[index].isQuarantined = true
        connections[index].cancelTarget = id
        actions.append(.cancelRunning(connections[index].id))
    }

    /// The server has been sent the cancel request: what it may still hit is what is under way.
    mutating func cancelSent(_ id: ConnectionID, now: Int64) {
        guard let index = index(of: id) else { return }
        connections[index].isCancelling = false
        endQuarantine(of: index, now: now)
    }

    mutating func endQuarantine(of index: Int, now: Int64) {
        guard connections[index].isQuarantined, !connections[index].isCancelling, connections[index].groups.isEmpty
        else { return }
        connections[index].isQuarantined = false
        connections[index].cancelTarget = nil
        let held = connections[index].held
        connections[index].held = []
        for request in held { send([request], setting: nil, on: index, now: now) }
    }

    mutating func finish(_ id: RequestID, _ result: Result<[Rows], PostgresError>) {
        guard let entry = pending.removeValue(forKey: id) else { return }
        if !entry.isSent { statistics.waiting -= 1 }
        statistics.queries += 1
        if case .failure = result { statistics.errors += 1 }
        actions.append(.finish(id, result))
    }

    // MARK: Connections

    mutating func opened(_ id: ConnectionID, now: Int64) {
        guard let index = index(of: id) else { return }
        connections[index].isOpen = true
        failuresToOpen = 0
        lastOpenError = nil
    }

    mutating func openFailed(_ id: ConnectionID, _ error: PostgresError, now: Int64) {
        connections.removeAll { $0.id == id }
        failuresToOpen += 1
        statistics.reconnects += 1
        lastOpenError = error
        openNotBefore = now + limits.backoff.delay(after: failuresToOpen, random: random()).nanoseconds
    }

    /// The connection is gone. Reads under way are sent again, a bounded number of times; of writes nothing is known.
    mutating func lost(_ id: ConnectionID, _ error: PostgresError, now: Int64) {
        guard let index = index(of: id) else { return }
        let connection = connections.remove(at: index)
        if connection.isOpen { statistics.reconnects += 1 }
        for group in connection.groups.reversed() {
            for member in group.members.reversed() where member.state != .delivered {
                if member.isRead {
                    rerun(member.id, countsAsAttempt: true, failure: error, now: now)
                } else {
                    finish(member.id, .failure(group.failure ?? error))
                }
            }
        }
        for request in connection.held { actions.append(.finish(request.id, .failure(error))) }
    }

    mutating func rerun(_ id: RequestID, countsAsAttempt: Bool, failure: PostgresError, now: Int64) {
        guard var entry = pending[id], entry.isSent else { return }
        if countsAsAttempt { entry.request.attempts += 1 }
        guard entry.request.attempts < limits.attempts else { return finish(id, .failure(failure)) }
        entry.isSent = false
        entry.request.waitUntil = entry.request.deadline
        pending[id] = entry
        statistics.waiting += 1
        statistics.reruns += 1
        nextExpiry = min(nextExpiry, entry.request.deadline)
        queue.putBack(entry.request)
    }

    mutating func openConnection() {
        connectionNumber += 1
        connections.append(PipelineConnection(id: connectionNumber, preparedStatements: limits.preparedStatements))
        actions.append(.open(connectionNumber))
    }
}

extension PipelineConnection {
    func has(_ request: RequestID) -> Bool { groups.contains { $0.members.contains { $0.id == request } } }
}
