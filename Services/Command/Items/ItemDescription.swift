import Documents
import Edge
import EventSourcing
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
        "/v1/items/{id}/move": fact(
            "Say at which location an item in the house is",
            .init(fields(required: ["location_id": identifier("location")]))),
        "/v1/items/{id}/arrive": fact("Take an item that was elsewhere, or damaged, into the house", arrival),
        "/v1/items/{id}/found": fact("Say that a lost item is in the house", arrival),
        "/v1/items/{id}/authenticate": fact("Send an item to an authenticator", sending(isNamed: true)),
        "/v1/items/{id}/repair": fact("Send an item to repair", sending(isNamed: true)),
        "/v1/items/{id}/dispatch": fact("Give an item to a carrier", sending(isNamed: false)),
        "/v1/items/{id}/handover": fact("Say that a sold item is with its buyer", reason),
        "/v1/items/{id}/return": fact("Give an item back to its consignor", reason),
        "/v1/items/{id}/lost": fact("Say that an item is lost", reason),
        "/v1/items/{id}/damage": fact("Say that an item is damaged", reason),
        "/v1/items/{id}/dispose": fact("Discard an item", reason),
        "/v1/items/{id}/donate": fact(
            "Give an item away",
            .init(fields(optional: ["recipient": orNull(text(200)), "reason": orNull(text(500))]), isRequired: false)),
        "/v1/items/{id}/convert": fact(
            "Take a consignor's item over into the store's stock, for a price",
            .init(fields(required: ["price": reference("PriceFromZero")]))),
        "/v1/items/{id}/hold": fact("Hold an item for somebody", reason),
        "/v1/items/{id}/release": fact("End a hold", reason),
        "/v1/items/{id}/withdraw": fact("Offer an item no longer", reason),
        "/v1/items/{id}/reinstate": fact("Let a withdrawn item be offered again", .init(fields(), isRequired: false)),
        "/v1/items/{id}/sku": fact(
            "Give an item that has none the next SKU", .init(fields(), isRequired: false)),
    ]

    private static let reason = APIOperation.Body(fields(optional: ["reason": orNull(text(500))]), isRequired: false)

    private static let arrival = APIOperation.Body(
        fields(optional: ["location_id": orNull(identifier("location"))]), isRequired: false)

    private static func sending(isNamed: Bool) -> APIOperation.Body {
        let reason: JSONObject = ["reason": orNull(text(500))]
        return isNamed
            ? .init(fields(required: ["custodian": text(200)], optional: reason))
            : .init(fields(optional: ["custodian": orNull(text(200))] + reason), isRequired: false)
    }

    private static func fact(_ summary: String, _ body: APIOperation.Body) -> JSONValue {
        [
            "post": CommandDescription.write(
                summary, .change, parameters: [path("id", identifier("item"))], body: body, refusals: [.refused])
        ]
    }

    static let schemas: JSONObject = [
        "NewItem": fields(
            required: members(ItemField.allCases.filter(\.isRequired)),
            optional: members(ItemField.allCases.filter { !$0.isRequired }) + [
                "consignor_id": orNull(identifier("consignor")), "location_id": orNull(identifier("location")),
                "custody": orNull(choice([ItemCustody.expected.rawValue, ItemCustody.inHouse.rawValue])),
                "acquisition": orNull(reference("Acquisition")), "suggestions": orNull(reference("Suggestions")),
            ]),
        "ItemChanges": fields(
            optional: members(ItemField.allCases) + ["suggestions": orNull(reference("Suggestions"))]),
        "Acquisition": fields(
            optional: [
                "legal_basis": orNull(choice(LegalBasis.allCases.map(\.rawValue))),
                "price": orNull(reference("PriceFromZero")),
                "date": orNull(["type": "string", "format": "date", "examples": ["2026-03-10"]]),
                "document": orNull(text(100)), "origin_country": orNull(text(like: "^[A-Z]{2}$", "PL", atMost: 2)),
                "scheme": orNull(choice(TaxScheme.allCases.map(\.rawValue))),
            ]),
        "PriceFromZero": fields(
            required: [
                "amount": integer(0...Money.limit), "currency": CommandDescription.currency,
            ]),
        "Suggestions": [
            "type": "object", "additionalProperties": false,
            "properties": .object(JSONObject(ItemField.allCases.map { ($0.rawValue, reference("Suggestion")) })),
            "description": "evidence of machine help, by field",
        ],
        "Suggestion": fields(
            required: ["source": text(100), "decision": choice(SuggestionDecision.allCases.map(\.rawValue))],
            optional: [
                "model": orNull(text(100)), "by": orNull(text(100)),
                "confidence": orNull(["type": "number", "minimum": 0, "maximum": 1]),
            ]),
    ]

    /// What can be left out can be null.
    static func members(_ fields: [ItemField]) -> JSONObject {
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
                    like:
                        #"^/v1/photos/[0-9a-f]{64}\.(jpg|png|webp)$|^[Hh][Tt][Tt][Pp][Ss]://\#(plain("@/?#:"))\#(plain("@/?#"))*([/?#]\#(plain())*)?$"#,
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
