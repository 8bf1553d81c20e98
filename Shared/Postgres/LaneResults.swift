import DequeModule

extension LaneMachine {
    /// True while results are to come on the connection.
    func awaitsResults(_ id: ConnectionID) -> Bool { index(of: id).map { !connections[$0].groups.isEmpty } ?? false }

    /// The next result of a connection. False: the connection has to be given up (`lost` follows).
    mutating func received(_ outcome: Link.Outcome, on id: ConnectionID, now: Int64) -> Bool {
        guard let index = index(of: id) else { return false }
        switch connections[index].receive(outcome, now: now) {
        case .none: return true
        case .confused: return false
        case .delivered(let request, let rows): finish(request, .success([rows]))
        case .failed(let member, let error): return failed(member, error, on: index, now: now)
        case .completed(let group): completed(group, on: index, now: now)
        }
        return true
    }

    private mutating func failed(_ member: Int?, _ error: PostgresError, on index: Int, now: Int64) -> Bool {
        guard error.kind != .connectionLost else { return false }
        guard let member, connections[index].groups[0].members[member].isRead else { return true }
        let id = connections[index].groups[0].members[member].id
        let verdict = verdict(error, of: id, on: index, now: now)
        if case .again = verdict {
            connections[index].groups[0].members[member].state = .rerun
        } else {
            connections[index].groups[0].members[member].state = .delivered
            if case .final(let error) = verdict { finish(id, .failure(error)) }
        }
        return true
    }

    private enum Verdict {
        case final(PostgresError)
        /// It failed for a reason that is not its own.
        case again
    }

    /// 57014 comes from the deadline, from a cancel request meant for this request or another, or from a person.
    private mutating func verdict(
        _ error: PostgresError, of id: RequestID, on index: Int, now: Int64
    ) -> Verdict {
        guard let request = pending[id]?.request else { return .final(error) }
        if error.isStalePlan, let statement = request.statements.first {
            connections[index].cache.invalidate(statement)
            return request.isRead && request.attempts == 0 ? .again : .final(error)
        }
        guard error.sqlState == "57014" else { return .final(error) }
        var error = error
        if connections[index].cancelTarget == id {
            error.kind = .cancelled
        } else if now - request.sentAt >= Int64(request.timeout) * 1_000_000 {
            error.kind = .deadlineExceeded
        } else if connections[index].isQuarantined, request.isRead {
            return .again
        }
        return .final(error)
    }

    private mutating func completed(_ group: PipelineGroup, on index: Int, now: Int64) {
        for member in group.members { connections[index].abandoned.remove(member.id) }
        for memberIndex in group.members.indices.reversed() {
            let member = group.members[memberIndex]
            if !member.isRead {
                complete(member, group, on: index, now: now)
            } else if member.state == .rerun {
                rerun(member.id, countsAsAttempt: true, failure: group.failure ?? .unanswered, now: now)
            } else if member.state == .pending {
                followed(member, group, on: index, now: now)
            }
        }
        endQuarantine(of: index, now: now)
    }

    /// A write, whose transaction has ended one way or the other.
    private mutating func complete(
        _ member: PipelineGroup.Member, _ group: PipelineGroup, on index: Int, now: Int64
    ) {
        guard let error = group.failure else { return finish(member.id, .success(member.results)) }
        if error.isStalePlan, let statements = pending[member.id]?.request.statements {
            for statement in statements { connections[index].cache.invalidate(statement) }
        }
        if case .final(let error) = verdict(error, of: member.id, on: index, now: now) {
            finish(member.id, .failure(error))
        } else {
            finish(member.id, .failure(error))
        }
    }

    /// A read that was not run, because something before it failed.
    private mutating func followed(
        _ member: PipelineGroup.Member, _ group: PipelineGroup, on index: Int, now: Int64
    ) {
        guard let failure = group.failure else { return finish(member.id, .failure(.unanswered)) }
        // Behind a failed neighbour it goes on at once; where the group's own setting failed, a few times.
        rerun(member.id, countsAsAttempt: group.culprit == nil, failure: failure, now: now)
    }
}

extension PostgresError {
    static let unanswered = PostgresError(.connectionLost, "the server sent no result")
}
