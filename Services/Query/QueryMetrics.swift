import Runtime
import Synchronization

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

    static func register(hot: HotAnswers, in metrics: PrometheusMetrics) {
        metrics.describe(
            MetricDefinition("closter_hot_answers", .gauge, help: "Finished answers that are kept."),
            MetricDefinition("closter_hot_bytes", .gauge, help: "What they take in memory, about."),
            MetricDefinition(
                "closter_hot_reads_total", .counter,
                help: "Reads that an answer was looked for: given at once, or missed and left to the router."),
            MetricDefinition(
                "closter_hot_evicted_total", .counter, help: "Answers that made room for others."),
            MetricDefinition(
                "closter_hot_changes_total", .counter, help: "Changes of rows that were taken in, by tenant and batch."),
            MetricDefinition(
                "closter_hot_lost_total", .counter,
                help: "How often all answers were dropped, because changes could not be read."))
        metrics.observe("closter_hot_answers") { Double(hot.store.size.answers) }
        metrics.observe("closter_hot_bytes") { Double(hot.store.size.bytes) }
        metrics.observe("closter_hot_evicted_total", .counter) { Double(hot.store.size.evicted) }
        metrics.observe("closter_hot_reads_total", .counter, dimensions: [("outcome", "given")]) {
            Double(hot.counts.given.load(ordering: .relaxed))
        }
        metrics.observe("closter_hot_reads_total", .counter, dimensions: [("outcome", "missed")]) {
            Double(hot.counts.missed.load(ordering: .relaxed))
        }
        metrics.observe("closter_hot_changes_total", .counter) {
            Double(hot.counts.dropped.load(ordering: .relaxed))
        }
        metrics.observe("closter_hot_lost_total", .counter) { Double(hot.counts.lost.load(ordering: .relaxed)) }
    }

    static func register(sizes: PhotoSizes, in metrics: PrometheusMetrics) {
        metrics.describe(
            MetricDefinition(
                "closter_photo_sizes_total", .counter, help: "Photos that were made smaller, or could not be."))
        metrics.observe("closter_photo_sizes_total", .counter, dimensions: [("outcome", "made")]) {
            Double(sizes.counts.made.load(ordering: .relaxed))
        }
        metrics.observe("closter_photo_sizes_total", .counter, dimensions: [("outcome", "failed")]) {
            Double(sizes.counts.failed.load(ordering: .relaxed))
        }
    }

    static func register(feed: Feed, in metrics: PrometheusMetrics) {
        metrics.describe(
            MetricDefinition("closter_followers", .gauge, help: "Streams of the live feed that are open."),
            MetricDefinition(
                "closter_feed_events_total", .counter, help: "Events read from the log for followers, once for all."),
            MetricDefinition("closter_feed_sent_total", .counter, help: "Events sent to followers, to each of them."),
            MetricDefinition(
                "closter_followers_behind_total", .counter,
                help: "How often a follower was too slow for the window and went back to history."),
            MetricDefinition(
                "closter_followers_refused_total", .counter,
                help: "Streams refused, because there were as many as may be."))
        metrics.observe("closter_followers") { Double(feed.followers) }
        metrics.observe("closter_feed_events_total", .counter) { Double(feed.counts.read.load(ordering: .relaxed)) }
        metrics.observe("closter_feed_sent_total", .counter) { Double(feed.counts.sent.load(ordering: .relaxed)) }
        metrics.observe("closter_followers_behind_total", .counter) {
            Double(feed.counts.fellBehind.load(ordering: .relaxed))
        }
        metrics.observe("closter_followers_refused_total", .counter) {
            Double(feed.counts.refused.load(ordering: .relaxed))
        }
    }
}
