import EventSourcing
import Events
import Foundation
import JSON

extension Contract.Draft {
    /// From the body of a request.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["consignor_id", "number", "note", "terms", "items"])
        let consignor = reader.required("consignor_id", Field.consignor)
        let number = reader.optional("number") { value, pointer throws(InvalidFields) in
            try Field.text(limit: 50, value, pointer)
        }
        let note = reader.optional("note", Field.reason)
        let terms = reader.optional("terms", ContractFields.terms)
        let items = reader.optional("items", ContractFields.items) ?? []
        self.init(consignorID: try reader.finish(consignor), number: number, note: note, terms: terms, items: items)
    }
}

extension Contract.Amend {
    /// From the body of a request.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["terms", "effective_from", "document"])
        let terms = reader.required("terms", ContractFields.terms)
        let from = reader.optional("effective_from") { value, pointer throws(InvalidFields) in
            guard let time = Timestamp(rfc3339: try Field.string(value, pointer)) else {
                throw .one(pointer, .invalid, "must be a time like 2026-03-10T12:00:00Z")
            }
            return time
        }
        let document = reader.optional("document", Field.sha256)
        self.init(terms: try reader.finish(terms), effectiveFrom: from, document: document)
    }
}

/// Readers of the bodies of requests on contracts.
enum ContractFields {
    static let tierLimit = 20
    static let markdownLimit = 20
    static let feeLimit = 20
    /// Ten years.
    static let longest: Int64 = 3653

    /// `{"terms": {...}}`
    static func newTerms(_ body: JSONObject) throws(InvalidFields) -> ContractTerms {
        var reader = FieldReader(body, known: ["terms"])
        let terms = reader.required("terms", terms)
        return try reader.finish(terms)
    }

    /// `{"items": [{"item_id", "tiers", "minimum_price", "markdowns"}]}`
    static func newItems(_ body: JSONObject) throws(InvalidFields) -> [ContractItem] {
        var reader = FieldReader(body, known: ["items"])
        let items = reader.required("items", items)
        return try reader.finish(items)
    }

    static func until(_ body: JSONObject) throws(InvalidFields) -> String {
        var reader = FieldReader(body, known: ["until"])
        let until = reader.required("until", Field.date)
        return try reader.finish(until)
    }

    static func reason(_ body: JSONObject) throws(InvalidFields) -> String {
        var reader = FieldReader(body, known: ["reason"])
        let reason = reader.required("reason", Field.reason)
        return try reader.finish(reason)
    }

    static func signature(_ body: JSONObject, at time: Timestamp) throws(InvalidFields) -> ContractSigned {
        var reader = FieldReader(body, known: ["document", "signer", "method"])
        let document = reader.required("document", Field.sha256)
        let signer = reader.required("signer") { value, pointer throws(InvalidFields) in
            try Field.choice(ContractSigned.Signer.self, value, pointer)
        }
        let method = reader.required("method") { value, pointer throws(InvalidFields) in
            try Field.choice(ContractSigned.Method.self, value, pointer)
        }
        guard let document, let signer, let method else { throw InvalidFields(errors: reader.errors) }
        return try reader.finish(ContractSigned(document: document, signer: signer, method: method, at: time))
    }

    static func terms(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> ContractTerms {
        let members = [
            "tiers", "minimum_price", "term_days", "grace_days", "markdowns", "fees", "unsold", "store_credit_bonus",
            "minimum_payout", "early_withdrawal_fee",
        ]
        return try Field.object(members, value, pointer) { reader in
            let tiers = reader.required("tiers", tiers)
            let term = reader.required("term_days") { value, pointer throws(InvalidFields) in
                try Field.integer(in: 1...longest, value, pointer)
            }
            let grace = reader.optional("grace_days") { value, pointer throws(InvalidFields) in
                try Field.integer(in: 0...longest, value, pointer)
            }
            let bonus = reader.optional("store_credit_bonus") { value, pointer throws(InvalidFields) in
                try Field.integer(in: 0...100, value, pointer)
            }
            let unsold = reader.optional("unsold") { value, pointer throws(InvalidFields) in
                try Field.choice(UnsoldFate.self, value, pointer)
            }
            let minimumPrice = reader.optional("minimum_price", Field.cost)
            let markdowns = reader.optional("markdowns", markdowns)
            let fees = reader.optional("fees", fees)
            let minimumPayout = reader.optional("minimum_payout", Field.cost)
            let withdrawal = reader.optional("early_withdrawal_fee", Field.cost)
            guard let tiers, let term else { return nil }
            return ContractTerms(
                tiers: tiers, minimumPrice: minimumPrice, termDays: term, graceDays: grace ?? 0,
                markdowns: markdowns ?? [], fees: fees ?? [], unsold: unsold ?? .toReturn,
                storeCreditBonus: bonus ?? 0, minimumPayout: minimumPayout, earlyWithdrawalFee: withdrawal)
        }
    }

    static func items(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> [ContractItem] {
        let items = try Field.list(limit: Contract.batchLimit, value, pointer) {
            value, pointer throws(InvalidFields) -> ContractItem in
            try Field.object(["item_id"] + overrides, value, pointer) { reader in
                let id = reader.required("item_id") { value, pointer throws(InvalidFields) in
                    try Field.id(Item.prefix, value, pointer)
                }
                return id.map { override(of: $0, &reader) }
            }
        }
        guard !items.isEmpty else { throw .one(pointer, .empty, "must not be empty") }
        return items
    }

    /// What is agreed on for one item alone; what is missing or null goes by the contract's terms.
    static func override(of item: UUID, _ body: JSONObject) throws(InvalidFields) -> ContractItem {
        var reader = FieldReader(body, known: overrides)
        let override = override(of: item, &reader)
        return try reader.finish(override)
    }

    private static let overrides = ["tiers", "minimum_price", "markdowns"]

    private static func override(of item: UUID, _ reader: inout FieldReader) -> ContractItem {
        ContractItem(
            itemID: item, tiers: reader.optional("tiers", tiers),
            minimumPrice: reader.optional("minimum_price", Field.cost),
            markdowns: reader.optional("markdowns", markdowns))
    }

    private static func tiers(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> [SplitTier] {
        let tiers = try Field.list(limit: tierLimit, value, pointer) {
            value, pointer throws(InvalidFields) -> SplitTier in
            try Field.object(["from", "percent"], value, pointer) { reader in
                let from = reader.required("from", Field.cost)
                let percent = reader.required("percent") { value, pointer throws(InvalidFields) in
                    try Field.integer(in: 0...100, value, pointer)
                }
                guard let from, let percent else { return nil }
                return SplitTier(from: from, percent: percent)
            }
        }
        guard tiers.first?.from.amount == 0 else {
            throw .one("\(pointer)/0/from/amount", .invalid, "the first tier begins at 0")
        }
        try ascending(tiers.map(\.from.amount), pointer, "from/amount")
        return tiers
    }

    private static func markdowns(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> [MarkdownStep] {
        let steps = try Field.list(limit: markdownLimit, value, pointer) {
            value, pointer throws(InvalidFields) -> MarkdownStep in
            try Field.object(["after_days", "percent", "bearer"], value, pointer) { reader in
                let days = reader.required("after_days") { value, pointer throws(InvalidFields) in
                    try Field.integer(in: 1...longest, value, pointer)
                }
                let percent = reader.required("percent") { value, pointer throws(InvalidFields) in
                    try Field.integer(in: 1...99, value, pointer)
                }
                let bearer = reader.required("bearer") { value, pointer throws(InvalidFields) in
                    try Field.choice(DiscountBearer.self, value, pointer)
                }
                guard let days, let percent, let bearer else { return nil }
                return MarkdownStep(afterDays: days, percent: percent, bearer: bearer)
            }
        }
        try ascending(steps.map(\.afterDays), pointer, "after_days")
        try ascending(steps.map(\.percent), pointer, "percent")
        return steps
    }

    private static func fees(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> [ContractFee] {
        let fees = try Field.list(limit: feeLimit, value, pointer) {
            value, pointer throws(InvalidFields) -> ContractFee in
            try Field.object(["name", "amount"], value, pointer) { reader in
                let name = reader.required("name") { value, pointer throws(InvalidFields) in
                    try Field.text(limit: 100, value, pointer)
                }
                let amount = reader.required("amount", Field.cost)
                guard let name, let amount else { return nil }
                return ContractFee(name: name, amount: amount)
            }
        }
        guard fees.reduce(0, { min(Money.limit + 1, $0 + $1.amount.amount) }) <= Money.limit else {
            throw .one(pointer, .outOfRange, "are more together than money can say")
        }
        return fees
    }

    private static func ascending(_ values: [Int64], _ pointer: String, _ member: String) throws(InvalidFields) {
        for (index, pair) in zip(values, values.dropFirst()).enumerated() where pair.0 >= pair.1 {
            throw .one("\(pointer)/\(index + 1)/\(member)", .invalid, "must be more than the one before it")
        }
    }
}
