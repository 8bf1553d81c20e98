import FoundationEssentials

typealias RequestID = UInt64
typealias ConnectionID = UInt64

/// What a task wants of a lane.
struct PoolRequest: Sendable {
    enum Kind: Hashable, Sendable {
        /// One statement without effects: grouped with others, and run again when it failed for another's sake.
        case read
        /// Statements of one implicit transaction: alone on its connection while it runs, sent once.
        case write
        /// A connection of its own, until it is released. The lease is named by this request.
        case lease
        /// Statements on the connection of a lease.
        case leased(RequestID)
    }

    let id: RequestID
    let kind: Kind
    let statements: [SQL]
    let tenant: UUID?
    /// The server's `statement_timeout` for each statement, in milliseconds.
    let timeout: Int32
    let submittedAt: Int64
    /// When waiting to be sent has lasted too long.
    var waitUntil: Int64
    /// When the caller is told that its time is over.
    let deadline: Int64
    /// How often it was lost with its connection, or failed for a reason that passes.
    var attempts = 0
    var sentAt: Int64 = 0
    let size: Int

    init(
        id: RequestID, kind: Kind, statements: [SQL], tenant: UUID?, timeout: Int32, now: Int64, wait: Int64
    ) {
        self.id = id
        self.kind = kind
        self.statements = statements
        self.tenant = tenant
        self.timeout = timeout
        submittedAt = now
        waitUntil = now + wait
        deadline = now + Int64(timeout) * 1_000_000
        size = statements.reduce(0) { $0 + $1.size }
    }

    var isRead: Bool { kind == .read }
}

/// What a lane's shell is to do, in this order.
enum LaneAction: Sendable {
    /// Connect; answered by `opened` or `openFailed`.
    case open(ConnectionID)
    case send(ConnectionID, [Command])
    case finish(RequestID, Result<[Rows], PostgresError>)
    /// Ask the server to cancel what runs on the connection; answered by `cancelSent`.
    case cancelRunning(ConnectionID)
    case close(ConnectionID)

    enum Command: Sendable {
        case prepare(String, SQL)
        case run(prepared: String, SQL)
        case runUnnamed(SQL)
        case sync
    }
}

/// The bounds of one lane, in nanoseconds where they are times.
struct LaneLimits: Sendable {
    var connections: Int
    /// Groups of reads under way on one connection.
    var depth: Int
    var groupCount: Int
    var groupBytes: Int
    var preparedStatements: Int
    /// The session's own `statement_timeout` in milliseconds, which need not be set again.
    var defaultTimeout: Int32
    var silence: Int64
    var backoff: Backoff
    /// How much longer than its deadline a read that was sent is awaited, for the server's own word on it.
    var grace: Int64 = 500_000_000
    /// How long an abandoned read may go on before it is cancelled: most are done by then.
    var cancelDelay: Int64 = 10_000_000
    var attempts = 3

    init(_ configuration: PoolConfiguration, lane: Lane) {
        connections = configuration.connections[lane]
        depth = lane == .fast ? 2 : 1
        groupCount = max(1, lane == .slow ? min(configuration.maxGroupCount, 8) : configuration.maxGroupCount)
        groupBytes = configuration.maxGroupBytes
        preparedStatements = configuration.maxPreparedStatements
        defaultTimeout = configuration.defaultDeadline.milliseconds
        silence = configuration.silence.nanoseconds
        backoff = Backoff(minimum: configuration.minBackoff, maximum: configuration.maxBackoff)
    }
}
