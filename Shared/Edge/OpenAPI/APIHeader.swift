import JSON

/// A header field that a description speaks of, kept once among its components.
public struct APIHeader: Sendable {
    let name: String
    let description: String
    var schema: JSONValue = ["type": "string"]
    var isRequired = false

    /// Its name among the components.
    var component: String { isRequired ? name + "-Required" : name }

    // MARK: Of requests

    public static let idempotencyKey = APIHeader(
        name: "Idempotency-Key",
        description: "names the request: the same again gives the first answer, for 90 days",
        schema: ["type": "string", "pattern": "^[!-~]{1,255}$"])
    /// Where the same request twice would count twice.
    public static let requiredIdempotencyKey: APIHeader = {
        var header = idempotencyKey
        header.isRequired = true
        return header
    }()
    public static let ifMatch = APIHeader(
        name: "If-Match", description: "an ETag; only the version in it is compared",
        schema: ["type": "string", "pattern": #"^(\*|"[1-9][0-9]{0,17}(-[^"]*)?")$"#])
    public static let ifNoneMatch = APIHeader(name: "If-None-Match", description: "tags that the reader has")
    public static let after = APIHeader(
        name: "Closter-After", description: "a Closter-Position to wait for",
        schema: ["type": "string", "minLength": 1])
    public static let prefer = APIHeader(name: "Prefer", description: "wait=0…10, in seconds, for Closter-After")
    public static let lastEventID = APIHeader(
        name: "Last-Event-ID", description: "the last event that a follower has; wins over `after`",
        schema: ["type": "string", "pattern": "^[0-9]+$"])

    // MARK: Of answers

    public static let location = APIHeader(
        name: "Location", description: "where it can be read, on the query service",
        schema: ["type": "string", "format": "uri"])
    public static let position = APIHeader(
        name: "Closter-Position", description: "how far the answer reaches at least; for Closter-After")
    public static let source = APIHeader(
        name: "Closter-Source", description: "which side answered",
        schema: ["type": "string", "enum": ["tables", "projections"]])
    public static let entityTag = APIHeader(name: "ETag", description: #""<version>-<digest of the bytes>""#)
    public static let replayed = APIHeader(
        name: "Idempotency-Replayed", description: "true: the answer of an earlier request under the same key",
        schema: ["type": "string", "const": "true"])
    public static let preferenceApplied = APIHeader(
        name: "Preference-Applied", description: "the wait that was granted")
    public static let retryAfter = APIHeader(
        name: "Retry-After", description: "seconds", schema: ["type": "integer", "minimum": 0])
    public static let authenticate = APIHeader(name: "WWW-Authenticate", description: "Bearer")

    // MARK: Of both

    public static let correlation = APIHeader(
        name: "X-Correlation-Id", description: "taken up or made, and kept in all that follows",
        schema: ["type": "string", "format": "uuid"])
    public static let trace = APIHeader(
        name: "traceparent", description: "W3C Trace Context, taken up if it is valid, or made")

    static let ofRequests: [APIHeader] = [
        idempotencyKey, requiredIdempotencyKey, ifMatch, ifNoneMatch, after, prefer, lastEventID, correlation, trace,
    ]
    static let ofAnswers: [APIHeader] = [
        location, position, source, entityTag, replayed, preferenceApplied, retryAfter, authenticate, correlation,
        trace,
    ]

    var parameter: JSONValue {
        [
            "name": .string(name), "in": "header", "required": .bool(isRequired), "schema": schema,
            "description": .string(description),
        ]
    }

    var header: JSONValue { ["schema": schema, "description": .string(description)] }

    var parameterReference: JSONValue { ["$ref": .string("#/components/parameters/\(component)")] }
    var headerReference: JSONValue { ["$ref": .string("#/components/headers/\(name)")] }
}
