public import JSON

/// What one method of a path takes and what it answers.
///
/// What every request may meet is added: the correlation, 400 for a bad header, 500; and unless anyone may ask, 401, 403
/// and 503.
public struct APIOperation: Sendable {
    public enum Access: Sendable {
        /// No token and no key.
        case anyone
        /// Members of the tenant and the tenant's keys.
        case everybody
        /// Members of the tenant.
        case members
        /// Operators of the platform, of no tenant.
        case platform
    }

    public struct Body: Sendable {
        var media: [String]
        var schema: JSONValue
        var isRequired: Bool

        public init(_ schema: JSONValue, media: [String] = ["application/json"], isRequired: Bool = true) {
            self.media = media
            self.schema = schema
            self.isRequired = isRequired
        }
    }

    public struct Answer: Sendable {
        var status: Int
        var description: String
        var media: String
        /// Nil: the answer has no body.
        var schema: JSONValue?
        var headers: [APIHeader]

        public init(
            _ status: Int, _ description: String, _ schema: JSONValue?, media: String = "application/json",
            headers: [APIHeader] = []
        ) {
            self.status = status
            self.description = description
            self.media = media
            self.schema = schema
            self.headers = headers
        }
    }

    public var summary: String
    public var access: Access
    public var parameters: [JSONValue]
    public var headers: [APIHeader]
    public var body: Body?
    public var answers: [Answer]
    public var problems: [Problem.Code]

    public init(
        _ summary: String, for access: Access, parameters: [JSONValue] = [], headers: [APIHeader] = [],
        body: Body? = nil, answers: [Answer], problems: [Problem.Code] = []
    ) {
        self.summary = summary
        self.access = access
        self.parameters = parameters
        self.headers = headers
        self.body = body
        self.answers = answers
        self.problems = problems
    }

    /// The operation as the document has it.
    public var json: JSONValue {
        var object: JSONObject = [
            "summary": .string(summary), "security": .array(security),
            "parameters": .array(
                parameters + (headers + [.correlation, .trace]).map(\.parameterReference)),
        ]
        if let body {
            let content = JSONObject(body.media.map { ($0, ["schema": body.schema] as JSONValue) })
            object["requestBody"] = ["required": .bool(body.isRequired), "content": .object(content)]
        }
        var responses = JSONObject(answers.map { (String($0.status), json($0)) })
        for (status, codes) in problemsByStatus {
            // Two kinds of body under one status: `/readyz` alone has that, and says its own.
            if responses[String(status)] == nil { responses[String(status)] = json(status, codes) }
        }
        object["responses"] = .object(responses)
        return .object(object)
    }

    private var security: [JSONValue] {
        let member: JSONValue = ["member": [], "tenant": []]
        return switch access {
        case .anyone: []
        case .everybody: [member, ["key": []]]
        case .members: [member]
        case .platform: [["member": []]]
        }
    }

    private var problemsByStatus: [(status: Int, codes: [Problem.Code])] {
        var codes: [Problem.Code] = [.badRequest, .invalidHeader, .internalError] + problems
        switch access {
        case .anyone: break
        case .everybody: codes += [.unauthenticated, .unknownTenant, .unavailable]
        case .members: codes += [.unauthenticated, .forbidden, .unknownTenant, .unavailable]
        case .platform: codes += [.unauthenticated, .forbidden, .unavailable]
        }
        if let body { codes += [.tooLarge, .unsupportedMediaType] + (body.isJSON ? [.malformedJSON] : []) }
        return Dictionary(grouping: Set(codes), by: \.status).sorted { $0.key < $1.key }.map { status, codes in
            (status, codes.sorted { $0.code < $1.code })
        }
    }

    private func json(_ answer: Answer) -> JSONValue {
        var object: JSONObject = [
            "description": .string(answer.description),
            "headers": Self.headers(answer.headers),
        ]
        if let schema = answer.schema { object["content"] = .object([answer.media: ["schema": schema]]) }
        return .object(object)
    }

    private func json(_ status: Int, _ codes: [Problem.Code]) -> JSONValue {
        var fields: [APIHeader] = []
        if status == 429 || status == 503 { fields.append(.retryAfter) }
        if status == 401 { fields.append(.authenticate) }
        let code: JSONValue = ["enum": .array(codes.map { .string($0.code) })]
        return [
            "description": .string(codes.map(\.title).joined(separator: "; ")),
            "headers": Self.headers(fields),
            "content": .object([
                Problem.contentType: [
                    "schema": [
                        "allOf": [
                            ["$ref": "#/components/schemas/Problem"],
                            ["type": "object", "properties": ["status": ["const": JSONValue(status)], "code": code]],
                        ]
                    ]
                ]
            ]),
        ]
    }

    private static func headers(_ headers: [APIHeader]) -> JSONValue {
        .object(JSONObject((headers + [.correlation, .trace]).map { ($0.name, $0.headerReference) }))
    }
}

extension APIOperation.Body {
    public var isJSON: Bool { media.contains("application/json") }
}
