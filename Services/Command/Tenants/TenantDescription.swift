import Edge
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
        "/v1/keys/{id}": [
            "delete": CommandDescription.write("Revoke a key", .change, parameters: [path("id", "key_…")])
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
        "Member": fields(
            required: ["subject": text(200), "permissions": array(choice(Permission.known.map(\.rawValue)))],
            optional: ["name": orNull(text(200))]),
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

    private static func key(_ kind: APIKey.Kind, permissions: JSONValue) -> JSONValue {
        fields(
            required: ["kind": ["const": .string(kind.rawValue)]],
            optional: [
                "name": orNull(text(200)), "permissions": orNull(permissions),
                "allowed_origins": orNull(
                    array(
                        text(like: #"^(\*|https?://[a-z0-9.:\[\]-]+)$"#, "https://shop.example", atMost: 300),
                        atMost: 50)),
            ])
    }
}
