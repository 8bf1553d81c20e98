import Edge
import Events
import JSON

/// What `ListingRoutes` offers.
enum ListingDescription: APIWords {
    static let paths: JSONObject = [
        "/v1/listings": [
            "post": CommandDescription.write(
                "Offer an item at a price: a draft", .creation, body: .init(reference("NewListing")),
                refusals: [.refused, .claimTaken])
        ],
        "/v1/listings/{id}/publish": change("Publish a draft", nothing, refusals: [.refused, .claimTaken]),
        "/v1/listings/{id}/price": change(
            "Set the price", .init(fields(required: ["price": CommandDescription.price]))),
        "/v1/listings/{id}/pause": change("Pause a published listing", nothing),
        "/v1/listings/{id}/resume": change("Resume a paused listing", nothing),
        "/v1/listings/{id}/end": change(
            "End a listing and its offers; what is sold here is withdrawn elsewhere", .init(reference("ListingEnd")),
            refusals: [.refused, .claimTaken]),
    ]

    static let schemas: JSONObject = [
        "NewListing": fields(
            required: ["item_id": identifier("item"), "price": CommandDescription.price],
            optional: ["channel": orNull(text(like: "^[a-z0-9_-]{1,50}$", Listing.Create.defaultChannel))]),
        "ListingEnd": [
            "oneOf": [
                fields(
                    required: [
                        "reason": ["const": .string(ListingEnded.Reason.sold.rawValue)],
                        "price": CommandDescription.price,
                    ], optional: ["offer_id": orNull(identifier(Offer.prefix)), "override_reason": orNull(text(500))]),
                fields(
                    required: [
                        "reason": choice(ListingEnded.Reason.allCases.filter { $0 != .sold }.map(\.rawValue))
                    ],
                    optional: [
                        "price": ["type": "null"], "offer_id": ["type": "null"], "override_reason": ["type": "null"],
                    ]),
            ]
        ],
    ]

    /// A body that may be left out, and has nothing in it.
    private static let nothing = APIOperation.Body(fields(), isRequired: false)

    private static func change(
        _ summary: String, _ body: APIOperation.Body, refusals: [Problem.Code] = [.refused]
    ) -> JSONValue {
        [
            "post": CommandDescription.write(
                summary, .change, parameters: [path("id", identifier("listing"))], body: body, refusals: refusals)
        ]
    }
}
