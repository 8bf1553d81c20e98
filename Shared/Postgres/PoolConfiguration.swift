/// Which connections of a pool a request uses: a slow request blocks only its lane.
public enum Lane: Int, CaseIterable, Sendable {
    /// Look-ups by key.
    case fast
    /// Lists and searches.
    case slow
    /// Writes and transactions.
    case write
}

/// The bounds of a pool.
public struct PoolConfiguration: Sendable {
    public struct Connections: Sendable {
        public var fast: Int
        public var slow: Int
        public var write: Int

        public init(fast: Int = 4, slow: Int = 2, write: Int = 2) {
            self.fast = fast
            self.slow = slow
            self.write = write
        }

        subscript(lane: Lane) -> Int {
            switch lane {
            case .fast: max(fast, 1)
            case .slow: max(slow, 1)
            case .write: max(write, 1)
            }
        }
    }

    /// The most connections each lane opens; they are opened when they are first needed.
    public var connections = Connections()
    /// How long a request may wait before it is sent.
    public var waitDeadline: Duration = .seconds(3)
    /// The deadline of requests that name none.
    public var defaultDeadline: Duration = .seconds(5)
    /// Reads in one group, that is one implicit transaction.
    public var maxGroupCount = 64
    /// Bytes of statements and values in one group; a larger read travels alone.
    public var maxGroupBytes = 256 * 1024
    /// Statements that each connection keeps prepared.
    public var maxPreparedStatements = 256
    /// Reconnecting waits a random time of up to `minBackoff`, doubled with each failure, at most `maxBackoff`.
    public var minBackoff: Duration = .milliseconds(50)
    public var maxBackoff: Duration = .seconds(5)
    /// How much longer than its deadline a server may stay silent before the connection is given up.
    public var silence: Duration = .seconds(5)
    /// How long a pool that is being closed waits for requests and transactions under way.
    public var drainDeadline: Duration = .seconds(10)

    public init() {}
}

/// What a pool does and has done since it was made.
public struct PoolStatistics: Sendable {
    public struct LaneStatistics: Sendable {
        /// Connections that are usable now.
        public var open = 0
        /// Connections with a request or a transaction under way.
        public var busy = 0
        /// Requests not sent yet.
        public var waiting = 0
        public var queries = 0
        public var errors = 0
        /// Groups sent: `queries / groups` is how well grouping works.
        public var groups = 0
        /// Reads sent again, because a neighbour failed or the connection was lost.
        public var reruns = 0
        /// Connections opened in the place of lost ones, and attempts that failed.
        public var reconnects = 0
        /// The sum of the times requests waited before they were sent.
        public var waitTime: Duration = .zero
    }

    public var fast = LaneStatistics()
    public var slow = LaneStatistics()
    public var write = LaneStatistics()

    public subscript(lane: Lane) -> LaneStatistics {
        get {
            switch lane {
            case .fast: fast
            case .slow: slow
            case .write: write
            }
        }
        set {
            switch lane {
            case .fast: fast = newValue
            case .slow: slow = newValue
            case .write: write = newValue
            }
        }
    }
}
