import EventSourcing
import Metrics
import Runtime

/// What the runner of one generation counts and times.
struct RunnerMetrics: Sendable {
    private let events: Counter
    private let rows: Counter
    private let batch: Recorder
    private let load: Metrics.Timer
    private let fold: Metrics.Timer
    private let write: Metrics.Timer
    private let visible: Metrics.Timer
    private let parked: Counter
    private let skipped: Counter
    private let generation: GenerationID

    init(_ generation: GenerationID) {
        self.generation = generation
        let labels = generation.labels
        events = Counter(label: "closter_projector_events_total", dimensions: labels)
        rows = Counter(label: "closter_projector_rows_total", dimensions: labels)
        batch = Recorder(label: "closter_projector_batch_events", dimensions: labels)
        load = Timer(label: "closter_projector_load_seconds", dimensions: labels)
        fold = Timer(label: "closter_projector_fold_seconds", dimensions: labels)
        write = Timer(label: "closter_projector_write_seconds", dimensions: labels)
        visible = Timer(label: "closter_projector_visible_seconds", dimensions: labels)
        parked = Counter(label: "closter_projector_parked_total", dimensions: labels)
        skipped = Counter(label: "closter_projector_skipped_total", dimensions: labels)
    }

    func committed(_ batch: EventBatch, rows: Int, parked: Int, load: Duration, fold: Duration, write: Duration) {
        events.increment(by: batch.events.count)
        self.rows.increment(by: rows)
        if parked > 0 { self.parked.increment(by: parked) }
        self.batch.record(batch.events.count)
        self.load.record(duration: load)
        self.fold.record(duration: fold)
        self.write.record(duration: write)
        // The oldest event has waited longest.
        if let first = batch.events.first { visible.record(duration: max(.zero, Timestamp.now - first.recordedAt)) }
    }

    /// Parked events were tried again.
    func retried(applied: Int, refused: Int) {
        for (outcome, count) in [("applied", applied), ("refused", refused)] where count > 0 {
            Counter(
                label: "closter_projector_retried_total", dimensions: generation.labels + [("outcome", outcome)]
            ).increment(by: count)
        }
    }

    func skippedOne() { skipped.increment() }

    func failed(_ failure: BatchFailure) {
        Counter(
            label: "closter_projector_failures_total", dimensions: generation.labels + [("reason", failure.name)]
        ).increment()
    }
}

/// How far a generation has come, whoever leads it, and what this process does for it.
struct GenerationGauges: Sendable {
    private let positions: Gauge
    private let seconds: Gauge
    private let leading: Gauge
    private let stopped: Gauge
    private let parked: Gauge

    init(_ generation: GenerationID) {
        positions = Gauge(label: "closter_projection_lag_positions", dimensions: generation.labels)
        seconds = Gauge(label: "closter_projection_lag_seconds", dimensions: generation.labels)
        leading = Gauge(label: "closter_projector_leading", dimensions: generation.labels)
        stopped = Gauge(label: "closter_projector_stopped", dimensions: generation.labels)
        parked = Gauge(label: "closter_projection_parked", dimensions: generation.labels)
    }

    func show(_ state: ProjectorStatus.Generation) {
        positions.record(state.lagPositions)
        seconds.record(state.lagSeconds)
        leading.record(state.role == .leading ? 1 : 0)
        stopped.record(state.role == .stopped ? 1 : 0)
        parked.record(state.parked)
    }
}

extension GenerationID {
    var labels: [(String, String)] { [("projection", projection), ("generation", "\(number)")] }
}

extension BatchFailure {
    fileprivate var name: String {
        switch self {
        case .fenced: "fenced"
        case .connectionLost: "connection_lost"
        case .transient: "transient"
        case .poisoned: "poisoned"
        case .defect: "defect"
        case .overflow: "overflow"
        case .dropped: "dropped"
        case .gap: "gap"
        }
    }
}

extension PrometheusMetrics {
    func describeProjector() {
        describe(
            .init("closter_projector_events_total", .counter, help: "Events a generation has taken in."),
            .init("closter_projector_rows_total", .counter, help: "Rows written."),
            .init(
                "closter_projector_batch_events", .histogram, buckets: MetricDefinition.counts,
                help: "Events in one transaction."),
            .init("closter_projector_load_seconds", .histogram, help: "Time to load a batch's rows, in seconds."),
            .init("closter_projector_fold_seconds", .histogram, help: "Time to fold a batch, in seconds."),
            .init("closter_projector_write_seconds", .histogram, help: "Time to write and commit a batch, in seconds."),
            .init(
                "closter_projector_visible_seconds", .histogram,
                help: "Time from an event's append to its rows' commit, of a batch's oldest event, in seconds."),
            .init("closter_projector_failures_total", .counter, help: "Batches that failed, by reason."),
            .init("closter_projector_gaps_total", .counter, help: "Holes seen in what was read of the log."),
            .init("closter_projector_leading", .gauge, help: "1 where this process leads the generation."),
            .init("closter_projector_stopped", .gauge, help: "1 where the projection stands still until a hand helps."),
            .init("closter_projection_parked", .gauge, help: "Events that wait for a hand, or behind one that does."),
            .init("closter_projector_parked_total", .counter, help: "Events parked, those that only wait among them."),
            .init("closter_projector_retried_total", .counter, help: "Parked events tried again, by outcome."),
            .init("closter_projector_skipped_total", .counter, help: "Parked events passed over for good."))
    }
}
