import Edge
import Events
import JSON

/// What `ValuationRoutes` offers.
enum ValuationDescription: APIWords {
    static let paths: JSONObject = [
        "/v1/valuations": [
            "post": CommandDescription.write(
                "Ask what an item is worth: by what alike was sold for, which is answered at once, or by somebody",
                .creation,
                body: .init(
                    fields(
                        required: [
                            "item_id": identifier("item"), "method": choice(ValuationMethod.allCases.map(\.rawValue)),
                        ], optional: ["note": orNull(text(500))])))
        ],
        "/v1/valuations/{id}/complete": change(
            "Answer what was asked of somebody",
            fields(
                required: [
                    "low": CommandDescription.price, "proposed": CommandDescription.price,
                    "high": CommandDescription.price, "confidence": integer(Valuation.Complete.confidence),
                ], optional: ["note": orNull(text(500))])),
        "/v1/valuations/{id}/override": change(
            "Know better than what was answered",
            fields(
                required: ["proposed": CommandDescription.price, "reason": text(500)],
                optional: ["low": orNull(CommandDescription.price), "high": orNull(CommandDescription.price)])),
    ]

    private static func change(_ summary: String, _ body: JSONValue) -> JSONValue {
        [
            "post": CommandDescription.write(
                summary, .change, parameters: [path("id", identifier("valuation"))], body: .init(body))
        ]
    }
}
