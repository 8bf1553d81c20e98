import FoundationEssentials

extension LaneMachine {
    /// Sends what can be sent. Called after everything that was known was told, so that groups grow under load.
    mutating func dispatch(now: Int64) {
        while let head = queue.head {
            switch head {
            case .single(let id):
                guard let entry = pending[id], !entry.isSent else {
                    queue.removeHead()
                    continue
                }
                guard let index = connections.firstIndex(where: \.isIdle) else { return openMore(now: now) }
                queue.removeHead()
                begin(entry.request, on: index, now: now)
            case .reads(let key):
                guard let index = bestForReads() else { return openMore(now: now) }
                let reads = takeReads(key, now: now)
                if !reads.isEmpty { send(reads, setting: setting(for: reads[0]), on: index, now: now) }
                if !connections.contains(where: \.isIdle) { openMore(now: now) }
            }
        }
    }

    private mutating func begin(_ request: PoolRequest, on index: Int, now: Int64) {
        guard request.kind == .lease else {
            return send([request], setting: setting(for: request), on: index, now: now)
        }
        connections[index].lease = request.id
        statistics.waitTime += .nanoseconds(now - request.submittedAt)
        finish(request.id, .success([]))
    }

    /// The connection with the fewest groups under way.
    private func bestForReads() -> Int? {
        var best: Int?
        for index in connections.indices where connections[index].acceptsReads(depth: limits.depth) {
            if let found = best, connections[found].groups.count <= connections[index].groups.count { continue }
            best = index
        }
        return best
    }

    /// The next group: bounded in count and bytes, and no larger than an even share of what waits for the idle.
    private mutating func takeReads(_ key: RequestQueue.GroupKey, now: Int64) -> [PoolRequest] {
        let idle = max(connections.count(where: \.isIdle), 1)
        let share = min(max((statistics.waiting + idle - 1) / idle, 1), limits.groupCount)
        var reads: [PoolRequest] = []
        var bytes = 0
        let pending = pending
        let groupBytes = limits.groupBytes
        queue.takeReads(key) { id in
            // Gone meanwhile: cancelled, or too late.
            guard let entry = pending[id], !entry.isSent else { return true }
            guard reads.isEmpty || (reads.count < share && bytes + entry.request.size <= groupBytes) else {
                return false
            }
            bytes += entry.request.size
            reads.append(entry.request)
            return true
        }
        return reads
    }

    /// What has to be set for the request's transaction; nil if the session's settings will do.
    private func setting(for request: PoolRequest) -> SQL? {
        let timeout = request.timeout == limits.defaultTimeout ? nil : "\(request.timeout)"
        switch (request.tenant, timeout) {
        case (nil, nil): return nil
        case (let tenant?, nil): return "SELECT set_config('closter.tenant', \(tenant.postgresText), true)"
        case (nil, let timeout?): return "SELECT set_config('statement_timeout', \(timeout), true)"
        case (let tenant?, let timeout?):
            return """
                SELECT set_config('closter.tenant', \(tenant.postgresText), true), \
                set_config('statement_timeout', \(timeout), true)
                """
        }
    }

    mutating func send(_ requests: [PoolRequest], setting: SQL?, on index: Int, now: Int64) {
        for request in requests {
            var request = request
            request.sentAt = now
            let waited = pending[request.id] != nil
            pending[request.id] = Pending(request: request, isSent: true)
            if request.isRead { nextExpiry = min(nextExpiry, request.deadline + limits.grace) }
            guard waited else { continue }
            statistics.waiting -= 1
            statistics.waitTime += .nanoseconds(now - request.submittedAt)
        }
        statistics.groups += 1
        let timeout = Int64(requests[0].timeout) * 1_000_000
        let commands = connections[index].begin(requests, setting: setting, timeout: timeout, now: now)
        nextExpiry = min(nextExpiry, connections[index].lastProgress + timeout + limits.silence)
        actions.append(.send(connections[index].id, commands))
    }

    /// One more connection for what waits; one at a time while attempts fail.
    private mutating func openMore(now: Int64) {
        guard connections.count < limits.connections else { return }
        guard now >= openNotBefore else {
            nextExpiry = min(nextExpiry, openNotBefore)
            return
        }
        let opening = connections.count { !$0.isOpen }
        let wanted = failuresToOpen > 0 ? 1 : min(statistics.waiting, limits.connections)
        let count = min(wanted - opening, limits.connections - connections.count)
        guard count > 0 else { return }
        for _ in 0..<count { openConnection() }
    }
}

extension UUID {
    /// As the server writes it.
    var postgresText: String { uuidString.lowercased() }
}
