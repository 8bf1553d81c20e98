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

    /// The series of a route, for those who need not look for it each time.
    func usage(route: String) -> RouteUsage { RouteUsage(route, factory: factory) }

    /// Any other is a word of the client's, which must not become a series.
    private static let known: Set<HTTPRequest.Method> = [.get, .head, .post, .put, .patch, .delete, .options]
}

/// What `RequestMetrics` counts, for reads of one route that are answered at once with 200 or 304.
final class RouteUsage: Sendable {
    private let found: Counter
    private let notModified: Counter
    private let foundHead: Counter
    private let notModifiedHead: Counter
    private let get: Metrics.Timer
    private let head: Metrics.Timer

    fileprivate init(_ route: String, factory: PrometheusMetrics) {
        func counter(_ method: String, _ status: Int) -> Counter {
            Counter(
                label: "closter_http_requests_total",
                dimensions: [("route", route), ("method", method), ("status", "\(status)")], factory: factory)
        }
        func timer(_ method: String) -> Metrics.Timer {
            Metrics.Timer(
                label: "closter_http_request_duration_seconds", dimensions: [("route", route), ("method", method)],
                factory: factory)
        }
        found = counter("GET", 200)
        notModified = counter("GET", 304)
        foundHead = counter("HEAD", 200)
        notModifiedHead = counter("HEAD", 304)
        get = timer("GET")
        head = timer("HEAD")
    }

    func count(isHead: Bool, status: Int, _ duration: Duration) {
        switch (isHead, status) {
        case (false, 304): notModified.increment()
        case (false, _): found.increment()
        case (true, 304): notModifiedHead.increment()
        case (true, _): foundHead.increment()
        }
        (isHead ? head : get).record(duration: duration)
    }
}
