import Documents
import Edge
import JSON

/// The shapes of the answers, as JSON Schema. A test compares them with what the encoders write.
enum Schemas: APIWords {
    static let all: JSONObject = [
        "Money": object(["amount": ["type": "integer", "description": "minor units"], "currency": string("ISO 4217")]),
        "Item": object(itemMembers, optional: Set(itemFacts.keys + ["sku"])),
        "Listing": object(listingMembers, optional: ["sku"]),
        "Import": object(importMembers),
        "Consignor": object(consignorMembers),
        "Location": object(locationMembers),
        "Intake": object(intakeMembers),
        "Stocktake": object(stocktakeMembers),
        "Contract": object(contractMembers),
        "ContractTerms": object(
            termsMembers, optional: ["minimum_price", "minimum_payout", "early_withdrawal_fee"]),
        "SplitTier": object(["from": reference("Money"), "percent": ["type": "integer"]]),
        "MarkdownStep": object([
            "after_days": ["type": "integer"], "percent": ["type": "integer"],
            "bearer": choice(["store", "shared", "consignor"]),
        ]),
        "Readiness": object([
            "id": string("contract_…"), "version": ["type": "integer"], "status": choice(ContractRecord.statuses),
            "ready": ["type": "boolean"], "rules": array(object(ruleMembers, optional: ["events"])),
        ]),
        "Split": object(splitMembers),
        "DueIntent": object(dueMembers),
        "Valuation": object(valuationMembers),
        "Decision": object(decisionMembers),
        "Offer": object(offerMembers + offerInternals),
        "OfferForKeys": object(offerMembers),
        "Tenant": object(tenantMembers),
        "Member": object(memberMembers),
        "Key": object(keyMembers),
        "ImportLine": object([
            "line": ["type": "integer", "description": "of the file, from 1"],
            "outcome": choice(ImportOutcome.allCases.map(\.rawValue)), "reason": nullable("string"),
            "item_id": nullable("string"), "listing_id": nullable("string"), "correlation_id": uuid,
        ]),
        "Event": object(eventMembers),
        "ParkedEvent": ["oneOf": [object(parkedMembers), object(skippedMembers)]],
        "Trace": object(traceMembers),
        "ReadSwitches": object(readSwitchesMembers),
        "ProblemKind": object([
            "type": string(), "code": string(), "title": string(), "status": ["type": "integer"],
            "explanation": string(),
        ]),
    ]

    static let itemMembers: JSONObject =
        [
            "id": string("item_…"), "version": ["type": "integer"],
            "status": choice(ItemStatus.allCases.map(\.rawValue)),
        ] + fields + itemFacts + ["created_at": time, "updated_at": time]

    /// For members only.
    private static let itemFacts: JSONObject = [
        "custody": choice(ItemDocument.custodies), "location_id": nullable("string"),
        "title_holder": choice(ItemDocument.titleHolders), "allocation": choice(ItemDocument.allocations),
        "consignor_id": nullable("string"),
    ]

    static let listingMembers: JSONObject =
        [
            "id": string("listing_…"), "version": ["type": "integer"],
            "status": choice(ListingStatus.allCases.map(\.rawValue)), "item_id": string("item_…"), "channel": string(),
            "price": reference("Money"),
        ] + fields + [
            "price_history": array(object(["price": reference("Money"), "at": time])),
            "lowest_price_30d": orNull(reference("Money")), "published_at": orNull(time), "ended_at": orNull(time),
            "end_reason": orNull(choice(ListingEndReason.allCases.map(\.rawValue))),
            "sold_price": orNull(reference("Money")), "created_at": time, "updated_at": time,
        ]

    static let importMembers: JSONObject = [
        "id": string("import_…"), "version": ["type": "integer"],
        "status": choice(ImportStatus.allCases.map(\.rawValue)), "format": string(), "currency": string(),
        "publish": ["type": "boolean"], "bytes": ["type": "integer"], "consignor_id": nullable("string"),
        "counts": counts, "reason": nullable("string"), "created_at": time, "updated_at": time,
        "lines": array(reference("ImportLine")),
    ]

    static let consignorMembers: JSONObject = [
        "id": string("consignor_…"), "version": ["type": "integer"],
        "status": choice(ConsignorStatus.allCases.map(\.rawValue)), "number": nullable("string"),
        "personal": orNull(
            object([
                "name": nullable("string"), "mail": nullable("string"), "phone": nullable("string"),
                "addresses": ["type": ["array", "null"]], "birth_date": nullable("string"),
                "payout": ["type": ["object", "null"]],
            ])),
        "tax": orNull(
            object([
                "version": ["type": "integer", "description": "how often it was declared"],
                "legal_type": nullable("string"), "country": nullable("string"), "vat_status": nullable("string"),
                "vat_evidence": nullable("string"), "vat_date": nullable("string"), "tax_number": nullable("string"),
            ])),
        "store_credit": ["type": "boolean"],
        "terms": array(object(["document": string("SHA-256"), "method": string(), "agreed_at": time])),
        "opening_balance": orNull(reference("Money")), "balance": orNull(reference("Money")),
        "retain_until": nullable("string"), "merged_into": nullable("string"), "absorbed": array(string()),
        "erasure": orNull(
            object([
                "reason": string(), "at": time, "scopes": array(string()), "tax_kept_until": nullable("string"),
                "backups_expire": string(),
            ])),
        "created_at": time, "updated_at": time,
    ]

    static let intakeMembers: JSONObject = [
        "id": string("intake_…"), "version": ["type": "integer"], "status": choice(IntakeRecord.statuses),
        "location_id": string("location_…"), "consignor_id": nullable("string"), "note": nullable("string"),
        "items": array(
            object(
                ["item_id": string("item_…"), "status": choice(IntakeItemStatus.allCases.map(\.rawValue))] + fields + [
                    "acquisition": nullable("object"), "suggestions": ["type": "object"],
                    "location_id": nullable("string"), "reason": nullable("string"), "fate": nullable("string"),
                    "authenticator": nullable("string"), "authentication": nullable("object"),
                ])), "created_at": time, "updated_at": time,
    ]

    static let stocktakeMembers: JSONObject = [
        "id": string("stocktake_…"), "version": ["type": "integer"], "status": choice(StocktakeRecord.statuses),
        "location_id": string("location_…"), "note": nullable("string"),
        "expected": ["type": ["integer", "null"], "description": "null until it was closed"],
        "found": array(string("item_…")), "missing": array(string("item_…")), "elsewhere": array(string("item_…")),
        "unexplained": array(string("item_…")), "unknown": array(string("a code that is no item's")),
        "created_at": time, "updated_at": time,
    ]

    static let contractMembers: JSONObject = [
        "id": string("contract_…"), "version": ["type": "integer"], "status": choice(ContractRecord.statuses),
        "number": nullable("string"), "consignor_id": string("consignor_…"), "note": nullable("string"),
        "terms": array(reference("ContractTerms")),
        "items": array(
            object(
                [
                    "item_id": string("item_…"), "tiers": array(reference("SplitTier")),
                    "minimum_price": reference("Money"), "markdowns": array(reference("MarkdownStep")),
                ], optional: ["tiers", "minimum_price", "markdowns"])),
        "signature": orNull(
            object(["document": string("SHA-256"), "signer": string(), "method": string(), "signed_at": time])),
        "activated_at": orNull(time), "ends_at": orNull(time), "grace_ends_at": orNull(time),
        "reason": nullable("string"), "created_at": time, "updated_at": time,
    ]

    static let termsMembers: JSONObject = [
        "tiers": array(reference("SplitTier")), "minimum_price": reference("Money"), "term_days": ["type": "integer"],
        "grace_days": ["type": "integer"], "markdowns": array(reference("MarkdownStep")),
        "fees": array(object(["name": string(), "amount": reference("Money")])),
        "unsold": choice(["return", "donate", "convert"]), "store_credit_bonus": ["type": "integer"],
        "minimum_payout": reference("Money"), "early_withdrawal_fee": reference("Money"), "effective_from": time,
    ]

    static let ruleMembers: JSONObject = [
        "rule": string(), "held": ["type": "boolean"], "reason": string(),
        "events": array(object(["stream": string("contract_…"), "version": ["type": "integer"]])),
    ]

    static let splitMembers: JSONObject = [
        "price": reference("Money"),
        "discounts": array(
            object(["amount": reference("Money"), "bearer": choice(["store", "shared", "consignor"])])),
        "store_borne": reference("Money"), "basis": reference("Money"), "percent": ["type": "integer"],
        "share": reference("Money"), "fees": array(object(["name": string(), "amount": reference("Money")])),
        "consignor": reference("Money"), "store": reference("Money"), "terms_since": time,
    ]

    static let dueMembers: JSONObject = [
        "id": string("a UUID"), "kind": string(), "subject": nullable("string"),
        "status": choice(DueIntentList.State.allCases.map(\.rawValue)), "due_at": time,
        "attempts": ["type": "integer"], "error": nullable("string"), "code": nullable("string"),
        "detail": nullable("string"), "position": nullable("integer"), "completed_at": orNull(time),
        "correlation_id": string(), "created_at": time,
    ]

    static let valuationMembers: JSONObject = [
        "id": string("valuation_…"), "version": ["type": "integer"], "status": choice(ValuationRecord.statuses),
        "item_id": string("item_…"), "method": choice(["comparables", "manual"]), "note": nullable("string"),
        "low": orNull(reference("Money")), "proposed": orNull(reference("Money")), "high": orNull(reference("Money")),
        "confidence": ["type": ["integer", "null"], "description": "percent"],
        "comparables": array(
            object([
                "listing_id": string("listing_…"), "price": reference("Money"), "sold_at": time,
                "weight": ["type": "integer", "description": "against the others of the same valuation"],
                "condition": choice(ItemCondition.allCases.map(\.rawValue)),
                "adjusted": [
                    "oneOf": [reference("Money"), ["type": "null"]],
                    "description": "the price in the item's condition, where it was in another",
                ],
            ])),
        "evidence": orNull(
            object([
                "category": string(), "brand": string(), "condition": string(), "currency": string("ISO 4217"),
                "window_days": ["type": "integer"], "found": ["type": "integer"], "same_condition": ["type": "integer"],
            ])),
        "inconclusive": orNull(
            object([
                "reason": choice(["too_few_comparables", "not_described"]), "found": ["type": "integer"],
                "needed": ["type": "integer"], "missing": array(string("a field of the item")),
            ])),
        "override": orNull(
            object([
                "reason": string(),
                "instead_of": orNull(
                    object([
                        "low": reference("Money"), "proposed": reference("Money"), "high": reference("Money"),
                    ])),
            ])),
        "created_at": time, "updated_at": time,
    ]

    static let decisionMembers: JSONObject = [
        "id": string("decision_…"), "version": ["type": "integer"], "status": choice(DecisionRecord.statuses),
        "kind": choice(["readiness", "valuation", "auto_decline", "markdown", "hold", "sale"]),
        "subject": string("what was decided about, like valuation_…"), "item_id": nullable("string"),
        "outcome": string(), "inputs": ["type": "object", "description": "what the rules were given"],
        "rules": array(
            object(
                [
                    "rule": string(), "held": ["type": "boolean"], "reason": string(),
                    "events": array(object(["stream": string("listing_…"), "version": ["type": "integer"]])),
                ], optional: ["events"])), "created_at": time, "updated_at": time,
    ]

    static let offerMembers: JSONObject = [
        "id": string("offer_…"), "version": ["type": "integer"], "status": choice(OfferRecord.statuses),
        "listing_id": string("listing_…"), "item_id": string("item_…"), "price": reference("Money"),
        "by": ["type": "string", "enum": ["store", "buyer"], "description": "who has named the price"],
        "buyer": object(["platform": string(), "external_id": string()]), "expires_at": time,
        "held_until": orNull(time), "created_at": time, "updated_at": time,
    ]

    /// For members only.
    static let offerInternals: JSONObject = [
        "reason": orNull(choice(["below_floor", "store", "consignor", "buyer"])), "automatic": ["type": "boolean"],
        "consignor_answer": orNull(choice(["accept", "decline"])),
    ]

    static let locationMembers: JSONObject = [
        "id": string("location_…"), "version": ["type": "integer"], "status": choice(LocationRecord.statuses),
        "code": string(), "name": string(), "kind": choice(LocationKind.allCases.map(\.rawValue)),
        "address": nullable("object"), "created_at": time, "updated_at": time,
    ]

    static let tenantMembers: JSONObject = [
        "id": string("tenant_…"), "version": ["type": "integer"], "slug": string(), "name": string(),
        "currency": string("ISO 4217"), "time_zone": string(), "return_days": ["type": "integer"],
        "hold_hours": ["type": "integer"], "offer_hours": ["type": "integer"], "sku_pattern": string(),
        "addresses": array(["type": "object"]), "languages": array(string()),
        "features": ["type": "object", "additionalProperties": ["type": "boolean"]],
        "created_at": time, "updated_at": time,
    ]

    static let memberMembers: JSONObject = [
        "subject": string(), "name": nullable("string"), "role": nullable("string"), "permissions": array(string()),
        "allowed": array(string("with those of the role")),
    ]

    static let keyMembers: JSONObject = [
        "id": string("key_…"), "kind": choice(["publishable", "secret"]), "name": nullable("string"),
        "status": choice(["in_use", "ending", "revoked"]), "expires_at": orNull(time), "permissions": array(string()),
        "allowed_origins": array(string()),
    ]

    static let eventMembers: JSONObject = [
        "position": ["type": "integer"], "type": string(), "category": string(), "stream_id": string(),
        "version": ["type": "integer"], "data": ["type": "object"], "actor": string(), "correlation_id": uuid,
        "causation_id": orNull(uuid), "command_id": uuid, "recorded_at": time,
    ]

    static let parkedMembers: JSONObject = [
        "projection": string(), "position": ["type": "integer"], "type": string(), "category": string(),
        "stream_id": string(), "version": ["type": "integer"], "correlation_id": uuid, "reason": string(),
        "attempts": ["type": "integer"], "parked_at": time, "tried_at": orNull(time),
        "wish": ["type": ["string", "null"], "description": "retry or skip: what an operator wants done with it"],
        "waiting": ["type": "integer", "description": "later events of the same group that wait behind it"],
    ]

    static let skippedMembers: JSONObject = [
        "projection": string(), "position": ["type": "integer"], "type": string(), "category": string(),
        "stream_id": string(), "reason": nullable("string"), "skipped_by": string(), "skipped_at": time,
    ]

    static let traceMembers: JSONObject = [
        "correlation_id": uuid, "truncated": ["type": "boolean"],
        "request": orNull(
            object([
                "requested_at": orNull(time), "actor": string(), "on_behalf_of": nullable("string"),
                "traceparent": nullable("string"),
            ])),
        "events": array([
            "allOf": [
                reference("Event"),
                object([
                    "projections": array(
                        object([
                            "projection": string(), "generation": ["type": "integer"], "position": nullable("integer"),
                            "tailed_at": orNull(time), "committed_at": orNull(time), "tail_ms": nullable("number"),
                            "lag_ms": nullable("number"),
                        ]))
                ]),
            ]
        ]),
        "tasks": array(
            object([
                "id": uuid, "kind": string(), "position": ["type": "integer"], "command_id": uuid, "created_at": time,
                "run_at": time, "attempts": ["type": "integer"], "completed_at": orNull(time),
            ])),
        "caused": array(
            object([
                "import_id": string("import_…"), "href": string(), "counts": counts,
                "lines": array(
                    object([
                        "line": ["type": "integer"], "outcome": string(), "correlation_id": uuid, "href": string(),
                    ])),
            ])),
    ]

    static let readSwitchesMembers: JSONObject = [
        "data": array(object(readSwitchMembers)),
        "file": object(["state": choice(["none", "good", "broken", "missing"]), "taken_at": orNull(time)]),
    ]

    static let readSwitchMembers: JSONObject = [
        "resource": choice(SwitchRoutes.resources.map(\.rawValue)), "use": choice(ReadUse.allCases.map(\.rawValue)),
        "percent": ["type": "integer", "minimum": 0, "maximum": 100],
        "origin": choice(["default", "resource", "tenant"]),
    ]

    /// An item's fields as items and listings show them; a storefront's documents leave `sku` out.
    private static let fields: JSONObject = [
        "title": string(), "description": nullable("string"), "brand": nullable("string"),
        "category": nullable("string"), "condition": choice(ItemCondition.allCases.map(\.rawValue)),
        "size": nullable("string"), "color": nullable("string"), "material": nullable("string"),
        "sku": ["type": ["string", "null"], "description": "for members only"],
        "photos": array(["type": "string", "format": "uri-reference"]), "attributes": ["type": "object"],
    ]

    private static let counts = object(
        JSONObject(ImportOutcome.allCases.map { ($0.rawValue, ["type": "integer"] as JSONValue) }))
}
