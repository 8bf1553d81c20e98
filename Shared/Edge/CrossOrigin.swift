import HTTPTypes
import Hummingbird

/// Cross-origin reading by browsers (Fetch standard, CORS).
///
/// A preflight carries no key, so it is answered for any origin: it grants nothing by itself. The request that follows
/// carries the key, and only an origin on that key's list gets the answer's `Access-Control-Allow-Origin`, without
/// which no script sees it. Tokens of operators are not among the headers a preflight allows: other sites' scripts
/// never act as an operator.
enum CrossOrigin {
    private static let requestHeaders = [
        "Closter-Key", "Closter-After", "Prefer", "Content-Type", "If-Match", "If-None-Match", "Idempotency-Key",
        "X-Correlation-Id", "traceparent",
    ].joined(separator: ", ")

    private static let exposedHeaders = [
        "ETag", "Location", "Closter-Position", "Closter-Source", "X-Correlation-Id", "Retry-After",
        "Idempotency-Replayed", "traceparent",
    ].joined(separator: ", ")

    /// The answer to OPTIONS, preflight or not.
    static func options(_ request: Request, methods: [String]) -> Response {
        let allowed = (methods + ["OPTIONS"]).joined(separator: ", ")
        var headers: HTTPFields = [.allow: allowed]
        if let origin = request.headers[.origin], request.headers[.accessControlRequestMethod] != nil {
            headers[.accessControlAllowOrigin] = origin
            headers[.accessControlAllowMethods] = allowed
            headers[.accessControlAllowHeaders] = requestHeaders
            headers[.accessControlMaxAge] = "600"
            headers[.vary] = "Origin"
        }
        return Response(status: .noContent, headers: headers)
    }

    /// Marks an answer as readable by the request's origin, if the key's list has it.
    static func mark(_ headers: inout HTTPFields, origin: String?, allowed: [String]) {
        guard !allowed.isEmpty else { return }
        let allowsAny = allowed.contains("*")
        // Caches must not give one origin's answer to another.
        if !allowsAny { headers[values: .vary].append("Origin") }
        guard let origin, allowsAny || allowed.contains(where: { $0.lowercased() == origin.lowercased() }) else {
            return
        }
        headers[.accessControlAllowOrigin] = allowsAny ? "*" : origin
        headers[.accessControlExposeHeaders] = exposedHeaders
    }
}
