import EventSourcing
public import JSON

/// The public JSON of a consignor, for those who may see personal data.
public enum ConsignorDocument {
    /// The fields of `personal`, in this order; absent ones are null.
    public static let personalFields = ["name", "mail", "phone", "addresses", "birth_date", "payout"]
    /// The fields of `tax`, beside `version`.
    public static let taxFields = [
        "legal_type", "country", "vat_status", "vat_evidence", "vat_date", "tax_number",
    ]

    /// The document's members, by their dotted paths, as a CSV file has them.
    public static let csv =
        ["id", "version", "status", "number"]
        + ["name", "mail", "phone", "birth_date", "addresses"].map { "personal.\($0)" }
        + ["iban", "holder", "provider", "reference"].map { "personal.payout.\($0)" }
        + (["version"] + taxFields).map { "tax.\($0)" }
        + ["store_credit", "terms"] + ["amount", "currency"].map { "opening_balance.\($0)" }
        + ["amount", "currency"].map { "balance.\($0)" } + ["retain_until", "merged_into", "absorbed"]
        + ["reason", "at", "scopes", "tax_kept_until", "backups_expire"].map { "erasure.\($0)" }
        + ["created_at", "updated_at"]

    /// - Parameters:
    ///   - contact: opened, by field; nil: its key is gone.
    ///   - tax: likewise. Of an erased consignor it is not shown: it is kept for an authority that asks, and no reader is one.
    public static func write(
        _ record: ConsignorRecord, contact: JSONObject?, tax: JSONObject?, to writer: inout JSONWriter
    ) {
        writer.beginObject()
        writer.typeID("id", "consignor", record.id)
        writer.member("version", record.version)
        writer.member("status", record.status.rawValue)
        writer.member("number", record.number)
        writer.key("personal")
        if record.status != .erased, let contact {
            writer.object { writer in
                for name in personalFields { writer.member(name, value: contact[name] ?? .null) }
            }
        } else {
            writer.null()
        }
        writer.key("tax")
        if record.status != .erased, record.taxVersion > 0, let tax {
            writer.object { writer in
                writer.member("version", record.taxVersion)
                for name in taxFields { writer.member(name, value: tax[name] ?? .null) }
            }
        } else {
            writer.null()
        }
        writer.flag("store_credit", record.storeCredit)
        writer.key("terms")
        writer.array { writer in for terms in record.terms { terms.write(to: &writer) } }
        writer.money("opening_balance", record.openingBalance)
        writer.money("balance", record.balance)
        writer.member("retain_until", record.retainUntil)
        writer.typeID("merged_into", "consignor", record.mergedInto)
        writer.key("absorbed")
        writer.array { writer in for id in record.absorbed { writer.typeID("consignor", id) } }
        writer.key("erasure")
        if let erasure = record.erasure { erasure.write(to: &writer) } else { writer.null() }
        writer.time("created_at", record.createdAt)
        writer.time("updated_at", record.updatedAt)
        writer.endObject()
    }
}
