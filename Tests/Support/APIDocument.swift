public import JSON

/// What tests ask of a service's OpenAPI document.
public struct APIDocument: Sendable {
    public let document: JSONValue

    public init(_ document: JSONValue) { self.document = document }

    private var all: [(method: String, path: String, operation: JSONValue)] {
        (document["paths"]?.objectValue ?? [:]).members.flatMap { path, item in
            (item.objectValue ?? [:]).members.map { ($0.key.uppercased(), path, $0.value) }
        }
    }

    /// `GET /v1/items/{id}`
    public var operations: Set<String> { Set(all.map { "\($0.method) \($0.path)" }) }

    public var operationIDs: [String] { all.compactMap { $0.operation["operationId"]?.stringValue } }

    /// The router's form of a path in the document's.
    public static func path(_ pattern: String) -> String {
        "/"
            + pattern.split(separator: "/").map { $0.hasPrefix(":") ? "{\($0.dropFirst())}" : String($0) }
            .joined(separator: "/")
    }

    /// Every `$ref`, with what it leads to; null where that is missing.
    public var references: [String: JSONValue] {
        var found: [String: JSONValue] = [:]
        func collect(_ value: JSONValue) {
            for element in value.arrayValue ?? [] { collect(element) }
            for (key, member) in value.objectValue ?? [:] {
                if key == "$ref", let text = member.stringValue {
                    found[text] = text.split(separator: "/").dropFirst().reduce(document) {
                        $0[String($1)] ?? .null
                    }
                }
                collect(member)
            }
        }
        collect(document)
        return found
    }
}
