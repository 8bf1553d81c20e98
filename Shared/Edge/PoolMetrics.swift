public import Postgres
public import Runtime

extension Edge {
    /// Exposes a pool's connections and work as `closter_pool_*`, by lane, read at each scrape.
    /// - Parameter name: tells this pool from others of the process.
    public static func observe(_ pool: PostgresPool, in metrics: PrometheusMetrics, name: String = "main") {
        for lane in Lane.allCases {
            let dimensions = [("pool", name), ("lane", "\(lane)")]
            func observe(
                _ metric: String, _ kind: MetricDefinition.Kind,
                _ read: @escaping @Sendable (PoolStatistics.LaneStatistics) -> Double
            ) {
                metrics.observe("closter_pool_\(metric)", kind, dimensions: dimensions) {
                    read(pool.statistics[lane])
                }
            }
            observe("open_connections", .gauge) { Double($0.open) }
            observe("busy_connections", .gauge) { Double($0.busy) }
            observe("waiting", .gauge) { Double($0.waiting) }
            observe("queries_total", .counter) { Double($0.queries) }
            observe("errors_total", .counter) { Double($0.errors) }
            observe("reconnects_total", .counter) { Double($0.reconnects) }
            observe("wait_seconds_total", .counter) { $0.waitTime / .seconds(1) }
        }
    }
}
