import Documents
import Edge
import EventSourcing
import JSON

/// What the service offers. Tests compare it with its routes, its parameters and its answers.
enum Description: APIWords {
    static let service = APIDescription(
        title: "Closter: query service",
        description: """
            Reads. HEAD works wherever GET does, and OPTIONS everywhere. Errors are problem documents (RFC 9457).
            """, paths: paths, schemas: Schemas.all)

    static let paths: JSONObject = [
        "/v1/items": file(
            get(
                "Items, the newest first", list("Item"),
                itemFilters(ItemStatus.allCases.map(\.rawValue)) + facts
                    + [choice("sort", Items.sorts.map(\.name))] + page)),
        "/v1/items/{id}": get("An item", one("Item"), [path("id", "item_…")], hasTag: true),
        "/v1/listings": file(
            get(
                "Listings; a storefront sees the last published first", list("Listing"),
                itemFilters(ListingStatus.allCases.map(\.rawValue)) + [
                    query("price_min", integer(0...1 << 53), "minor units, inclusive"),
                    query("price_max", integer(0...1 << 53), "minor units, inclusive"),
                    choice("sort", Listings.sorts.map(\.name)),
                ] + page)),
        "/v1/listings/{id}": get("A listing", one("Listing"), [path("id", "listing_…")], hasTag: true),
        "/v1/consignors": file(
            get(
                "Consignors, the newest first; needs consignors:read", list("Consignor"),
                [
                    choice("status", ConsignorStatus.allCases.map(\.rawValue)),
                    query("number", ["type": "string", "maxLength": 500], "the shop's own number"),
                    query(
                        "q", ["type": "string", "maxLength": 500],
                        "beginnings of words of name, mail, phone and number; a page may be short, or empty, and go on"),
                ] + page, for: .members)),
        "/v1/consignors/{id}": get(
            "A consignor; needs consignors:read", one("Consignor"), [path("id", "consignor_…")], for: .members),
        "/v1/locations": file(
            get(
                "Locations, the newest first", list("Location"), records(LocationRecord.self), for: .members)),
        "/v1/locations/{id}": get(
            "A location", one("Location"), [path("id", "location_…")], for: .members, hasTag: true),
        "/v1/labels": drawing(
            get(
                "A sheet of SKU labels: A4, three columns of eight", ["type": "string"],
                [
                    query("items", ["type": "string", "minLength": 1], "items' identifiers, with commas between them"),
                    choice("symbology", LabelSheet.Symbology.allCases.map(\.rawValue)),
                    query(
                        "first", integer(1...Int64(LabelSheet.places)),
                        "the place of the first label, on a sheet whose first ones are gone"),
                ], for: .members)),
        "/v1/photos/{name}": picture(
            get(
                "A photo, to be kept for ever: other bytes have another name", ["type": "string"],
                [
                    path("name", "as the upload and the items' `photos` name it"),
                    query(
                        "width", ["type": "string", "enum": .array(PhotoRoutes.widths.map(JSONValue.string))],
                        "pixels, at most; the whole photo where it is no wider"),
                    query(
                        "key", ["type": "string"], "a publishable key, for addresses in pages: in place of the header"),
                ], waits: false, hasTag: true, problems: [.unusablePhoto, .notSetUp])),
        "/v1/intakes": file(
            get("Intakes, the newest first", list("Intake"), records(IntakeRecord.self), for: .members)),
        "/v1/intakes/{id}": get(
            "An intake", one("Intake"), [path("id", "intake_…")], for: .members, hasTag: true),
        "/v1/stocktakes": file(
            get("Stock-takes, the newest first", list("Stocktake"), records(StocktakeRecord.self), for: .members)),
        "/v1/stocktakes/{id}": get(
            "A stock-take", one("Stocktake"), [path("id", "stocktake_…")], for: .members, hasTag: true),
        "/v1/contracts": file(
            get("Contracts, the newest first", list("Contract"), records(ContractRecord.self), for: .members)),
        "/v1/contracts/{id}": get(
            "A contract", one("Contract"), [path("id", "contract_…")], for: .members, hasTag: true),
        "/v1/contracts/{id}/readiness": get(
            "Whether a contract could be activated now, and what each rule says", one("Readiness"),
            [path("id", "contract_…")], for: .members),
        "/v1/contracts/{id}/split": get(
            "How a sale of an item at a price would be split now", one("Split"),
            [
                path("id", "contract_…"), query("item", ["type": "string"], "item_…; required"),
                query("price", integer(1...Money.limit), "minor units; required"),
            ], for: .members),
        "/v1/due-intents": file(
            get(
                "What waits for its time, and what became of what had come", list("DueIntent"),
                [
                    choice("status", DueIntentList.State.allCases.map(\.rawValue)),
                    query("subject", ["type": "string", "minLength": 1], "contract_…, listing_…"),
                ] + page, for: .members)),
        "/v1/valuations": file(
            get("Valuations, the newest first", list("Valuation"), records(ValuationRecord.self), for: .members)),
        "/v1/valuations/{id}": get(
            "A valuation", one("Valuation"), [path("id", "valuation_…")], for: .members, hasTag: true),
        "/v1/decisions": file(
            get("What rules decided, the newest first", list("Decision"), records(DecisionRecord.self), for: .members)),
        "/v1/decisions/{id}": get(
            "A decision", one("Decision"), [path("id", "decision_…")], for: .members, hasTag: true),
        "/v1/offers": file(
            get("Offers, the newest first", list("Offer"), records(OfferRecord.self), for: .members)),
        "/v1/offers/{id}": get(
            "An offer; for a key that may make some, without what is the store's own",
            ["oneOf": [reference("Offer"), reference("OfferForKeys")]], [path("id", "offer_…")], hasTag: true),
        "/v1/tenant": get("The tenant's settings", one("Tenant"), [], for: .members),
        "/v1/members": get("Who belongs to the tenant", list("Member"), [], for: .members),
        "/v1/keys": get("The tenant's keys, without what opens doors", list("Key"), [], for: .members),
        "/v1/imports/{id}": get(
            "An import's progress and report", one("Import"),
            [path("id", "import_…"), choice("lines", ImportRoutes.choices)], for: .members),
        "/v1/events": followed(
            get(
                "What happened, in the order of the log", list("Event"),
                [
                    query("after", ["type": "integer", "minimum": 0], "a position; `next` is the one to go on with"),
                    query("category", ["type": "string"]), query("type", ["type": "string"]), limit,
                    query("follow", ["type": "boolean", "default": false], "go on with what comes; not with `limit`"),
                ], for: .members, headers: [.lastEventID])),
        "/v1/streams/{category}/{id}": get(
            "One stream's history", list("Event"), [path("category", "item, listing, …"), path("id", "item_…")] + page,
            for: .members),
        "/v1/parked": get(
            "Events that a projection could not apply, or that are passed over", list("ParkedEvent"),
            [choice("state", ParkedReader.State.allCases.map(\.rawValue))] + page, for: .members),
        "/v1/trace/{correlation_id}": get(
            "Everything one request caused", one("Trace"), [path("correlation_id", "a UUID")], for: .members),
        "/v1/read-switches": get(
            "Which side answers reads of each resource", one("ReadSwitches"), [], for: .members, waits: false),
        "/problems": get("Every kind of problem", list("ProblemKind"), [], for: .anyone),
        "/problems/{code}": get(
            "What a kind of problem means", one("ProblemKind"), [path("code", "as in a problem's `code`")], for: .anyone
        ),
    ]

    private static func get(
        _ summary: String, _ schema: JSONValue, _ parameters: [JSONValue],
        for readers: APIOperation.Access = .everybody, headers: [APIHeader] = [], waits: Bool = true,
        hasTag: Bool = false, problems others: [Problem.Code] = []
    ) -> JSONValue {
        var headers = headers
        var answers: [APIOperation.Answer] = []
        var problems = others
        if parameters.contains(where: { $0["in"] == "path" }) { problems.append(.notFound) }
        if readers != .anyone {
            problems.append(.invalidParameter)
            if waits {
                headers += [.after, .prefer]
                problems += [.invalidPosition, .notYetVisible]
            }
            if parameters.contains(where: { $0["name"] == "cursor" }) { problems.append(.invalidCursor) }
        }
        let standpoint: [APIHeader] = readers == .anyone || !waits ? [] : [.position, .source, .preferenceApplied]
        let tag: [APIHeader] = hasTag ? [.entityTag] : []
        answers.append(.init(200, "OK", schema, headers: standpoint + tag))
        if hasTag {
            headers.append(.ifNoneMatch)
            answers.append(.init(304, "The bytes are the same", nil, headers: standpoint + tag))
        }
        return [
            "get": APIOperation(
                summary, for: readers, parameters: parameters, headers: headers, answers: answers, problems: problems
            ).json
        ]
    }

    /// What a list of records filters by.
    private static func records<Record: ProjectedRecord>(_ record: Record.Type) -> [JSONValue] {
        let text: JSONValue = ["type": "string", "maxLength": 500]
        return [choice("status", Record.statuses)] + Record.filters.map { query($0.name, text) } + [
            query("q", text, "beginnings of words; case, accents and Polish letters do not count"),
            choice("sort", [Records.newest.name]),
        ] + page
    }

    private static func one(_ name: String) -> JSONValue { reference(name) }

    private static func list(_ name: String) -> JSONValue {
        object(["data": array(reference(name)), "next": nullable("string")])
    }

    private static let limit = query("limit", ["type": "integer", "minimum": 1, "maximum": 200, "default": 50])
    private static let page = [
        limit, query("cursor", ["type": "string", "minLength": 1], "`next` of the page before"),
    ]

    /// Of items; for members, not for keys.
    private static let facts = [
        choice("custody", ItemDocument.custodies), query("location_id", ["type": "string"], "location_…"),
        choice("title_holder", ItemDocument.titleHolders), choice("allocation", ItemDocument.allocations),
        query("consignor_id", ["type": "string"], "consignor_…"),
    ]

    private static func itemFilters(_ statuses: [String]) -> [JSONValue] {
        let text: JSONValue = ["type": "string", "maxLength": 500]
        return [
            choice("status", statuses), query("brand", text), query("category", text),
            choice("condition", ItemCondition.allCases.map(\.rawValue)), query("size", text),
            query("q", text, "beginnings of words; case, accents and Polish letters do not count"),
        ]
    }
}
