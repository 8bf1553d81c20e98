public import Metrics
import Synchronization

/// A swift-metrics backend that keeps every series in memory and writes them as Prometheus text.
///
/// Counters, meters and gauges are single cells; recorders and timers are histograms, timers in seconds. Recording
/// takes an atomic add or one short lock of that series; nothing is shared between series. Two guards keep the
/// exposition small whatever callers do: dimensions that name a tenant are dropped, and a metric keeps at most
/// `maximumSeries` label combinations; what comes after is recorded nowhere and counted in
/// `closter_metrics_dropped_series_total`.
public final class PrometheusMetrics: MetricsFactory {
    private struct Family {
        var definition: MetricDefinition
        var series: [String: any MetricCell] = [:]
    }

    private struct State {
        var definitions: [String: MetricDefinition] = [:]
        var families: [String: Family] = [:]
    }

    /// The process's metrics, the ones `bootstrap()` installs.
    public static let process = PrometheusMetrics(withProcessMetrics: true)

    private let state: Mutex<State>
    private let maximumSeries: Int
    private let withProcessMetrics: Bool
    private let dropped = CounterCell()

    public init(withProcessMetrics: Bool = false, maximumSeries: Int = 1_000) {
        let definitions = Dictionary(MetricDefinition.shared.map { ($0.name, $0) }) { $1 }
        self.state = Mutex(State(definitions: definitions))
        self.maximumSeries = maximumSeries
        self.withProcessMetrics = withProcessMetrics
    }

    /// Makes `process` the backend of every `Counter`, `Gauge`, `Timer`… of the process. To be called once at most.
    public static func bootstrap() {
        MetricsSystem.bootstrap(process)
    }

    /// Registers help, kind and buckets. A metric that is used without a description still appears, with its name as
    /// its help.
    public func describe(_ definitions: MetricDefinition...) {
        state.withLock { state in
            for definition in definitions {
                state.definitions[definition.name] = definition
                state.families[definition.name]?.definition.help = definition.help
            }
        }
    }

    /// Exposes a value that is read at each scrape. The same name and dimensions again replace the reading.
    public func observe(
        _ name: String, _ kind: MetricDefinition.Kind = .gauge, dimensions: [(String, String)] = [],
        read: @escaping @Sendable () -> Double
    ) {
        let cell = ObservedCell(read: read)
        _ = insert(name, kind == .histogram ? .gauge : kind, dimensions, replacing: true) { _ in cell }
    }

    /// The whole exposition, to be served as `contentType`.
    public func exposition() -> String {
        let families = state.withLock { Array($0.families.values) }.sorted { $0.definition.name < $1.definition.name }
        var text = ""
        for family in families {
            Exposition.header(family.definition, to: &text)
            for (labels, cell) in family.series.sorted(by: { $0.key < $1.key }) {
                cell.expose(name: family.definition.name, labels: labels, to: &text)
            }
        }
        let definition = MetricDefinition(
            "closter_metrics_dropped_series_total", .counter, help: "Attempts to make a label combination too many.")
        Exposition.header(definition, to: &text)
        dropped.expose(name: definition.name, labels: "", to: &text)
        if withProcessMetrics { ProcessMetrics.expose(to: &text) }
        return text
    }

    /// The media type of `exposition()`.
    public static var contentType: String { Exposition.contentType }

    // MARK: MetricsFactory

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        insert(label, .counter, dimensions) { _ in CounterCell() } as? CounterCell ?? CounterCell()
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        insert(label, .counter, dimensions) { _ in CounterCell() } as? CounterCell ?? CounterCell()
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        insert(label, .gauge, dimensions) { _ in GaugeCell() } as? GaugeCell ?? GaugeCell()
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else {
            return insert(label, .gauge, dimensions) { _ in GaugeCell() } as? GaugeCell ?? GaugeCell()
        }
        return histogram(label, dimensions)
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions)
    }

    // Series are kept for the life of the process: a counter that vanishes reads as a reset.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}

    // MARK: Series

    private func histogram(_ label: String, _ dimensions: [(String, String)]) -> HistogramCell {
        let cell = insert(label, .histogram, dimensions) { HistogramCell(bounds: $0.buckets) }
        return cell as? HistogramCell ?? HistogramCell(bounds: [])
    }

    /// The cell of a series, made if it is new. Nil where the name already is a metric of another kind or has too
    /// many series: the caller then records into a cell nobody reads, because a metric must never break its user.
    private func insert(
        _ label: String, _ kind: MetricDefinition.Kind, _ dimensions: [(String, String)], replacing: Bool = false,
        make: (MetricDefinition) -> any MetricCell
    ) -> (any MetricCell)? {
        let name = Exposition.sanitize(label)
        let labels = Exposition.labels(
            dimensions.filter { !Self.forbiddenLabels.contains($0.0.lowercased()) }.sorted { $0.0 < $1.0 })
        return state.withLock { state -> (any MetricCell)? in
            let described = state.definitions[name]
            var definition = described ?? MetricDefinition(name, kind, help: name)
            definition.kind = described?.kind ?? kind
            var family = state.families[name] ?? Family(definition: definition)
            guard family.definition.kind == kind else { return nil }
            if let cell = family.series[labels], !replacing { return cell }
            guard family.series[labels] != nil || family.series.count < maximumSeries else {
                dropped.increment(by: Int64(1))
                return nil
            }
            let cell = make(family.definition)
            family.series[labels] = cell
            state.families[name] = family
            return cell
        }
    }

    private static let forbiddenLabels: Set<String> = ["tenant", "tenant_id", "tenantid"]
}
