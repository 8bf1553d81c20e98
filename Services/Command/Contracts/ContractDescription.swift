import Edge
import EventSourcing
import Events
import JSON

/// What `ContractRoutes` offers.
enum ContractDescription: APIWords {
    static let paths: JSONObject = [
        "/v1/contracts": [
            "post": CommandDescription.write(
                "Draft a contract with a consignor", .creation, body: .init(reference("NewContract")),
                refusals: [.refused, .claimTaken])
        ],
        "/v1/contracts/{id}/terms": change(
            "Set the terms of a draft; what was signed before is no longer signed",
            .init(fields(required: ["terms": reference("ContractTerms")]))),
        "/v1/contracts/{id}/items": change(
            "Add items, with what is agreed on for each alone", .init(fields(required: ["items": items])),
            refusals: [.refused, .claimTaken]),
        "/v1/contracts/{id}/items/{item_id}": [
            "patch": write(
                "Agree on something else for one item; what is left out goes by the contract's terms",
                .init(fields(optional: overrides)), parameters: onItem),
            "delete": write(
                "Take an item off; early, it may cost a fee", .init(reason, isRequired: false), parameters: onItem),
        ],
        "/v1/contracts/{id}/sign": change(
            "Record a signature",
            .init(
                fields(required: [
                    "document": digest, "signer": choice(ContractSigned.Signer.allCases.map(\.rawValue)),
                    "method": choice(ContractSigned.Method.allCases.map(\.rawValue)),
                ]))),
        "/v1/contracts/{id}/activate": change(
            "Activate a contract that is ready; what every rule said is kept", .init(fields(), isRequired: false)),
        "/v1/contracts/{id}/amend": change(
            "Agree on other terms, from a moment on",
            .init(
                fields(
                    required: ["terms": reference("ContractTerms")],
                    optional: [
                        "effective_from": orNull(["type": "string", "format": "date-time"]), "document": orNull(digest),
                    ]))),
        "/v1/contracts/{id}/extend": change(
            "Extend the term to the end of a day",
            .init(fields(required: ["until": ["type": "string", "format": "date"]]))),
        "/v1/contracts/{id}/terminate": change(
            "Terminate a contract: what is offered under it is withdrawn", .init(fields(required: ["reason": text(500)]))),
    ]

    static let schemas: JSONObject = [
        "NewContract": fields(
            required: ["consignor_id": identifier("consignor")],
            optional: [
                "number": orNull(text(50)), "note": orNull(text(500)), "terms": orNull(reference("ContractTerms")),
                "items": orNull(items),
            ]),
        "ContractTerms": fields(
            required: ["tiers": tiers, "term_days": integer(1...ContractFields.longest)],
            optional: [
                "grace_days": orNull(integer(0...ContractFields.longest)), "minimum_price": orNull(reference("Amount")),
                "markdowns": orNull(markdowns),
                "fees": orNull(
                    array(
                        fields(required: ["name": text(100), "amount": reference("Amount")]),
                        atMost: ContractFields.feeLimit)),
                "unsold": orNull(choice(UnsoldFate.allCases.map(\.rawValue))),
                "store_credit_bonus": orNull(integer(0...100)), "minimum_payout": orNull(reference("Amount")),
                "early_withdrawal_fee": orNull(reference("Amount")),
            ]),
        "Amount": fields(
            required: ["amount": integer(0...Money.limit), "currency": CommandDescription.currency]),
    ]

    /// Upwards, the first from 0.
    private static let tiers: JSONValue = array(
        fields(required: ["from": reference("Amount"), "percent": integer(0...100)]), atMost: ContractFields.tierLimit)

    private static let markdowns: JSONValue = array(
        fields(required: [
            "after_days": integer(1...ContractFields.longest), "percent": integer(1...99),
            "bearer": choice(DiscountBearer.allCases.map(\.rawValue)),
        ]), atMost: ContractFields.markdownLimit)

    private static let overrides: JSONObject = [
        "tiers": orNull(tiers), "minimum_price": orNull(reference("Amount")), "markdowns": orNull(markdowns),
    ]

    private static let items = array(
        fields(required: ["item_id": identifier("item")], optional: overrides), atMost: Contract.batchLimit)

    private static let digest = text(like: "^[0-9a-f]{64}$", String(repeating: "0", count: 64))
    private static let reason = fields(optional: ["reason": orNull(text(500))])
    private static let onContract = [path("id", identifier("contract"))]
    private static let onItem = onContract + [path("item_id", identifier("item"))]

    private static func change(
        _ summary: String, _ body: APIOperation.Body, refusals: [Problem.Code] = [.refused]
    ) -> JSONValue {
        ["post": write(summary, body, parameters: onContract, refusals: refusals)]
    }

    private static func write(
        _ summary: String, _ body: APIOperation.Body, parameters: [JSONValue], refusals: [Problem.Code] = [.refused]
    ) -> JSONValue {
        CommandDescription.write(summary, .change, parameters: parameters, body: body, refusals: refusals)
    }
}
