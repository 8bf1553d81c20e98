/// What a metric is, for its `# HELP` and `# TYPE` lines and its buckets.
public struct MetricDefinition: Equatable, Sendable {
    public enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    public var name: String
    public var kind: Kind
    public var help: String
    /// Upper bounds of a histogram's buckets, ascending, in the metric's base unit, without +Inf.
    public var buckets: [Double]

    public init(_ name: String, _ kind: Kind, buckets: [Double] = MetricDefinition.seconds, help: String) {
        self.name = name
        self.kind = kind
        self.help = help
        self.buckets = kind == .histogram ? buckets : []
    }

    /// From half a millisecond to ten seconds: requests and statements.
    public static let seconds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    /// Powers of two up to a thousand: how many things went together.
    public static let counts: [Double] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
}

extension MetricDefinition {
    /// The metrics every service shares by name. A service describes its own with `PrometheusMetrics.describe`.
    static let shared: [MetricDefinition] = [
        .init("closter_http_requests_total", .counter, help: "Requests answered, by route pattern, method and status."),
        .init(
            "closter_http_request_duration_seconds", .histogram,
            help: "Time from a request's head until its answer is ready to be sent, in seconds."),
        .init("closter_http_requests_in_flight", .gauge, help: "Requests being answered now."),
        .init("closter_append_batch_size", .histogram, buckets: counts, help: "Intents committed together."),
        .init("closter_append_duration_seconds", .histogram, help: "Time one append call took, in seconds."),
        .init("closter_append_conflicts_total", .counter, help: "Intents refused because a stream had moved on."),
        .init("closter_projection_lag_positions", .gauge, help: "Positions between the log's head and a projection."),
        .init("closter_projection_lag_seconds", .gauge, help: "Age of the oldest event not yet projected, in seconds."),
        .init("closter_pool_open_connections", .gauge, help: "Connections to Postgres, by lane."),
        .init("closter_pool_busy_connections", .gauge, help: "Connections with a statement in flight, by lane."),
        .init("closter_pool_waiting", .gauge, help: "Statements waiting for a connection, by lane."),
        .init("closter_pool_queries_total", .counter, help: "Statements sent, by lane."),
        .init("closter_pool_errors_total", .counter, help: "Statements that failed, by lane."),
        .init("closter_pool_reconnects_total", .counter, help: "Connections made anew, by lane."),
        .init("closter_pool_wait_seconds_total", .counter, help: "Time statements waited to be sent, in seconds."),
    ]
}
