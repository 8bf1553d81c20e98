extension LaneMachine {
    /// When `tick` has something to do; `Int64.max` for never.
    var nextTick: Int64 { min(nextExpiry, drainUntil ?? .max) }

    /// Lets deadlines pass.
    mutating func tick(now: Int64) {
        guard now >= nextTick else { return }
        nextExpiry = openNotBefore > now ? openNotBefore : .max
        for entry in pending.values { expire(entry, now: now) }
        for connection in connections { watch(connection, now: now) }
        if let drainUntil, now >= drainUntil { giveUp(now: now) }
    }

    private mutating func expire(_ entry: Pending, now: Int64) {
        let request = entry.request
        if entry.isSent {
            // Only the server can say what became of a write.
            guard request.isRead else { return }
            if now >= request.deadline + limits.grace {
                if let index = connections.firstIndex(where: { $0.has(request.id) }) {
                    connections[index].abandoned.insert(request.id)
                }
                finish(request.id, .failure(PostgresError(.deadlineExceeded, "no answer within the deadline")))
            } else {
                nextExpiry = min(nextExpiry, request.deadline + limits.grace)
            }
        } else if now >= request.waitUntil, request.waitUntil < request.deadline {
            finish(request.id, .failure(waitError(.poolWaitExceeded, "no connection became free in time")))
        } else if now >= request.deadline {
            finish(request.id, .failure(waitError(.deadlineExceeded, "the deadline passed before it was sent")))
        } else {
            nextExpiry = min(nextExpiry, request.waitUntil, request.deadline)
        }
    }

    /// Where no connection can be opened, that is the reason.
    private func waitError(_ kind: PostgresError.Kind, _ message: String) -> PostgresError {
        guard let lastOpenError, !connections.contains(where: \.isOpen) else { return PostgresError(kind, message) }
        return lastOpenError
    }

    private mutating func watch(_ connection: PipelineConnection, now: Int64) {
        guard let head = connection.groups.first else { return }
        let silentAt = connection.lastProgress + head.timeout + limits.silence
        if now >= silentAt {
            actions.append(.close(connection.id))
            let error = PostgresError(.connectionLost, "the server has been silent for too long")
            return lost(connection.id, error, now: now)
        }
        nextExpiry = min(nextExpiry, silentAt)
        guard !connection.abandoned.isEmpty else { return }
        if let running = head.running, connection.abandoned.contains(running), let index = index(of: connection.id) {
            if now - connection.lastProgress >= limits.cancelDelay { cancelRunning(running, on: index) }
        }
        if !connection.isCancelling { nextExpiry = min(nextExpiry, now + limits.cancelDelay) }
    }

    // MARK: Closing

    /// No new requests; those accepted are carried through, until `limit`.
    mutating func drain(until limit: Int64) { drainUntil = limit }

    /// Nothing is left to be done: connections may be closed.
    var isDrained: Bool {
        drainUntil != nil && pending.isEmpty && !connections.contains { $0.lease != nil || !$0.groups.isEmpty }
    }

    private mutating func giveUp(now: Int64) {
        for connection in connections {
            actions.append(.close(connection.id))
            lost(connection.id, PostgresError(.connectionLost, "the pool was closed"), now: now)
        }
        for id in pending.keys { finish(id, .failure(PostgresError(.closed, "the pool was closed"))) }
    }
}
