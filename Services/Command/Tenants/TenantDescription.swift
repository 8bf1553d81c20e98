import Edge
import Events
import Identity
import JSON

/// What `TenantRoutes` offers.
enum TenantDescription: APIWords {
    static let paths: JSONObject = [
        "/v1/tenants": [
            "post": CommandDescription.write(
                "Create a tenant; who does is its first member, with every permission", .registration, for: .platform,
                body: .init(reference("NewTenant")))
        ],
        "/v1/tenant": [
            "patch": CommandDescription.write(
                "Change the tenant's settings; null brings a default back", .change,
                body: .init(reference("TenantSettings")))
        ],
        "/v1/members": [
            "post": CommandDescription.write(
                "Make somebody a member, or set a member's permissions anew", .change,
                body: .init(reference("Member")))
        ],
        "/v1/members/{subject}": [
            "delete": CommandDescription.write(
                "End a membership", .change, parameters: [path("subject", "of the person's tokens")])
        ],
        "/v1/keys": [
            "post": CommandDescription.write(
                "Create a key, which is shown this once", .issue, body: .init(reference("NewKey")),
                answer: reference("CreatedKey"))
        ],
        "/v1/keys/{id}/rotate": [
            "post": CommandDescription.write(
                "Put another key in a key's place; both are good for a while", .issue,
                parameters: [path("id", "key_…")],
                body: .init(fields(optional: ["grace_hours": orNull(integer(0...720))]), isRequired: false),
                answer: reference("CreatedKey"))
        ],
        "/v1/keys/{id}": [
            "patch": CommandDescription.write(
                "Change a key's name, or where browsers may send it from", .change,
                parameters: [path("id", "key_…")],
                body: .init(
                    fields(optional: ["name": orNull(text(200)), "allowed_origins": origins]))),
            "delete": CommandDescription.write("Revoke a key", .change, parameters: [path("id", "key_…")]),
        ],
    ]

    static let schemas: JSONObject = [
        "NewTenant": fields(
            required: [
                "slug": text(like: "^[a-z][a-z0-9-]{1,38}[a-z0-9]$", "acme"), "name": text(200),
                "currency": CommandDescription.currency,
                "time_zone": [
                    "type": "string", "minLength": 1, "description": "an IANA name", "examples": ["Europe/Warsaw"],
                ],
            ]),
        "Member": [
            "oneOf": [
                fields(
                    required: ["subject": text(200), "permissions": permissions],
                    optional: ["name": orNull(text(200)), "role": ["type": "null"]]),
                fields(
                    required: ["subject": text(200), "role": choice(Role.allCases.map(\.rawValue))],
                    optional: ["name": orNull(text(200)), "permissions": orNull(permissions)]),
            ]
        ],
        "TenantSettings": fields(
            optional: [
                "name": text(200), "time_zone": ["type": "string", "minLength": 1, "examples": ["Europe/Warsaw"]],
                "return_days": orNull(integer(TenantField.returnDays)),
                "hold_hours": orNull(integer(TenantField.holdHours)),
                "offer_hours": orNull(integer(TenantField.offerHours)),
                "sku_pattern": orNull(["type": "string", "examples": ["{yy}{mm}-{seq:5}"]]),
                "addresses": orNull(array(address, atMost: TenantField.addressLimit)),
                "languages": orNull(
                    array(["type": "string", "examples": ["pl", "en-GB"]], atMost: TenantField.languageLimit)),
                "features": orNull([
                    "type": "object", "maxProperties": JSONValue(TenantField.featureLimit),
                    "additionalProperties": ["type": ["boolean", "null"]],
                    "description": "flags; null takes one away, those that are not named stay",
                ]),
            ]),
        "NewKey": [
            "oneOf": [
                key(.publishable, permissions: array(["type": "string"], atMost: 0)),
                key(
                    .secret,
                    permissions: array(choice(TenantAccount.CreateKey.grantable.map(\.rawValue)))),
            ]
        ],
        "CreatedKey": object(
            CommandDescription.written + [
                "key_id": nullable("string"),
                "key": [
                    "type": ["string", "null"],
                    "description": "null where the request was repeated: it is shown once, and kept nowhere",
                ],
            ]),
    ]

    static let postal: (required: JSONObject, optional: JSONObject) = (
        [
            "lines": array(text(200), atMost: 5), "city": text(100),
            "country": text(like: "^[A-Z]{2}$", "PL", atMost: 2),
        ],
        [
            "name": orNull(text(200)), "postal_code": orNull(text(20)), "region": orNull(text(100)),
        ]
    )

    private static let address = fields(
        required: postal.required + ["kind": choice(TenantAddressKind.allCases.map(\.rawValue))],
        optional: postal.optional)

    private static let permissions = array(choice(Permission.known.map(\.rawValue)))

    private static let origins = array(
        text(like: #"^(\*|https?://[a-z0-9.:\[\]-]+)$"#, "https://shop.example", atMost: 300), atMost: 50)

    private static func key(_ kind: APIKey.Kind, permissions: JSONValue) -> JSONValue {
        fields(
            required: ["kind": ["const": .string(kind.rawValue)]],
            optional: [
                "name": orNull(text(200)), "permissions": orNull(permissions),
                "allowed_origins": orNull(origins),
            ])
    }
}
