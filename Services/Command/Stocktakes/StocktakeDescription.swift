import Edge
import JSON

/// What `StocktakeRoutes` offers.
enum StocktakeDescription: APIWords {
    static let paths: JSONObject = [
        "/v1/stocktakes": [
            "post": CommandDescription.write(
                "Begin to look at what is at a location", .creation,
                body: .init(
                    fields(required: ["location_id": identifier("location")], optional: ["note": orNull(text(500))])),
                refusals: [.refused])
        ],
        "/v1/stocktakes/{id}/scans": [
            "post": write(
                "Say what was seen, by SKU or id",
                .init(
                    fields(required: [
                        "codes": [
                            "type": "array", "items": text(100), "minItems": 1,
                            "maxItems": JSONValue(Stocktake.batchLimit),
                        ]
                    ])),
                answer: object(CommandDescription.written + ["unknown": array(string("a code that is no item's"))]))
        ],
        "/v1/stocktakes/{id}/close": [
            "post": write(
                "Hold what was seen against what should be there; what is missing is lost, what was elsewhere is here",
                .init(fields(), isRequired: false))
        ],
        "/v1/stocktakes/{id}/cancel": [
            "post": write(
                "Cancel a stock-take", .init(fields(optional: ["reason": orNull(text(500))]), isRequired: false))
        ],
    ]

    private static func write(
        _ summary: String, _ body: APIOperation.Body, answer: JSONValue = reference("Written")
    ) -> JSONValue {
        CommandDescription.write(
            summary, .change, parameters: [path("id", identifier("stocktake"))], body: body, answer: answer)
    }
}
