import Edge
import Events
import JSON

/// What `OfferRoutes` offers.
enum OfferDescription: APIWords {
    static let paths: JSONObject = [
        "/v1/offers": [
            "post": CommandDescription.write(
                "Make an offer for a published listing, for a buyer", .creation, for: .everybody,
                body: .init(reference("NewOffer")), key: .requiredIdempotencyKey)
        ],
        "/v1/offers/{id}/counter": change(
            "Name another price: the store for an offer, the buyer for a counter-offer", for: .everybody,
            .init(
                fields(
                    required: ["price": CommandDescription.price],
                    optional: ["by": orNull(choice(OfferParty.allCases.map(\.rawValue)))]))),
        "/v1/offers/{id}/ask-consignor": change("Leave an offer to its item's consignor", nothing),
        "/v1/offers/{id}/consignor-answer": change(
            "Say what the consignor has answered; the store decides",
            .init(fields(required: ["answer": choice(OfferAnswer.allCases.map(\.rawValue))]))),
        "/v1/offers/{id}/accept": change(
            "Accept an offer, or for the buyer a counter-offer: the item is held for the buyer", for: .everybody,
            nothing
        ),
        "/v1/offers/{id}/decline": change(
            "Decline an offer, or for the buyer a counter-offer", for: .everybody,
            .init(
                fields(optional: ["reason": orNull(choice(OfferFields.reasons.map(\.rawValue)))]), isRequired: false)),
        "/v1/offers/{id}/withdraw": change(
            "Withdraw an offer for its buyer; what was held is free again", for: .everybody, nothing),
    ]

    static let schemas: JSONObject = [
        "NewOffer": fields(
            required: [
                "listing_id": identifier(Listing.prefix), "price": CommandDescription.price,
                "buyer": fields(
                    required: [
                        "platform": text(like: "^[a-z0-9_-]{1,50}$", "shop"),
                        "external_id": text(Field.externalIDLimit),
                    ]),
            ])
    ]

    /// A body that may be left out, and has nothing in it.
    private static let nothing = APIOperation.Body(fields(), isRequired: false)

    private static func change(
        _ summary: String, for access: APIOperation.Access = .members, _ body: APIOperation.Body
    ) -> JSONValue {
        [
            "post": CommandDescription.write(
                summary, .change, for: access, parameters: [path("id", identifier(Offer.prefix))], body: body,
                key: .requiredIdempotencyKey)
        ]
    }
}
