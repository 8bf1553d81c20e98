import Foundation

@testable import Postgres

/// A lane's machine without a server: the test plays the server and the clock.
struct LaneHarness {
    var machine: LaneMachine
    /// Nanoseconds; never zero, so that "not sent" cannot pass for "sent at the beginning".
    var now: Int64 = 1_000_000_000
    var finished: [RequestID: Result<[Rows], PostgresError>] = [:]
    /// What was sent to each connection and not answered yet.
    var sent: [ConnectionID: [LaneAction.Command]] = [:]
    var opening: [ConnectionID] = []
    var cancelled: [ConnectionID] = []
    var closed: [ConnectionID] = []
    private var lastRequest: RequestID = 0

    init(
        connections: Int = 1, depth: Int = 1, groupCount: Int = 64, groupBytes: Int = 1 << 20, prepared: Int = 64
    ) {
        var pool = PoolConfiguration()
        pool.defaultDeadline = .seconds(5)
        pool.maxPreparedStatements = prepared
        var limits = LaneLimits(pool, lane: .fast)
        limits.connections = connections
        limits.depth = depth
        limits.groupCount = groupCount
        limits.groupBytes = groupBytes
        machine = LaneMachine(limits: limits, random: { 1 })
    }

    @discardableResult
    mutating func submit(
        _ statements: SQL..., kind: PoolRequest.Kind = .read, tenant: UUID? = nil, timeout: Int32 = 5000,
        wait: Int64 = 3_000_000_000
    ) -> RequestID {
        lastRequest += 1
        machine.submit(
            PoolRequest(
                id: lastRequest, kind: kind, statements: statements, tenant: tenant, timeout: timeout, now: now,
                wait: wait), now: now)
        return lastRequest
    }

    /// Lets the machine do what it can, and every connection it wants be opened.
    mutating func settle(opens: Bool = true) {
        machine.tick(now: now)
        machine.dispatch(now: now)
        collect()
        while opens, !opening.isEmpty {
            machine.opened(opening.removeFirst(), now: now)
            machine.dispatch(now: now)
            collect()
        }
    }

    mutating func advance(_ duration: Duration, opens: Bool = true) {
        now += duration.nanoseconds
        settle(opens: opens)
    }

    mutating func collect() {
        for action in machine.takeActions() {
            switch action {
            case .open(let id): opening.append(id)
            case .send(let id, let commands): sent[id, default: []] += commands
            case .finish(let id, let result): finished[id] = result
            case .cancelRunning(let id): cancelled.append(id)
            case .close(let id): closed.append(id)
            }
        }
    }

    /// The server answers the next transaction on a connection; `fails` names texts that fail and how.
    mutating func answer(
        _ id: ConnectionID = 1, fails: [String: PostgresError] = [:], commitFails: PostgresError? = nil
    ) {
        var isAborted = false
        while var commands = sent[id], !commands.isEmpty {
            let command = commands.removeFirst()
            sent[id] = commands
            if case .sync = command {
                if let commitFails, !isAborted {
                    _ = machine.received(.failed(commitFails), on: id, now: now)
                    _ = machine.received(.end, on: id, now: now)
                }
                _ = machine.received(.synced(isIdle: true), on: id, now: now)
                return settle()
            }
            if isAborted {
                _ = machine.received(.aborted, on: id, now: now)
            } else if let error = fails[command.key] {
                isAborted = true
                _ = machine.received(.failed(error), on: id, now: now)
            } else {
                _ = machine.received(.rows(.empty), on: id, now: now)
            }
            _ = machine.received(.end, on: id, now: now)
        }
    }

    func error(_ id: RequestID) -> PostgresError? {
        if case .failure(let error)? = finished[id] { error } else { nil }
    }

    func succeeded(_ id: RequestID) -> Bool {
        if case .success? = finished[id] { true } else { false }
    }

    func keys(_ id: ConnectionID = 1) -> [String] { sent[id, default: []].map(\.key) }
}

extension LaneAction.Command {
    /// For comparing: what would go over the wire.
    var key: String {
        switch self {
        case .prepare(let name, let sql): "prepare \(name) \(sql.text)"
        case .run(let name, _): "run \(name)"
        case .runUnnamed(let sql): sql.text
        case .sync: "sync"
        }
    }
}

func serverError(_ state: String) -> PostgresError { PostgresError(.server(sqlState: state), "as the test wants it") }
