import Metrics
import Runtime

/// What the rebuilds of one projection count and show.
struct RebuildMetrics: Sendable {
    private let projection: String
    private let events: Counter
    private let rows: Counter
    private let phase: Gauge
    private let progress: Gauge

    init(_ projection: String) {
        self.projection = projection
        let labels = [("projection", projection)]
        events = Counter(label: "closter_rebuild_events_total", dimensions: labels)
        rows = Counter(label: "closter_rebuild_rows_total", dimensions: labels)
        phase = Gauge(label: "closter_rebuild_phase", dimensions: labels)
        progress = Gauge(label: "closter_rebuild_progress", dimensions: labels)
    }

    func filled(events: Int, rows: Int) {
        self.events.increment(by: events)
        self.rows.increment(by: rows)
    }

    /// - Parameter part: of what the phase has to do, from 0 to 1.
    func show(_ phase: Rebuild.Phase, part: Double = 0) {
        self.phase.record(phase.number)
        progress.record(part)
    }

    func ended(_ phase: Rebuild.Phase) {
        show(phase)
        Counter(
            label: "closter_rebuilds_total", dimensions: [("projection", projection), ("outcome", phase.rawValue)]
        ).increment()
    }
}

extension Rebuild.Phase {
    fileprivate var number: Int {
        switch self {
        case .requested, .done, .cancelled, .failed: 0
        case .filling: 1
        case .indexing: 2
        case .catchingUp: 3
        case .comparing: 4
        }
    }
}

extension PrometheusMetrics {
    func describeRebuilds() {
        describe(
            .init("closter_rebuild_events_total", .counter, help: "Events that rebuilds have folded."),
            .init("closter_rebuild_rows_total", .counter, help: "Rows that rebuilds have put in."),
            .init("closter_rebuilds_total", .counter, help: "Rebuilds that have ended, by outcome."),
            .init(
                "closter_rebuild_phase", .gauge,
                help: "What this process does for a rebuild: 0 nothing, 1 fills, 2 indexes, 3 catches up, 4 compares."),
            .init("closter_rebuild_progress", .gauge, help: "How much of filling or comparing is done, from 0 to 1."))
    }
}
