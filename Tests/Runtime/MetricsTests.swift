import Foundation
import Metrics
import Testing

@testable import Runtime

@Suite struct MetricsTests {
    private let metrics = PrometheusMetrics()

    @Test func `a counter counts whole and fractional amounts`() {
        let counter = Counter(label: "closter_append_conflicts_total", dimensions: [], factory: metrics)
        counter.increment()
        counter.increment(by: 41)
        FloatingPointCounter(label: "closter_pool_wait_seconds_total", dimensions: [], factory: metrics)
            .increment(by: 0.25)

        #expect(metrics.exposition().contains("\ncloster_append_conflicts_total 42\n"))
        #expect(metrics.exposition().contains("\ncloster_pool_wait_seconds_total 0.25\n"))
        #expect(metrics.exposition().contains("# TYPE closter_append_conflicts_total counter\n"))
    }

    @Test func `the same name and dimensions are the same series, in any order`() {
        for dimensions in [[("a", "1"), ("b", "2")], [("b", "2"), ("a", "1")]] {
            Counter(label: "closter_x_total", dimensions: dimensions, factory: metrics).increment()
        }

        #expect(metrics.exposition().contains("closter_x_total{a=\"1\",b=\"2\"} 2\n"))
    }

    @Test func `a timer is a histogram in seconds with cumulative buckets`() {
        let timer = Metrics.Timer(label: "closter_append_duration_seconds", dimensions: [], factory: metrics)
        timer.recordNanoseconds(400_000)
        timer.recordNanoseconds(500_000)
        timer.recordMilliseconds(3)
        timer.recordSeconds(60)

        let text = metrics.exposition()
        #expect(text.contains("closter_append_duration_seconds_bucket{le=\"0.0005\"} 2\n"))
        #expect(text.contains("closter_append_duration_seconds_bucket{le=\"0.0025\"} 2\n"))
        #expect(text.contains("closter_append_duration_seconds_bucket{le=\"0.005\"} 3\n"))
        #expect(text.contains("closter_append_duration_seconds_bucket{le=\"10\"} 3\n"))
        #expect(text.contains("closter_append_duration_seconds_bucket{le=\"+Inf\"} 4\n"))
        #expect(text.contains("closter_append_duration_seconds_count 4\n"))
        #expect(text.contains("closter_append_duration_seconds_sum 60.0039\n"))
    }

    @Test func `a recorder of batch sizes has buckets of counts`() {
        Recorder(label: "closter_append_batch_size", dimensions: [], aggregate: true, factory: metrics).record(17)

        #expect(metrics.exposition().contains("closter_append_batch_size_bucket{le=\"16\"} 0\n"))
        #expect(metrics.exposition().contains("closter_append_batch_size_bucket{le=\"32\"} 1\n"))
    }

    @Test func `a gauge shows its last value and an observed one what is read at the scrape`() {
        let gauge = Gauge(
            label: "closter_projection_lag_positions", dimensions: [("projection", "items")], factory: metrics)
        gauge.record(7)
        gauge.record(3)
        metrics.observe("closter_pool_waiting", dimensions: [("lane", "fast")]) { 5 }

        #expect(metrics.exposition().contains("closter_projection_lag_positions{projection=\"items\"} 3\n"))
        #expect(metrics.exposition().contains("closter_pool_waiting{lane=\"fast\"} 5\n"))
    }

    @Test func `label values are escaped and label names made legal`() {
        Counter(label: "closter_x_total", dimensions: [("a-b", "q\"\\\n")], factory: metrics).increment()

        #expect(metrics.exposition().contains(#"closter_x_total{a_b="q\"\\\n"} 1"#))
    }

    @Test func `a tenant never becomes a label`() {
        for name in ["tenant", "tenant_id", "Tenant"] {
            Counter(label: "closter_x_total", dimensions: [(name, "acme"), ("route", "/v1/items")], factory: metrics)
                .increment()
        }

        #expect(!metrics.exposition().contains("acme"))
        #expect(metrics.exposition().contains("closter_x_total{route=\"/v1/items\"} 3\n"))
    }

    @Test func `a metric keeps a bounded number of series and counts the rest`() {
        let metrics = PrometheusMetrics(maximumSeries: 10)
        for value in 0..<25 {
            Counter(label: "closter_x_total", dimensions: [("v", "\(value)")], factory: metrics).increment()
        }

        let series = metrics.exposition().split(separator: "\n").filter { $0.hasPrefix("closter_x_total{") }
        #expect(series.count == 10)
        #expect(metrics.exposition().contains("closter_metrics_dropped_series_total 15\n"))
    }

    @Test func `a name used as two kinds stays what it was first`() {
        Counter(label: "closter_x_total", dimensions: [], factory: metrics).increment()
        Gauge(label: "closter_x_total", dimensions: [], factory: metrics).record(99)

        #expect(metrics.exposition().contains("closter_x_total 1\n"))
        #expect(!metrics.exposition().contains("99"))
    }

    @Test func `many tasks at once lose no count`() async {
        let counter = Counter(label: "closter_x_total", dimensions: [], factory: metrics)
        let timer = Metrics.Timer(label: "closter_x_seconds", dimensions: [], factory: metrics)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1_000 {
                        counter.increment()
                        timer.recordNanoseconds(1)
                    }
                }
            }
        }

        #expect(metrics.exposition().contains("closter_x_total 8000\n"))
        #expect(metrics.exposition().contains("closter_x_seconds_count 8000\n"))
    }

    @Test func `the process tells its memory, its processor time and its start`() throws {
        let text = PrometheusMetrics(withProcessMetrics: true).exposition()
        func value(_ name: String) throws -> Double {
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(name + " ") })
            return try #require(Double(line.dropFirst(name.count + 1)))
        }

        #expect(try value("process_resident_memory_bytes") > 1_000_000)
        #expect(try value("process_cpu_seconds_total") > 0)
        // Boot time and ticks are whole seconds and hundredths, so a little slack.
        #expect(abs(try value("process_start_time_seconds") - Date.now.timeIntervalSince1970) < 86_400)
    }

    private static let promtool = ["/usr/bin/promtool", "/usr/local/bin/promtool"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    @Test(.enabled(if: promtool != nil, "promtool comes with Debian's prometheus"))
    func `promtool finds nothing to say about the exposition`() throws {
        // given every shared metric with a sample, and awkward labels
        let metrics = PrometheusMetrics(withProcessMetrics: true)
        for definition in MetricDefinition.shared {
            let dimensions = [("route", "/v1/items/{id}"), ("odd", "\"\\\n🧥")]
            switch definition.kind {
            case .counter: Counter(label: definition.name, dimensions: dimensions, factory: metrics).increment()
            case .gauge: Gauge(label: definition.name, dimensions: dimensions, factory: metrics).record(1.5)
            case .histogram:
                Metrics.Timer(label: definition.name, dimensions: dimensions, factory: metrics).recordMilliseconds(2)
            }
        }
        metrics.describe(MetricDefinition("closter_extra_total", .counter, help: "A line\nand a \\ more."))
        Counter(label: "closter_extra_total", dimensions: [], factory: metrics).increment()
        // when promtool checks it
        let process = Process()
        let input = Pipe()
        let output = Pipe()
        process.executableURL = URL(filePath: try #require(Self.promtool))
        process.arguments = ["check", "metrics"]
        process.standardInput = input
        process.standardOutput = output
        process.standardError = output
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data(metrics.exposition().utf8))
        try input.fileHandleForWriting.close()
        let said = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        // then it is content
        #expect(process.terminationStatus == 0)
        #expect(String(decoding: said, as: UTF8.self) == "")
    }
}
