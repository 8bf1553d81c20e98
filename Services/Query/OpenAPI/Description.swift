import Documents
import Edge
import HTTPTypes
import Hummingbird
import JSON

/// `GET /openapi.json`: this service, as OpenAPI 3.1.
struct OpenAPIRoutes: Sendable {
    private let bytes = Description.document.bytes

    func add(to router: EdgeRouter) {
        router.get("/openapi.json") { [bytes] _, _ in
            Response.json(bytes, headers: [.cacheControl: "public, max-age=300"])
        }
    }
}

/// What the service offers. Tests compare it with its routes, its parameters and its answers.
enum Description {
    static let document: JSONValue = [
        "openapi": "3.1.0",
        "info": [
            "title": "Closter: query service", "version": "1",
            "description": "Reads. Every answer carries X-Correlation-Id; errors are problem documents (RFC 9457).",
        ],
        "paths": .object(paths),
        "components": [
            "schemas": .object(Schemas.all),
            "securitySchemes": [
                "member": ["type": "http", "scheme": "bearer", "bearerFormat": "JWT"],
                "tenant": ["type": "apiKey", "in": "header", "name": "Closter-Tenant"],
                "key": ["type": "apiKey", "in": "header", "name": "Closter-Key"],
            ],
        ],
    ]

    private enum Readers { case everybody, members, anyone }

    static let paths: JSONObject = [
        "/v1/items": get(
            "Items, the newest first", list("Item"),
            itemFilters(ItemStatus.allCases.map(\.rawValue))
                + [choice("sort", Items.sorts.map(\.name))] + page),
        "/v1/items/{id}": get("An item", one("Item"), [path("id", "item_…")], hasTag: true),
        "/v1/listings": get(
            "Listings; a storefront sees the last published first", list("Listing"),
            itemFilters(ListingStatus.allCases.map(\.rawValue)) + [
                query("price_min", ["type": "integer", "minimum": 0], "minor units, inclusive"),
                query("price_max", ["type": "integer", "minimum": 0], "minor units, inclusive"),
                choice("sort", Listings.sorts.map(\.name)),
            ] + page),
        "/v1/listings/{id}": get("A listing", one("Listing"), [path("id", "listing_…")], hasTag: true),
        "/v1/imports/{id}": get(
            "An import's progress and report", one("Import"),
            [path("id", "import_…"), choice("lines", ImportRoutes.choices)], for: .members),
        "/v1/events": followed(
            get(
                "What happened, in the order of the log", list("Event"),
                [
                    query("after", ["type": "integer", "minimum": 0], "a position; `next` is the one to go on with"),
                    query("category", ["type": "string"]), query("type", ["type": "string"]), limit,
                    query("follow", ["type": "boolean", "default": false], "go on with what comes; not with `limit`"),
                    header("Last-Event-ID", "with `follow`: the last event that the reader has; wins over `after`"),
                ], for: .members)),
        "/v1/streams/{category}/{id}": get(
            "One stream's history", list("Event"), [path("category", "item, listing, …"), path("id", "item_…")] + page,
            for: .members),
        "/v1/parked": get(
            "Events that a projection could not apply, or that are passed over", list("ParkedEvent"),
            [choice("state", ParkedReader.State.allCases.map(\.rawValue))] + page, for: .members),
        "/v1/trace/{correlation_id}": get(
            "Everything one request caused", one("Trace"), [path("correlation_id", "a UUID")], for: .members),
        "/v1/read-switches": get(
            "Which side answers reads of each resource", one("ReadSwitches"), [], for: .members, waits: false),
        "/problems": get("Every kind of problem", list("ProblemKind"), [], for: .anyone),
        "/problems/{code}": get(
            "What a kind of problem means", one("ProblemKind"), [path("code", "as in a problem's `code`")], for: .anyone
        ),
        "/openapi.json": get("This description", ["type": "object"], [], for: .anyone),
        "/livez": get("The process is up", ["type": "object"], [], for: .anyone),
        "/readyz": get("It can do its work", ["type": "object"], [], for: .anyone),
        "/metrics": get("Prometheus text", ["type": "string"], [], for: .anyone, media: "text/plain"),
    ]

    private static func get(
        _ summary: String, _ schema: JSONValue, _ parameters: [JSONValue], for readers: Readers = .everybody,
        waits: Bool = true, hasTag: Bool = false, media: String = "application/json"
    ) -> JSONValue {
        var parameters = parameters
        var responses: JSONObject = [
            "200": ["description": "OK", "content": .object([media: ["schema": schema]])],
            "default": [
                "description": "A problem",
                "content": .object([Problem.contentType: ["schema": Schemas.reference("Problem")]]),
            ],
        ]
        if readers != .anyone, waits {
            parameters.append(header("Closter-After", "a Closter-Position to wait for"))
            parameters.append(header("Prefer", "wait=0…10, in seconds"))
        }
        if hasTag {
            parameters.append(header("If-None-Match", "tags that the reader has"))
            responses["304"] = ["description": "The bytes are the same"]
        }
        let member: JSONValue = ["member": [], "tenant": []]
        let security: [JSONValue] =
            switch readers {
            case .everybody: [member, ["key": []]]
            case .members: [member]
            case .anyone: []
            }
        return [
            "get": [
                "summary": .string(summary), "security": .array(security), "parameters": .array(parameters),
                "responses": .object(responses),
            ]
        ]
    }

    private static func one(_ name: String) -> JSONValue { Schemas.reference(name) }

    private static func list(_ name: String) -> JSONValue {
        Schemas.object(["data": Schemas.array(Schemas.reference(name)), "next": Schemas.nullable("string")])
    }

    private static let limit = query("limit", ["type": "integer", "minimum": 1, "maximum": 200, "default": 50])
    private static let page = [limit, query("cursor", ["type": "string"], "`next` of the page before")]

    private static func itemFilters(_ statuses: [String]) -> [JSONValue] {
        [
            choice("status", statuses), query("brand", ["type": "string"]), query("category", ["type": "string"]),
            choice("condition", ItemCondition.allCases.map(\.rawValue)), query("size", ["type": "string"]),
            query("q", ["type": "string"], "beginnings of words; case, accents and Polish letters do not count"),
        ]
    }

    private static func choice(_ name: String, _ values: [String]) -> JSONValue { query(name, Schemas.choice(values)) }

    private static func query(_ name: String, _ schema: JSONValue, _ description: String? = nil) -> JSONValue {
        parameter(name, "query", schema, description)
    }

    private static func path(_ name: String, _ description: String) -> JSONValue {
        parameter(name, "path", ["type": "string"], description)
    }

    private static func header(_ name: String, _ description: String) -> JSONValue {
        parameter(name, "header", ["type": "string"], description)
    }

    private static func parameter(
        _ name: String, _ place: String, _ schema: JSONValue, _ description: String?
    ) -> JSONValue {
        var object: JSONObject = [
            "name": .string(name), "in": .string(place), "required": .bool(place == "path"), "schema": schema,
        ]
        if let description { object["description"] = .string(description) }
        return .object(object)
    }
}
