import HTTPTypes
import Metrics
import Runtime
import Synchronization

/// `closter_http_*`: requests and their durations by route pattern, never by path or tenant.
final class RequestMetrics: Sendable {
    private struct Series: Hashable {
        var route: String
        var method: String
        var status: Int
    }

    private let factory: PrometheusMetrics
    // Making a handler takes the registry's lock and some string building; these are asked for at every request.
    private let counters = Mutex<[Series: Counter]>([:])
    private let timers = Mutex<[Series: Metrics.Timer]>([:])
    private let inFlight: Meter

    init(factory: PrometheusMetrics) {
        self.factory = factory
        self.inFlight = Meter(label: "closter_http_requests_in_flight", dimensions: [], factory: factory)
    }

    func begin() { inFlight.increment() }

    func end(route: String, method: HTTPRequest.Method, status: Int, duration: Duration) {
        inFlight.decrement()
        let method = Self.known.contains(method) ? method.rawValue : "other"
        let counter = counters.withLock { counters in
            let series = Series(route: route, method: method, status: status)
            if let counter = counters[series] { return counter }
            let counter = Counter(
                label: "closter_http_requests_total",
                dimensions: [("route", route), ("method", method), ("status", "\(status)")], factory: factory)
            counters[series] = counter
            return counter
        }
        counter.increment()
        let timer = timers.withLock { timers in
            let series = Series(route: route, method: method, status: 0)
            if let timer = timers[series] { return timer }
            let timer = Metrics.Timer(
                label: "closter_http_request_duration_seconds", dimensions: [("route", route), ("method", method)],
                factory: factory)
            timers[series] = timer
            return timer
        }
        timer.record(duration: duration)
    }

    /// Any other is a word of the client's, which must not become a series.
    private static let known: Set<HTTPRequest.Method> = [.get, .head, .post, .put, .patch, .delete, .options]
}
