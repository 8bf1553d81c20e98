import HTTPTypes
import Hummingbird

/// Which methods a path has: what tells 405 from 404, fills Allow, and is asked before anybody is asked who they are.
struct RouteTable: Sendable {
    struct Route: Sendable {
        var pattern: String
        var segments: [Segment]
        var methods: Set<HTTPRequest.Method>

        /// In a fixed order, GET before HEAD before the rest.
        var methodNames: [String] { methods.map(\.rawValue).sorted() }
    }

    enum Segment: Equatable, Sendable {
        case literal(String)
        case any
        case rest
    }

    private var bySegmentCount: [Int: [Route]] = [:]
    private var openEnded: [Route] = []

    init(_ routes: [(path: RouterPath, method: HTTPRequest.Method)]) {
        var merged: [String: Route] = [:]
        for (path, method) in routes {
            var route =
                merged[path.description]
                ?? Route(pattern: Self.pattern(path), segments: path.components.map(Self.segment), methods: [])
            route.methods.insert(method)
            if method == .get { route.methods.insert(.head) }
            merged[path.description] = route
        }
        // Literals win over captures, as in the router.
        for route in merged.values.sorted(by: { Self.specificity($0) > Self.specificity($1) }) {
            if route.segments.last == .rest {
                openEnded.append(route)
            } else {
                bySegmentCount[route.segments.count, default: []].append(route)
            }
        }
    }

    func route(of path: String) -> Route? {
        let segments = path.split(separator: "/")
        if let route = bySegmentCount[segments.count]?.first(where: { Self.matches($0.segments, segments) }) {
            return route
        }
        return openEnded.first { route in
            route.segments.count <= segments.count + 1
                && Self.matches(route.segments.dropLast(), segments.prefix(route.segments.count - 1))
        }
    }

    private static func matches(
        _ pattern: some Collection<Segment>, _ segments: some Collection<Substring>
    ) -> Bool {
        pattern.count == segments.count
            && zip(pattern, segments).allSatisfy { pattern, segment in
                if case .literal(let text) = pattern { text == segment } else { true }
            }
    }

    private static func specificity(_ route: Route) -> Int {
        route.segments.reduce(0) { value, segment in
            if case .literal = segment { value * 2 + 1 } else { value * 2 }
        }
    }

    private static func segment(_ element: RouterPath.Element) -> Segment {
        let text = element.description
        if text == "**" { return .rest }
        if text.contains("{") || text.contains("*") || text.hasPrefix(":") { return .any }
        return .literal(text)
    }

    /// The pattern as metrics and logs show it: `/v1/items/{id}`.
    private static func pattern(_ path: RouterPath) -> String {
        let text = path.description
        return text.hasPrefix("/") ? text : "/" + text
    }
}
