extension Problem {
    /// A kind of problem: what `code` says, and what the page under its `type` explains.
    public struct Code: Hashable, Sendable {
        /// STABLE: clients compare it.
        public let code: String
        public let status: Int
        public let title: String
        /// For the page under `/problems/<code>`: what happened and what to do about it.
        public let explanation: String

        init(_ code: String, _ status: Int, _ title: String, _ explanation: String) {
            self.code = code
            self.status = status
            self.title = title
            self.explanation = explanation
        }

        /// A path on the query service, which explains it.
        public var type: String { "/problems/\(code)" }

        public static func == (left: Code, right: Code) -> Bool { left.code == right.code }
        public func hash(into hasher: inout Hasher) { hasher.combine(code) }
    }
}

extension Problem.Code {
    public static let malformedJSON = Self(
        "malformed_json", 400, "Malformed JSON",
        "The body is not JSON as RFC 8259 defines it, is not UTF-8, or names a key twice. Nothing was done.")
    public static let badRequest = Self(
        "bad_request", 400, "Bad request", "The request is not one this service understands. Nothing was done.")
    public static let invalidHeader = Self(
        "invalid_header", 400, "Invalid header",
        "A header field is missing, repeated, or not of its form. The detail names it.")
    public static let invalidParameter = Self(
        "invalid_parameter", 400, "Invalid query parameter",
        "A query parameter is unknown, repeated or not of its form. `errors` names each; nothing is ignored.")
    public static let invalidCursor = Self(
        "invalid_cursor", 400, "Invalid cursor",
        "A cursor belongs to the list that gave it: same tenant, same filters, same kind of key. Start from page one.")
    public static let invalidPosition = Self(
        "invalid_position", 400, "Invalid position",
        "The position token is damaged, belongs to another tenant or database, or lies beyond the log's head.")
    public static let unauthenticated = Self(
        "unauthenticated", 401, "Not authenticated",
        "Send an operator's token as `Authorization: Bearer …` or a storefront's key as `Closter-Key`.")
    public static let forbidden = Self(
        "forbidden", 403, "Not allowed",
        "You are known, but you lack the permission this needs. A publishable key only ever reads.")
    public static let unknownTenant = Self(
        "unknown_tenant", 403, "Unknown tenant",
        "There is no tenant of this name, or you are not a member of it: which of the two is not told.")
    public static let notFound = Self(
        "not_found", 404, "Not found",
        "There is nothing here that you may see: it never was, was deleted, is another tenant's or is not public.")
    public static let methodNotAllowed = Self(
        "method_not_allowed", 405, "Method not allowed",
        "The header Allow lists the methods this path has. The query service only reads.")
    public static let conflict = Self(
        "conflict", 409, "Conflict",
        "Others kept changing the same thing while this was tried. Read it again and repeat.")
    public static let requestInProgress = Self(
        "request_in_progress", 409, "Request in progress",
        "A request with this Idempotency-Key is still being worked on. Repeat in a moment to get its answer.")
    public static let preconditionFailed = Self(
        "precondition_failed", 412, "Precondition failed",
        "The thing has another version than If-Match names. Read it again before you change it.")
    public static let tooLarge = Self(
        "too_large", 413, "Too large",
        "A body may have 1 MiB, an import's file 64 MiB, a photo what this installation allows, mostly 20 MiB.")
    public static let requestTimeout = Self(
        "request_timeout", 408, "Request timeout",
        "The request did not come to its end in time. Nothing was done; the connection is closed.")
    public static let headTooLarge = Self(
        "head_too_large", 431, "Header too large", "The request's line and header fields may have 16 KiB together.")
    public static let unsupportedMediaType = Self(
        "unsupported_media_type", 415, "Unsupported media type",
        "Send JSON as `Content-Type: application/json`, an import as `text/csv`, neither compressed. A photo is JPEG, PNG or "
            + "WebP by its content, whatever it is called.")
    public static let invalidFields = Self(
        "invalid_fields", 422, "Invalid fields",
        "Fields of the body are missing, unknown, of the wrong type or out of range. `errors` names each by its "
            + "JSON pointer, all at once.")
    public static let refused = Self(
        "refused", 422, "Refused by a rule",
        "The request is well formed, but a rule of the business says no. The code in `errors` names the rule.")
    public static let claimTaken = Self(
        "claim_taken", 422, "Already taken",
        "A value that must be unique, such as a SKU, belongs to something else of this tenant.")
    public static let idempotencyKeyReused = Self(
        "idempotency_key_reused", 422, "Idempotency key used for another request",
        "This Idempotency-Key stands for a request with another principal, method, path or body. Use a new one.")
    public static let unusablePhoto = Self(
        "unusable_photo", 422, "Unusable photo",
        "The file is cut short, damaged, of a kind that browsers do not show, or its picture is empty or too large. The "
            + "code in `errors` says which.")
    public static let tooManyRequests = Self(
        "too_many_requests", 429, "Too many requests", "Slow down; Retry-After says for how long.")
    public static let internalError = Self(
        "internal", 500, "Internal error",
        "A defect of ours. The correlation_id finds it in our logs. Writes may be repeated with their "
            + "Idempotency-Key.")
    public static let notSetUp = Self(
        "not_set_up", 501, "Not set up",
        "This installation was not set up for what was asked: it has no place for photos, or no program that makes them "
            + "smaller.")
    public static let unavailable = Self(
        "unavailable", 503, "Temporarily unavailable",
        "Something this needs, such as the database, does not answer. Nothing was done; Retry-After says when to "
            + "repeat.")
    public static let outcomeUnknown = Self(
        "outcome_unknown", 503, "Outcome unknown",
        "The connection to the database broke at the moment of commit. Repeat with the same Idempotency-Key: it finds "
            + "out whether the first was done and never does it twice.")
    public static let notYetVisible = Self(
        "not_yet_visible", 503, "Not yet visible",
        "The position asked for in Closter-After has not been projected within the time of Prefer: wait.")

    /// Every kind there is, by status.
    public static let all: [Problem.Code] = [
        badRequest, malformedJSON, invalidHeader, invalidParameter, invalidCursor, invalidPosition, unauthenticated,
        forbidden, unknownTenant, notFound, methodNotAllowed, conflict, requestInProgress, preconditionFailed, tooLarge,
        requestTimeout, headTooLarge, unsupportedMediaType, invalidFields, refused, claimTaken, idempotencyKeyReused,
        unusablePhoto, tooManyRequests, internalError, notSetUp, unavailable, outcomeUnknown, notYetVisible,
    ]

    /// The kind that stands for a status which came without one.
    static func standing(for status: Int) -> Problem.Code {
        switch status {
        case 400: badRequest
        case 401: unauthenticated
        case 403: forbidden
        case 404: notFound
        case 405: methodNotAllowed
        case 409: conflict
        case 412: preconditionFailed
        case 408: requestTimeout
        case 413: tooLarge
        case 415: unsupportedMediaType
        case 422: invalidFields
        case 429: tooManyRequests
        case 431: headTooLarge
        case 503: unavailable
        default: status < 500 ? badRequest : internalError
        }
    }
}
