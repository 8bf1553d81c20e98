import Edge
import EventSourcing
import JSON

/// What the service offers; each folder describes its routes beside them.
enum CommandDescription: APIWords {
    static let service = APIDescription(
        title: "Closter: command service",
        description: """
            Writes. Each is one intent: whole or not at all, decided once under its Idempotency-Key. Errors are problem \
            documents (RFC 9457), with all field errors at once.
            """,
        paths: ItemDescription.paths + ListingDescription.paths + ImportDescription.paths + TenantDescription.paths
            + LocationDescription.paths + IntakeDescription.paths + StocktakeDescription.paths
            + ConsignorDescription.paths + PhotoDescription.paths + ContractDescription.paths
            + ValuationDescription.paths + OfferDescription.paths,
        schemas: schemas + ItemDescription.schemas + ListingDescription.schemas + TenantDescription.schemas
            + LocationDescription.schemas + IntakeDescription.schemas + ConsignorDescription.schemas
            + ContractDescription.schemas + OfferDescription.schemas)

    private static let schemas: JSONObject = [
        "Written": object(written),
        "Price": fields(
            required: [
                "amount": [
                    "type": "integer", "minimum": 1, "maximum": .integer(Money.limit), "description": "minor units",
                ],
                "currency": currency,
            ]),
        "Currency": choice(Currency.codes),
    ]

    /// What a write answers.
    static let written: JSONObject = [
        "id": string("what was written, like item_…"), "version": ["type": "integer", "minimum": 1],
        "position": ["type": "integer", "minimum": 1, "description": "of its last event"],
        "events": array(object(["type": string(), "position": ["type": "integer", "minimum": 1]])),
    ]

    static let currency = reference("Currency")
    static let price = reference("Price")

    /// How a write is answered. One on something that is there already may come with If-Match.
    enum Outcome {
        /// 201 and where it can be read.
        case creation
        /// 201, or 200 where it was there already; it cannot be read.
        case registration
        /// 201; it cannot be read.
        case issue
        /// 202 and where its report can be read.
        case acceptance
        /// 200
        case change
    }

    /// An operation that appends.
    ///
    /// - Parameter refusals: with status 422, beside those of fields and keys.
    static func write(
        _ summary: String, _ outcome: Outcome, for access: APIOperation.Access = .members,
        parameters: [JSONValue] = [], body: APIOperation.Body? = nil, answer: JSONValue = reference("Written"),
        refusals: [Problem.Code] = [.refused], key: APIHeader = .idempotencyKey
    ) -> JSONValue {
        let headers: [APIHeader] = [.position, .replayed]
        let answers: [APIOperation.Answer] =
            switch outcome {
            case .creation: [.init(201, "Created", answer, headers: headers + [.location])]
            case .registration:
                [
                    .init(201, "Created", answer, headers: headers),
                    .init(200, "It was there already, with the same settings", answer, headers: headers),
                ]
            case .issue: [.init(201, "Created", answer, headers: headers)]
            case .acceptance: [.init(202, "Taken; it is worked on", answer, headers: headers + [.location])]
            case .change: [.init(200, "Done, or already so: then without events", answer, headers: headers)]
            }
        var problems = refusals + [.idempotencyKeyReused, .conflict, .requestInProgress, .outcomeUnknown]
        if access == .everybody { problems.append(.forbidden) }
        var preconditions: [APIHeader] = []
        if outcome != .creation, outcome != .acceptance {
            preconditions.append(.ifMatch)
            problems.append(.preconditionFailed)
        }
        if parameters.contains(where: { $0["in"] == "path" }) { problems.append(.notFound) }
        if parameters.contains(where: { $0["in"] == "query" }) { problems.append(.invalidParameter) }
        if body?.isJSON == true { problems.append(.invalidFields) }
        return APIOperation(
            summary, for: access, parameters: parameters, headers: [key] + preconditions, body: body,
            answers: answers, problems: problems
        ).json
    }
}
