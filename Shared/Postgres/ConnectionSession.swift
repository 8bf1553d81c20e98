import Synchronization

/// Performs the jobs of one connection, one after the other, on the worker's thread.
struct ConnectionSession {
    private let link: Link
    private var cache = StatementCache(limit: 128)
    private var transactions: UInt64 = 0
    /// The session's `statement_timeout` as last set here; nil if it must be set again before it is relied on.
    private var timeout: Timeout? = .sessionDefault

    private enum Timeout: Equatable { case sessionDefault, milliseconds(Int32) }

    /// How long after a statement's own deadline a silent server is given up.
    private static let silence: Int64 = 5_000_000_000

    init(link: Link) { self.link = link }

    mutating func perform(_ job: ConnectionWorker.Job) -> Result<[Rows], PostgresError> {
        if job.isCancelled.load(ordering: .sequentiallyConsistent) {
            return .failure(PostgresError(.cancelled, "cancelled before it was sent"))
        }
        let started = monotonicNow()
        do throws(PostgresError) {
            let limit = job.timeout.map { started + $0.nanoseconds + Self.silence }
            if !job.isControl { try setTimeout(job.timeout, until: limit) }
            switch job.work {
            case .simple(let text):
                // The text may change any setting.
                timeout = nil
                guard link.sendSimple(text) else { throw link.lostError }
                return .success(try collect(until: limit))
            case .statements(let statements):
                if job.isControl || link.isInFailedTransaction {
                    guard let first = statements.first, link.send(first) else { throw link.lostError }
                    timeout = nil
                    return .success(try collect(until: limit))
                }
                return .success(
                    statements.count == 1
                        ? try performOne(statements[0], until: limit) : try performAll(statements, until: limit))
            }
        } catch {
            return .failure(classified(error, job, started))
        }
    }

    /// 57014 comes from a timeout, from our own cancel, or from an administrator.
    private func classified(
        _ error: PostgresError, _ job: ConnectionWorker.Job, _ started: Int64
    ) -> PostgresError {
        guard error.kind == .server(sqlState: "57014") else { return error }
        var error = error
        if job.isCancelled.load(ordering: .sequentiallyConsistent) {
            error.kind = .cancelled
        } else if let timeout = job.timeout, monotonicNow() - started >= timeout.nanoseconds {
            error.kind = .deadlineExceeded
        }
        return error
    }

    private mutating func setTimeout(_ wanted: Duration?, until limit: Int64?) throws(PostgresError) {
        let wanted: Timeout = wanted.map { .milliseconds($0.milliseconds) } ?? .sessionDefault
        guard timeout != wanted, !link.isInFailedTransaction else { return }
        timeout = nil
        let value = if case .milliseconds(let milliseconds) = wanted { "\(milliseconds)" } else { "DEFAULT" }
        guard link.sendSimple("SET statement_timeout TO \(value)") else { throw link.lostError }
        _ = try collect(until: limit)
        timeout = wanted
    }

    private mutating func performOne(_ sql: SQL, until limit: Int64?) throws(PostgresError) -> [Rows] {
        transactions += 1
        let name: String
        switch cache.use(sql, in: transactions) {
        case .prepared(let prepared): name = prepared
        case .unnamed:
            guard link.send(sql) else { throw link.lostError }
            return try collect(until: limit)
        case .prepare(let new):
            try freeDropped(until: limit)
            do throws(PostgresError) {
                guard link.sendPrepare(new, sql) else { throw link.lostError }
                _ = try collect(until: limit)
                cache.prepared(new)
            } catch {
                cache.notPrepared(new)
                throw error
            }
            name = new
        }
        guard link.send(prepared: name, sql) else { throw link.lostError }
        do throws(PostgresError) {
            return try collect(until: limit)
        } catch {
            if error.isStalePlan { cache.invalidate(sql) }
            throw error
        }
    }

    private mutating func freeDropped(until limit: Int64?) throws(PostgresError) {
        for name in cache.takeDropped() {
            guard link.sendSimple("DEALLOCATE \(name)") else { throw link.lostError }
            _ = try collect(until: limit)
        }
    }

    /// Several statements before one sync are one implicit transaction.
    private mutating func performAll(_ statements: [SQL], until limit: Int64?) throws(PostgresError) -> [Rows] {
        guard !statements.isEmpty else { return [] }
        guard link.enterPipeline() else { throw link.lostError }
        for statement in statements {
            guard link.send(statement) else { throw link.lostError }
        }
        guard link.sync() else { throw link.lostError }
        var results: [Rows] = []
        var failure: PostgresError?
        var isSynced = false
        while !isSynced {
            try awaitResult(until: limit)
            switch link.nextResult() {
            case .rows(let rows): results.append(rows)
            case .failed(let error): failure = failure ?? error
            case .synced: isSynced = true
            case .end, .aborted: break
            case .unusable: throw unusable()
            }
            if link.isBroken { throw failure ?? link.lostError }
        }
        guard link.exitPipeline() else { throw link.lostError }
        if let failure { throw failure }
        return results
    }

    /// All results of what was sent outside pipeline mode.
    private func collect(until limit: Int64?) throws(PostgresError) -> [Rows] {
        var results: [Rows] = []
        var failure: PostgresError?
        while true {
            try awaitResult(until: limit)
            switch link.nextResult() {
            case .rows(let rows): results.append(rows)
            case .failed(let error): failure = failure ?? error
            case .end:
                if let failure { throw failure }
                return results
            case .aborted, .synced: break
            case .unusable: throw unusable()
            }
        }
    }

    private func unusable() -> PostgresError {
        link.hangUp()
        return PostgresError(.connectionLost, "COPY is not possible here")
    }

    private func awaitResult(until limit: Int64?) throws(PostgresError) {
        while true {
            let isSending = link.flush()
            guard link.isBusy else { return }
            if let limit, monotonicNow() >= limit {
                link.hangUp()
                throw PostgresError(.connectionLost, "the server has been silent for too long")
            }
            _ = waitFor(socket: link.socket, write: isSending, until: limit)
            // A broken connection shows in the next result, with the server's last words if there were any.
            if !link.consume(), link.isBroken { return }
        }
    }
}

extension PostgresError {
    /// The prepared plan does not fit the tables any more, or is gone.
    var isStalePlan: Bool { state == "0A000" || state == "26000" }
}
