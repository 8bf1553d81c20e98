import DequeModule

/// One implicit transaction under way: what was sent, and what has come of it so far.
struct PipelineGroup {
    /// What each expected result belongs to.
    enum Step: Equatable {
        case deallocate(String)
        case setting
        /// For a member, or (nil) for the group's own setting.
        case prepare(String, member: Int?)
        case run(member: Int)
        case sync
    }

    struct Member {
        enum State { case pending, delivered, rerun }
        let id: RequestID
        let isRead: Bool
        var state = State.pending
        var results: [Rows] = []
    }

    var steps: [Step] = []
    var position = 0
    var members: [Member] = []
    /// The first failure, which aborted what follows, and the member it belongs to (nil: none of them).
    var failure: PostgresError?
    var culprit: Int?
    /// The `statement_timeout` in force, in nanoseconds.
    var timeout: Int64 = 0

    var isExclusive: Bool { members.contains { !$0.isRead } }

    /// The member whose result is awaited.
    var running: RequestID? {
        switch steps[position] {
        case .prepare(_, let member?), .run(let member): members[member].id
        case .prepare, .deallocate, .setting, .sync: nil
        }
    }
}

/// One connection of a lane: its groups under way and its prepared statements.
struct PipelineConnection {
    let id: ConnectionID
    var isOpen = false
    var groups: Deque<PipelineGroup> = []
    var cache: StatementCache
    /// The lease that has it, if any, and whether the lease's transaction is open.
    var lease: RequestID?
    var isInTransaction = false
    /// Statements of the lease that wait until a cancel request is through.
    var held: [PoolRequest] = []
    /// A cancel request is on its way to the server.
    var isCancelling = false
    /// Nothing new is sent until all that was under way during a cancel request is done.
    var isQuarantined = false
    var cancelTarget: RequestID?
    /// Reads under way that nobody waits for any more.
    var abandoned: Set<RequestID> = []
    var lastProgress: Int64 = 0
    private var transactions: UInt64 = 0

    init(id: ConnectionID, preparedStatements: Int) {
        self.id = id
        cache = StatementCache(limit: preparedStatements)
    }

    var isIdle: Bool { isOpen && groups.isEmpty && lease == nil && !isQuarantined }

    func acceptsReads(depth: Int) -> Bool {
        isOpen && lease == nil && !isQuarantined && groups.count < depth && !groups.contains(where: \.isExclusive)
    }

    /// Takes the requests as one group, and says what to send for it.
    mutating func begin(_ requests: [PoolRequest], setting: SQL?, timeout: Int64, now: Int64) -> [LaneAction.Command] {
        if groups.isEmpty { lastProgress = now }
        transactions += 1
        var group = PipelineGroup()
        group.timeout = timeout
        var commands: [LaneAction.Command] = []
        commands.reserveCapacity(requests.count + 2)
        // Chosen first, so that what has to go makes room in the same group.
        var body: [LaneAction.Command] = []
        var steps: [PipelineGroup.Step] = []
        if let setting { add(setting, member: nil, to: &body, &steps) }
        for request in requests {
            group.members.append(.init(id: request.id, isRead: request.isRead))
            for statement in request.statements {
                add(statement, member: group.members.count - 1, to: &body, &steps)
            }
        }
        for name in cache.takeDropped() {
            commands.append(.runUnnamed(SQL("DEALLOCATE \(unescaped: name)")))
            group.steps.append(.deallocate(name))
        }
        commands += body
        commands.append(.sync)
        group.steps += steps
        group.steps.append(.sync)
        groups.append(group)
        return commands
    }

    private mutating func add(
        _ sql: SQL, member: Int?, to commands: inout [LaneAction.Command], _ steps: inout [PipelineGroup.Step]
    ) {
        switch cache.use(sql, in: transactions) {
        case .prepared(let name): commands.append(.run(prepared: name, sql))
        case .unnamed: commands.append(.runUnnamed(sql))
        case .prepare(let name):
            commands.append(.prepare(name, sql))
            steps.append(.prepare(name, member: member))
            commands.append(.run(prepared: name, sql))
        }
        steps.append(member.map { .run(member: $0) } ?? .setting)
    }

    enum Effect {
        case none
        case delivered(RequestID, Rows)
        /// The statement of the member at this index failed, or (nil) something before all members.
        case failed(member: Int?, PostgresError)
        case completed(PipelineGroup)
        /// A result that nobody waits for: the connection cannot be trusted.
        case confused
    }

    /// Matches the next result to what was sent.
    mutating func receive(_ outcome: Link.Outcome, now: Int64) -> Effect {
        guard !groups.isEmpty else { return .confused }
        lastProgress = now
        let step = groups[0].steps[groups[0].position]
        switch (outcome, step) {
        case (.end, .sync): return .none
        case (.end, _):
            groups[0].position += 1
            return .none
        case (.rows, .deallocate), (.rows, .setting): return .none
        case (.rows, .prepare(let name, _)):
            cache.prepared(name)
            return .none
        case (.rows(let rows), .run(let index)):
            guard groups[0].members[index].isRead else {
                groups[0].members[index].results.append(rows)
                return .none
            }
            groups[0].members[index].state = .delivered
            return .delivered(groups[0].members[index].id, rows)
        case (.failed(let error), _):
            forget(step)
            let member: Int? =
                switch step {
                case .prepare(_, let index): index
                case .run(let index): index
                case .deallocate, .setting, .sync: nil
                }
            if groups[0].failure == nil {
                groups[0].failure = error
                groups[0].culprit = member
            }
            return .failed(member: member, error)
        case (.aborted, _):
            forget(step)
            return .none
        case (.synced(let isIdle), .sync):
            isInTransaction = !isIdle
            return groups.popFirst().map(Effect.completed) ?? .confused
        case (.unusable, _), (.synced, _), (.rows, .sync): return .confused
        }
    }

    /// Neither a Parse nor a DEALLOCATE that failed or was skipped has had its effect.
    private mutating func forget(_ step: PipelineGroup.Step) {
        switch step {
        case .prepare(let name, _): cache.notPrepared(name)
        case .deallocate(let name): cache.keepDropped(name)
        case .setting, .run, .sync: break
        }
    }
}
