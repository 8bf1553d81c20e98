import Edge
import Events
import JSON

/// What `ConsignorRoutes` offers.
enum ConsignorDescription: APIWords {
    static let paths: JSONObject = [
        "/v1/consignors": [
            "post": CommandDescription.write(
                "Register a consignor", .creation, body: .init(reference("NewConsignor")), refusals: [.claimTaken])
        ],
        "/v1/consignors/{id}": [
            "patch": CommandDescription.write(
                "Change what is known of a consignor; null clears a field", .change, parameters: [id],
                body: .init(reference("ConsignorChanges")), refusals: [.refused, .claimTaken])
        ],
        "/v1/consignors/{id}/terms": [
            "post": CommandDescription.write(
                "Record that a consignor agreed to a document", .change, parameters: [id],
                body: .init(
                    fields(
                        required: [
                            "document": text(like: "^[0-9a-f]{64}$", String(repeating: "0a", count: 32)),
                            "method": choice(ConsignorTermsMethod.allCases.map(\.rawValue)),
                        ],
                        optional: [
                            "agreed_at": orNull([
                                "type": "string", "format": "date-time", "examples": ["2026-01-30T10:00:00Z"],
                            ])
                        ])))
        ],
        "/v1/consignors/{id}/merge": [
            "post": CommandDescription.write(
                "Say that a consignor is the same person as another, who goes on for both", .change, parameters: [id],
                body: .init(fields(required: ["into": identifier("consignor")])))
        ],
        "/v1/consignors/{id}/erase": [
            "post": CommandDescription.write(
                "Erase a consignor: the keys of what is personal are shredded", .change, parameters: [id],
                body: .init(fields(required: ["reason": choice(ConsignorErased.Reason.allCases.map(\.rawValue))])))
        ],
    ]

    private static let id = path("id", identifier("consignor"))

    static let schemas: JSONObject = [
        "NewConsignor": fields(
            required: ["name": schema(of: .name)],
            optional: members(ConsignorField.contact.filter { $0 != .name }) + others),
        "ConsignorChanges": fields(
            optional: ["name": schema(of: .name)] + members(ConsignorField.contact.filter { $0 != .name }) + others),
        "ConsignorTax": fields(optional: members(ConsignorField.tax)),
    ]

    private static let others: JSONObject = [
        "number": orNull(text(like: "^[A-Za-z_./-]*[0-9][A-Za-z0-9_./-]*$", "K-0001", atMost: 40)),
        "store_credit": orNull(["type": "boolean", "examples": [true]]), "retain_until": orNull(date),
        "tax": orNull(reference("ConsignorTax")),
    ]

    private static let date: JSONValue = ["type": "string", "format": "date", "examples": ["1990-05-31"]]

    private static func members(_ fields: [ConsignorField]) -> JSONObject {
        JSONObject(fields.map { ($0.rawValue, orNull(schema(of: $0))) })
    }

    /// What `ConsignorField.read` takes.
    private static func schema(of field: ConsignorField) -> JSONValue {
        switch field {
        case .name: text(200)
        case .mail: text(like: #"^[^@\s\u0000]+@[^@\s\u0000]+$"#, "jan@example.com", atMost: 254)
        case .phone: text(like: "^[0-9+ ()/.-]*([0-9][ +()/.-]*){5}[0-9+ ()/.-]*$", "+48 600 100 200", atMost: 30)
        case .addresses:
            array(
                fields(
                    required: [
                        "lines": ["type": "array", "items": text(200), "minItems": 1, "maxItems": 5], "city": text(100),
                        "country": text(like: "^[A-Z]{2}$", "PL"),
                    ],
                    optional: [
                        "name": orNull(text(200)), "postal_code": orNull(text(20)), "region": orNull(text(100)),
                    ]), atMost: ConsignorField.addressLimit)
        case .birthDate, .vatDate: date
        case .payout:
            [
                "oneOf": [
                    fields(
                        required: ["iban": text(like: "^[A-Z]{2}[0-9]{2}[A-Z0-9 ]+$", "PL61109010140000071219812874")],
                        optional: ["holder": orNull(text(200))]),
                    fields(
                        required: ["provider": text(200), "reference": text(200)],
                        optional: ["holder": orNull(text(200))]),
                ],
                "description": "an IBAN with right check digits, or a payment provider's reference",
            ]
        case .legalType: choice(LegalType.allCases.map(\.rawValue))
        case .country: text(like: "^[A-Z]{2}$", "PL")
        case .vatStatus: choice(VATStatus.allCases.map(\.rawValue))
        case .vatEvidence: text(500)
        case .taxNumber: text(like: "^[A-Z0-9 -]*[A-Z0-9-][A-Z0-9 -]*$", "5260250995", atMost: 30)
        }
    }
}
