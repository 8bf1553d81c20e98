import Documents
import Edge
import Events
import JSON

/// What `LocationRoutes` offers.
enum LocationDescription: APIWords {
    static let paths: JSONObject = [
        "/v1/locations": [
            "post": CommandDescription.write(
                "Open a location", .creation, body: .init(reference("NewLocation")), refusals: [.claimTaken])
        ],
        "/v1/locations/{id}": [
            "patch": CommandDescription.write(
                "Change a location's fields; null clears an optional one", .change,
                parameters: [path("id", identifier("location"))], body: .init(reference("LocationChanges")),
                refusals: [.refused, .claimTaken])
        ],
        "/v1/locations/{id}/close": [
            "post": CommandDescription.write(
                "Close a location: nothing can be put there any more", .change,
                parameters: [path("id", identifier("location"))],
                body: .init(fields(required: ["reason": text(500)])))
        ],
    ]

    static let schemas: JSONObject = [
        "NewLocation": fields(required: members { $0.isRequired }, optional: members { !$0.isRequired }),
        "LocationChanges": fields(optional: members { _ in true }),
    ]

    private static func members(_ isMeant: (LocationField) -> Bool) -> JSONObject {
        JSONObject(
            LocationField.allCases.filter(isMeant).map {
                ($0.rawValue, $0.isRequired ? schema(of: $0) : orNull(schema(of: $0)))
            })
    }

    private static func schema(of field: LocationField) -> JSONValue {
        switch field {
        case .code: text(like: "^[!-~]+$", "WAW-1", atMost: 20)
        case .name: text(200)
        case .kind: choice(LocationKind.allCases.map(\.rawValue))
        case .address:
            fields(required: TenantDescription.postal.required, optional: TenantDescription.postal.optional)
        }
    }
}
