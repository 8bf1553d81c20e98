import Documents
import Edge
import EventSourcing
import Events
import JSON

/// What `IntakeRoutes` offers.
enum IntakeDescription: APIWords {
    static let paths: JSONObject = [
        "/v1/intakes": [
            "post": CommandDescription.write(
                "Open an intake of a consignor's things, or the store's own, at a location", .creation,
                body: .init(
                    fields(
                        required: ["location_id": identifier("location")],
                        optional: ["consignor_id": orNull(identifier("consignor")), "note": orNull(text(500))])),
                refusals: [.refused])
        ],
        "/v1/intakes/{id}/items": [
            "post": write(
                "Enter an item, or up to \(Intake.batchLimit) at once",
                .init([
                    "oneOf": [
                        reference("NewIntakeItem"),
                        fields(required: ["items": batch(reference("NewIntakeItem"))]),
                    ]
                ]), answer: named(string("item_…")))
        ],
        "/v1/intakes/{id}/items/{item_id}": [
            "patch": write("Change an item that was not decided about", .init(reference("IntakeItemChanges")), item),
            "delete": write("Take an item out of an open intake", nothing, item),
        ],
        "/v1/intakes/{id}/submit": ["post": write("Let the items be received", nothing)],
        "/v1/intakes/{id}/cancel": [
            "post": write(
                "Cancel an intake of which no item was decided about",
                .init(fields(optional: ["reason": orNull(text(500))]), isRequired: false))
        ],
        "/v1/intakes/{id}/receive": [
            "post": write(
                "Accept items, reject them, or send them to an authenticator",
                .init(fields(required: ["items": batch(verdict)])),
                answer: named(object(["item_id": string("item_…"), "sku": nullable("string")])),
                refusals: [.refused, .claimTaken])
        ],
        "/v1/intakes/{id}/items/{item_id}/authentication": [
            "post": write("Say what an authenticator found", .init(reference("Authentication")), item)
        ],
        "/v1/intakes/{id}/items/{item_id}/settle": [
            "post": write("Say that the fate of a rejected item was carried out", nothing, item)
        ],
    ]

    static let schemas: JSONObject = [
        "NewIntakeItem": fields(
            required: ItemDescription.members([.title]),
            optional: ItemDescription.members(ItemField.allCases.filter { $0 != .title && $0 != .condition }) + evidence
                + ["condition": orNull(choice(ItemCondition.allCases.map(\.rawValue)))]),
        "IntakeItemChanges": fields(optional: ItemDescription.members(ItemField.allCases) + evidence),
        "Authentication": authentication,
    ]

    private static let authentication: JSONValue = {
        var schema =
            fields(
                required: ["outcome": choice(IntakeItemAuthenticated.Outcome.allCases.map(\.rawValue))],
                optional: [
                    "report": orNull(
                        fields(
                            required: [
                                "sha256": text(like: "^[0-9a-f]{64}$", String(repeating: "0", count: 64)),
                                "reference": text(500),
                            ])),
                    "cost": orNull(reference("PriceFromZero")),
                    "bearer": orNull(choice(IntakeItemAuthenticated.Bearer.allCases.map(\.rawValue))),
                ]
            ).objectValue ?? [:]
        schema["dependentRequired"] = ["cost": ["bearer"]]
        return .object(schema)
    }()

    private static let evidence: JSONObject = [
        "acquisition": orNull(reference("Acquisition")), "suggestions": orNull(reference("Suggestions")),
    ]

    private static let verdict: JSONValue = [
        "oneOf": [
            outcome(.accepted, optional: ["location_id": orNull(identifier("location"))]),
            outcome(
                .rejected,
                required: [
                    "reason": text(500), "fate": choice(IntakeItemRejected.Fate.allCases.map(\.rawValue)),
                ]),
            outcome(.needsAuthentication, required: ["authenticator": text(200)]),
        ]
    ]

    private static func outcome(
        _ outcome: IntakeFields.Outcome, required: JSONObject = [:], optional: JSONObject = [:]
    ) -> JSONValue {
        fields(
            required: ["item_id": identifier("item"), "outcome": ["const": .string(outcome.rawValue)]] + required,
            optional: optional)
    }

    private static func batch(_ element: JSONValue) -> JSONValue {
        ["type": "array", "items": element, "minItems": 1, "maxItems": JSONValue(Intake.batchLimit)]
    }

    /// What a write answers, and the items that it is about.
    private static func named(_ element: JSONValue) -> JSONValue {
        object(CommandDescription.written + ["items": array(element)])
    }

    private static let item: [JSONValue] = [path("item_id", identifier("item"))]

    /// A body that may be left out, and has nothing in it.
    private static let nothing = APIOperation.Body(fields(), isRequired: false)

    private static func write(
        _ summary: String, _ body: APIOperation.Body, _ parameters: [JSONValue] = [],
        answer: JSONValue = reference("Written"), refusals: [Problem.Code] = [.refused]
    ) -> JSONValue {
        CommandDescription.write(
            summary, .change, parameters: [path("id", identifier("intake"))] + parameters, body: body,
            answer: answer, refusals: refusals)
    }
}
