public import Hummingbird
public import JSON

/// A service, as OpenAPI 3.1 describes it, and the route that shows it.
public struct APIDescription: APIWords, Sendable {
    /// The whole document.
    public let document: JSONValue

    /// - Parameters:
    ///   - paths: of the service's own routes; what every service has is added.
    ///   - schemas: the components that they refer to; `Problem` is added.
    public init(title: String, description: String, paths: JSONObject, schemas: JSONObject) {
        document = [
            "openapi": "3.1.0",
            "info": ["title": .string(title), "version": "1", "description": .string(description)],
            "paths": .object(Self.identified(paths + Self.ofEveryService)),
            "components": [
                "schemas": .object(schemas + ["Problem": Self.problem]),
                "parameters": .object(JSONObject(APIHeader.ofRequests.map { ($0.component, $0.parameter) })),
                "headers": .object(JSONObject(APIHeader.ofAnswers.map { ($0.name, $0.header) })),
                "securitySchemes": [
                    "member": ["type": "http", "scheme": "bearer", "bearerFormat": "JWT"],
                    "tenant": ["type": "apiKey", "in": "header", "name": "Closter-Tenant"],
                    "key": ["type": "apiKey", "in": "header", "name": "Closter-Key"],
                ],
            ],
        ]
    }

    /// `GET /openapi.json`
    public func add(to router: EdgeRouter) {
        let bytes = document.bytes
        router.get("/openapi.json") { _, _ in
            Response.json(bytes, headers: [.cacheControl: "public, max-age=300"])
        }
    }

    /// `GET /v1/items/{id}` is `getItemsById`: for the generators of clients, which need a name of every operation.
    private static func identified(_ paths: JSONObject) -> JSONObject {
        JSONObject(
            paths.members.map { path, item in
                let operations = (item.objectValue ?? [:]).members.map { method, operation in
                    let name: JSONObject = ["operationId": .string(identifier(method, path))]
                    return (method, JSONValue.object(name + (operation.objectValue ?? [:])))
                }
                return (path, .object(JSONObject(operations)))
            })
    }

    private static func identifier(_ method: String, _ path: String) -> String {
        method
            + path.split(separator: "/").filter { $0 != "v1" }.map { segment in
                let words = segment.split { !$0.isLetter }.map { $0.prefix(1).uppercased() + $0.dropFirst() }
                return (segment.hasPrefix("{") ? "By" : "") + words.joined()
            }.joined()
    }

    private static let ofEveryService: JSONObject = {
        func get(_ summary: String, _ answers: APIOperation.Answer...) -> JSONValue {
            ["get": APIOperation(summary, for: .anyone, answers: answers).json]
        }
        return [
            "/openapi.json": get("This description", .init(200, "OpenAPI 3.1", ["type": "object"])),
            "/livez": get("The process is up", .init(200, "It is", ["type": "object"])),
            "/readyz": get(
                "It can do its work", .init(200, "It can", ["type": "object"]),
                .init(503, "It cannot, and why", ["type": "object"])),
            "/metrics": get("Prometheus text", .init(200, "Metrics", ["type": "string"], media: "text/plain")),
        ]
    }()

    private static let problem = object(
        [
            "type": string("a path of the query service that explains it"), "title": string(),
            "status": ["type": "integer"], "detail": string(), "code": string("stable, for programs"),
            "correlation_id": uuid,
            "errors": array(object(["pointer": string(), "code": string(), "detail": string()])),
        ], optional: ["errors"])
}
