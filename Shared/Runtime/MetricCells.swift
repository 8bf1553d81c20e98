import Metrics
import Synchronization

/// One time series. Cells outlive their `Counter`s and `Timer`s: a series that was seen once stays in the exposition.
protocol MetricCell: AnyObject, Sendable {
    /// Appends the sample lines of this series; `labels` is `a="b",c="d"` without braces, or empty.
    func expose(name: String, labels: String, to text: inout String)
}

final class CounterCell: MetricCell, CounterHandler, FloatingPointCounterHandler {
    // Whole increments stay exact beyond 2^53; fractional ones are rare enough for a lock.
    private let whole = Atomic<Int64>(0)
    private let fraction = Mutex<Double>(0)

    func increment(by amount: Int64) {
        if amount > 0 { whole.wrappingAdd(amount, ordering: .relaxed) }
    }

    func increment(by amount: Double) {
        if amount > 0, amount.isFinite { fraction.withLock { $0 += amount } }
    }

    func reset() {
        whole.store(0, ordering: .relaxed)
        fraction.withLock { $0 = 0 }
    }

    func expose(name: String, labels: String, to text: inout String) {
        let extra = fraction.withLock { $0 }
        let whole = whole.load(ordering: .relaxed)
        let value = extra == 0 ? "\(whole)" : Exposition.number(Double(whole) + extra)
        Exposition.sample(name, labels, value, to: &text)
    }
}

final class GaugeCell: MetricCell, MeterHandler, RecorderHandler {
    private let value = Mutex<Double>(0)

    func set(_ new: Int64) { value.withLock { $0 = Double(new) } }
    func set(_ new: Double) { value.withLock { $0 = new } }
    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func decrement(by amount: Double) { value.withLock { $0 -= amount } }
    func record(_ new: Int64) { set(new) }
    func record(_ new: Double) { set(new) }

    func expose(name: String, labels: String, to text: inout String) {
        Exposition.sample(name, labels, Exposition.number(value.withLock { $0 }), to: &text)
    }
}

final class HistogramCell: MetricCell, RecorderHandler, TimerHandler {
    private struct State {
        var counts: [UInt64]
        var sum: Double = 0
    }

    private let bounds: [Double]
    private let state: Mutex<State>

    init(bounds: [Double]) {
        self.bounds = bounds
        self.state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    func record(_ value: Int64) { record(Double(value)) }

    /// Durations are exposed in seconds, the base unit.
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    func record(_ value: Double) {
        guard value.isFinite else { return }
        // A dozen bounds: a scan beats a binary search.
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock {
            $0.counts[bucket] += 1
            $0.sum += value
        }
    }

    func expose(name: String, labels: String, to text: inout String) {
        let (counts, sum) = state.withLock { ($0.counts, $0.sum) }
        let prefix = labels.isEmpty ? "" : labels + ","
        var cumulative: UInt64 = 0
        for (index, count) in counts.enumerated() {
            cumulative += count
            let bound = index < bounds.count ? Exposition.number(bounds[index]) : "+Inf"
            Exposition.sample(name + "_bucket", "\(prefix)le=\"\(bound)\"", "\(cumulative)", to: &text)
        }
        Exposition.sample(name + "_sum", labels, Exposition.number(sum), to: &text)
        Exposition.sample(name + "_count", labels, "\(cumulative)", to: &text)
    }
}

/// A value read when it is asked for, such as a pool's open connections.
final class ObservedCell: MetricCell {
    private let read: @Sendable () -> Double

    init(read: @escaping @Sendable () -> Double) {
        self.read = read
    }

    func expose(name: String, labels: String, to text: inout String) {
        Exposition.sample(name, labels, Exposition.number(read()), to: &text)
    }
}
