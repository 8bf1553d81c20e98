public import EventSourcing
public import Foundation
public import JSON

/// Where a consignor stands. Only ever add.
public enum ConsignorStatus: String, CaseIterable, Sendable {
    case active
    /// Another is the same person and goes on for both.
    case merged
    case erased
}

/// What is known of a consignor: the operational state. What is personal is in it as the events have it, sealed.
public struct ConsignorRecord: StoredRecord, Equatable {
    public struct Terms: Equatable, Sendable {
        /// SHA-256 of the document, in hex.
        public var document: String
        public var method: String
        public var agreedAt: Timestamp

        public init(document: String, method: String, agreedAt: Timestamp) {
            self.document = document
            self.method = method
            self.agreedAt = agreedAt
        }
    }

    /// The receipt.
    public struct Erasure: Equatable, Sendable {
        public var reason: String
        public var at: Timestamp
        public var scopes: [String]
        /// The last day; nil: there is no tax identity any more. SQL reads it: `state -> 'erasure' ->> 'tax_kept_until'`.
        public var taxKeptUntil: String?
        public var backupsExpire: String

        public init(reason: String, at: Timestamp, scopes: [String], taxKeptUntil: String?, backupsExpire: String) {
            self.reason = reason
            self.at = at
            self.scopes = scopes
            self.taxKeptUntil = taxKeptUntil
            self.backupsExpire = backupsExpire
        }
    }

    public var id: UUID
    /// Of the consignor's stream.
    public var version: Int64
    /// SQL reads it: `state ->> 'status'`.
    public private(set) var status = ConsignorStatus.active
    public var number: String?
    public var storeCredit: Bool
    /// Sealed, by field.
    public private(set) var contact: JSONObject
    /// Sealed, by field.
    public private(set) var tax: JSONObject
    /// How often a tax identity was declared.
    public private(set) var taxVersion: Int64 = 0
    /// The last thing that a tax authority may ask about.
    public private(set) var taxedAt: Timestamp?
    public var terms: [Terms] = []
    /// As it was taken over, of this one alone.
    public private(set) var openingBalance: Money?
    /// What the shop owes, with that of those it absorbed. nil: nothing was ever owed.
    public private(set) var balance: Money?
    /// The last day on which a law, or a court, has the contact data kept.
    public var retainUntil: String?
    public private(set) var mergedInto: UUID?
    public private(set) var absorbed: [UUID] = []
    public private(set) var erasure: Erasure?
    /// What an import's file last said, sealed by field.
    public var imported: JSONObject?
    public var createdAt: Timestamp
    public var updatedAt: Timestamp

    /// A new consignor at version 1, with its times at `time`.
    public init(id: UUID, number: String?, storeCredit: Bool, contact: JSONObject, at time: Timestamp) {
        self.id = id
        version = 1
        self.number = number
        self.storeCredit = storeCredit
        self.contact = contact.sealedFields
        tax = [:]
        createdAt = time
        updatedAt = time
    }

    public mutating func applyContact(_ changes: JSONObject) { contact = contact.changed(by: changes) }

    public mutating func declareTax(_ changes: JSONObject, at time: Timestamp) {
        tax = tax.changed(by: changes)
        taxVersion += 1
        touchTax(at: time)
    }

    /// In place of the one before.
    public mutating func openBalance(_ opening: Money, at time: Timestamp) {
        let others = (balance?.amount ?? 0) &- (openingBalance?.amount ?? 0)
        openingBalance = opening
        balance = Money(amount: opening.amount &+ others, currency: opening.currency) ?? balance
        touchTax(at: time)
    }

    public mutating func merge(into survivor: UUID) {
        status = .merged
        mergedInto = survivor
    }

    public mutating func absorb(_ consignors: [UUID], balance other: Money?, at time: Timestamp) {
        absorbed += consignors
        guard let other else { return }
        balance = Money(amount: (balance?.amount ?? 0) &+ other.amount, currency: other.currency) ?? balance
        touchTax(at: time)
    }

    /// Of the person nothing is left here but what must be kept for a while, sealed.
    public mutating func erase(_ erasure: Erasure) {
        status = .erased
        self.erasure = erasure
        contact = [:]
        imported = nil
        retainUntil = nil
        if erasure.taxKeptUntil == nil { tax = [:] }
    }

    /// The record has seen another event of its stream. Times never run backwards.
    public mutating func advance(to version: Int64, at time: Timestamp) {
        self.version = version
        updatedAt = max(updatedAt, time)
    }

    private mutating func touchTax(at time: Timestamp) { taxedAt = max(taxedAt ?? time, time) }

    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.uuid("id", id)
        writer.member("version", version)
        writer.member("status", status.rawValue)
        if let number { writer.member("number", number) }
        writer.flag("store_credit", storeCredit)
        writer.member("contact", value: .object(contact))
        if !tax.isEmpty { writer.member("tax", value: .object(tax)) }
        if taxVersion > 0 { writer.member("tax_version", taxVersion) }
        if let taxedAt { writer.time("taxed_at", taxedAt) }
        writer.key("terms")
        writer.array { writer in for terms in terms { terms.write(to: &writer) } }
        if let openingBalance { writer.money("opening_balance", openingBalance) }
        if let balance { writer.money("balance", balance) }
        if let retainUntil { writer.member("retain_until", retainUntil) }
        if let mergedInto { writer.uuid("merged_into", mergedInto) }
        if !absorbed.isEmpty { writer.strings("absorbed", absorbed.map(\.text)) }
        if let erasure {
            writer.key("erasure")
            erasure.write(to: &writer)
        }
        if let imported { writer.member("import_base", value: .object(imported)) }
        writer.time("created_at", createdAt)
        writer.time("updated_at", updatedAt)
        writer.endObject()
    }

    /// Unknown members are ignored.
    public init(json: JSONValue) throws(RecordDecodingError) {
        let reader = try RecordReader("consignor", json)
        id = try reader.uuid("id")
        version = try reader.required("version", \.integerValue)
        status = try reader.required("status") { $0.stringValue.flatMap(ConsignorStatus.init(rawValue:)) }
        number = try reader.string("number")
        storeCredit = try reader.required("store_credit", \.boolValue)
        contact = try reader.required("contact", \.objectValue)
        tax = try reader.optional("tax", \.objectValue) ?? [:]
        taxVersion = try reader.optional("tax_version", \.integerValue) ?? 0
        taxedAt = try reader.time("taxed_at")
        terms = try reader.optional("terms") { $0.all(Terms.init(json:)) } ?? []
        openingBalance = try reader.money("opening_balance")
        balance = try reader.money("balance")
        retainUntil = try reader.string("retain_until")
        mergedInto = try reader.optional("merged_into", \.uuid)
        absorbed = try reader.optional("absorbed") { $0.all(\.uuid) } ?? []
        erasure = try reader.optional("erasure", Erasure.init(json:))
        imported = try reader.optional("import_base", \.objectValue)
        createdAt = try reader.required("created_at", \.timestamp)
        updatedAt = try reader.required("updated_at", \.timestamp)
    }
}

extension ConsignorRecord.Terms {
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("document", document)
        writer.member("method", method)
        writer.time("agreed_at", agreedAt)
        writer.endObject()
    }

    init?(json: JSONValue) {
        guard let document = json["document"]?.stringValue, let method = json["method"]?.stringValue,
            let agreedAt = json["agreed_at"]?.timestamp
        else { return nil }
        self.init(document: document, method: method, agreedAt: agreedAt)
    }
}

extension ConsignorRecord.Erasure {
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("reason", reason)
        writer.time("at", at)
        writer.strings("scopes", scopes)
        writer.member("tax_kept_until", taxKeptUntil)
        writer.member("backups_expire", backupsExpire)
        writer.endObject()
    }

    init?(json: JSONValue) {
        guard let reason = json["reason"]?.stringValue, let at = json["at"]?.timestamp,
            let scopes = json["scopes"]?.strings, let backups = json["backups_expire"]?.stringValue
        else { return nil }
        self.init(
            reason: reason, at: at, scopes: scopes, taxKeptUntil: json["tax_kept_until"]?.stringValue,
            backupsExpire: backups)
    }
}

extension JSONObject {
    /// Without those that were cleared, in one order whatever the events'.
    fileprivate var sealedFields: JSONObject {
        JSONObject(members.filter { !$0.value.isNull }.map { ($0.key, $0.value) }).canonical
    }

    fileprivate func changed(by changes: JSONObject) -> JSONObject {
        var changed = self
        for (name, value) in changes { changed[name] = value }
        return changed.sealedFields
    }
}

extension JSONValue {
    /// The elements of an array; nil where it is none, or one of them is not what it should be.
    fileprivate func all<T>(_ convert: (JSONValue) -> T?) -> [T]? {
        guard let elements = arrayValue else { return nil }
        let all = elements.compactMap(convert)
        return all.count == elements.count ? all : nil
    }
}
