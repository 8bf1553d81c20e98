import Documents
import Edge
import Events
import JSON

/// What `ItemRoutes` offers.
enum ItemDescription: APIWords {
    static let paths: JSONObject = [
        "/v1/items": [
            "post": CommandDescription.write(
                "Receive an item", .creation, body: .init(reference("NewItem")), refusals: [.claimTaken])
        ],
        "/v1/items/{id}": [
            "patch": CommandDescription.write(
                "Change an item's fields; null clears an optional one", .change,
                parameters: [path("id", identifier("item"))], body: .init(reference("ItemChanges")),
                refusals: [.claimTaken]),
            "delete": CommandDescription.write(
                "Delete an item that has no open listing", .change, parameters: [path("id", identifier("item"))],
                body: .init(fields(required: ["reason": text(500)]))),
        ],
    ]

    static let schemas: JSONObject = [
        "NewItem": fields(
            required: members(ItemField.allCases.filter(\.isRequired)),
            optional: members(ItemField.allCases.filter { !$0.isRequired })),
        "ItemChanges": fields(optional: members(ItemField.allCases)),
    ]

    /// What can be left out can be null.
    private static func members(_ fields: [ItemField]) -> JSONObject {
        JSONObject(fields.map { ($0.rawValue, $0.isRequired ? schema(of: $0) : orNull(schema(of: $0))) })
    }

    /// What `ItemField.read` takes.
    private static func schema(of field: ItemField) -> JSONValue {
        switch field {
        case .title, .brand, .category, .size, .color, .material: text(200)
        case .condition: choice(ItemCondition.allCases.map(\.rawValue))
        case .description: text(20_000)
        case .sku: text(100)
        case .photos:
            array(
                text(
                    like: #"^[Hh][Tt][Tt][Pp][Ss]://\#(plain("@/?#:"))\#(plain("@/?#"))*([/?#]\#(plain())*)?$"#,
                    "https://images.example/coat.jpg", atMost: 2048),
                atMost: ItemPhotos.limit)
        case .attributes:
            [
                "type": "object", "maxProperties": JSONValue(ItemAttributes.members),
                "description": .string(
                    """
                    anything, up to \(ItemAttributes.depth) levels deep and \(ItemAttributes.bytes / 1024) KiB; only \
                    operators see `internal`
                    """),
            ]
        }
    }

    /// A character of a URL that is none of those.
    private static func plain(_ others: String = "") -> String {
        #"[^\s\u0000-\u0020\u007f"<>\\^`{|}\#(others)]"#
    }
}
