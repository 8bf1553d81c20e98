import Runtime

/// What the read side adds to `/metrics`.
enum QueryMetrics {
    static func register(follower: ShardFollower, in metrics: PrometheusMetrics) {
        metrics.describe(
            MetricDefinition(
                "closter_read_lag_positions", .gauge,
                help: "Events of the log that the live generation of a projection does not show yet."),
            MetricDefinition(
                "closter_read_lag_seconds", .gauge,
                help: "How long an event has waited, at least, for the live generation of a projection."),
            MetricDefinition(
                "closter_read_view_age_seconds", .gauge, help: "Time since checkpoints and generations were last seen."),
            MetricDefinition(
                "closter_read_waiting", .gauge, help: "Reads that wait for a projection to reach a position."))
        for projection in Projection.allCases {
            let dimensions = [("projection", projection.rawValue)]
            @Sendable func lag() -> Lag? { follower.freshness()?.lag.first { $0.projection == projection } }
            metrics.observe("closter_read_lag_positions", dimensions: dimensions) {
                lag().map { Double($0.positions) } ?? .nan
            }
            metrics.observe("closter_read_lag_seconds", dimensions: dimensions) {
                lag().map { $0.duration / .seconds(1) } ?? .nan
            }
        }
        metrics.observe("closter_read_view_age_seconds") { follower.freshness().map { $0.age / .seconds(1) } ?? .nan }
        metrics.observe("closter_read_waiting") { Double(follower.waiting) }
    }
}
