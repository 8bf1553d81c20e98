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
