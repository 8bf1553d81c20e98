public import EventSourcing
public import Foundation
public import JSON

/// What happens to a consignor: somebody whose things the shop sells.
///
/// What is personal stands in payloads sealed only: `contact` and `tax` hold, by field, texts that the person's key of that
/// scope opens (base64url of nonce, ciphertext and tag of AES-256-GCM), or null where a field was cleared.
public enum ConsignorEvent: StorableEvent {
    case registered(ConsignorRegistered)
    case updated(ConsignorUpdated)
    case payoutChanged(ConsignorPayoutChanged)
    case taxDeclared(ConsignorTaxDeclared)
    case balanceOpened(ConsignorBalanceOpened)
    case termsAgreed(ConsignorTermsAgreed)
    case merged(ConsignorMerged)
    case absorbed(ConsignorAbsorbed)
    case erased(ConsignorErased)

    public static let category = "consignor"

    /// STORED NAMES: only ever add.
    public static let schemas = [
        "ConsignorRegistered": 1, "ConsignorUpdated": 1, "ConsignorPayoutChanged": 1, "ConsignorTaxDeclared": 1,
        "ConsignorBalanceOpened": 1, "ConsignorTermsAgreed": 1, "ConsignorMerged": 1, "ConsignorAbsorbed": 1,
        "ConsignorErased": 1,
    ]

    public var type: String {
        switch self {
        case .registered: "ConsignorRegistered"
        case .updated: "ConsignorUpdated"
        case .payoutChanged: "ConsignorPayoutChanged"
        case .taxDeclared: "ConsignorTaxDeclared"
        case .balanceOpened: "ConsignorBalanceOpened"
        case .termsAgreed: "ConsignorTermsAgreed"
        case .merged: "ConsignorMerged"
        case .absorbed: "ConsignorAbsorbed"
        case .erased: "ConsignorErased"
        }
    }

    public var payload: JSONObject {
        switch self {
        case .registered(let event): event.payload
        case .updated(let event): event.payload
        case .payoutChanged(let event): ["payout": event.payout.map(JSONValue.string) ?? .null]
        case .taxDeclared(let event): ["tax": .object(event.tax)]
        case .balanceOpened(let event): event.payload
        case .termsAgreed(let event): event.payload
        case .merged(let event): ["into": .id("consignor", event.into)]
        case .absorbed(let event): event.payload
        case .erased(let event): event.payload
        }
    }

    public init(type: String, current payload: PayloadReader) throws(EventDecodingError) {
        switch type {
        case "ConsignorRegistered": self = .registered(try ConsignorRegistered(payload))
        case "ConsignorUpdated": self = .updated(try ConsignorUpdated(payload))
        case "ConsignorPayoutChanged":
            self = .payoutChanged(ConsignorPayoutChanged(payout: try payload.optionalString("payout")))
        case "ConsignorTaxDeclared": self = .taxDeclared(ConsignorTaxDeclared(tax: try payload.sealed("tax")))
        case "ConsignorBalanceOpened": self = .balanceOpened(try ConsignorBalanceOpened(payload))
        case "ConsignorTermsAgreed": self = .termsAgreed(try ConsignorTermsAgreed(payload))
        case "ConsignorMerged":
            self = .merged(ConsignorMerged(into: try payload.id("into", prefix: "consignor")))
        case "ConsignorAbsorbed": self = .absorbed(try ConsignorAbsorbed(payload))
        default: self = .erased(try ConsignorErased(payload))
        }
    }
}

extension PayloadReader {
    /// Sealed texts by field, null where one was cleared; empty when absent.
    fileprivate func sealed(_ name: String) throws(EventDecodingError) -> JSONObject {
        let fields = try members(name)
        for (_, value) in fields where value.stringValue == nil && !value.isNull { throw invalid(name) }
        return fields
    }
}

public struct ConsignorRegistered: Equatable, Sendable {
    /// The shop's own number for the consignor.
    public var number: String?
    /// Whether what is earned is wanted as store credit.
    public var storeCredit: Bool
    /// Sealed, by field.
    public var contact: JSONObject
    /// Sealed, by field.
    public var tax: JSONObject
    /// What an import's file said, sealed by field with the key of `contact`: the base of the three-way merge when the
    /// file comes again, changed.
    public var imported: JSONObject?

    public init(
        number: String? = nil, storeCredit: Bool = false, contact: JSONObject, tax: JSONObject = [:],
        imported: JSONObject? = nil
    ) {
        self.number = number
        self.storeCredit = storeCredit
        self.contact = contact
        self.tax = tax
        self.imported = imported
    }

    var payload: JSONObject {
        var payload: JSONObject = ["store_credit": .bool(storeCredit), "contact": .object(contact)]
        payload["number"] = number.map(JSONValue.string)
        if !tax.isEmpty { payload["tax"] = .object(tax) }
        payload["import_base"] = imported.map(JSONValue.object)
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            number: try payload.optionalString("number"), storeCredit: try payload.bool("store_credit"),
            contact: try payload.sealed("contact"), tax: try payload.sealed("tax"),
            imported: try payload.object["import_base"] == nil ? nil : payload.sealed("import_base"))
    }
}

public struct ConsignorUpdated: Equatable, Sendable {
    /// What is not personal: the new value of `number`, `store_credit` or `retain_until`; null clears it.
    public var changes: JSONObject
    /// Sealed, by field.
    public var contact: JSONObject
    /// See `ConsignorRegistered.imported`.
    public var imported: JSONObject?

    public init(changes: JSONObject = [:], contact: JSONObject = [:], imported: JSONObject? = nil) {
        self.changes = changes
        self.contact = contact
        self.imported = imported
    }

    var payload: JSONObject {
        var payload: JSONObject = ["changes": .object(changes), "contact": .object(contact)]
        payload["import_base"] = imported.map(JSONValue.object)
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        guard let changes = try payload.nested("changes") else { throw payload.missing("changes") }
        _ = try changes.optionalString("number")
        _ = try changes.optional("store_credit", \.boolValue)
        _ = try changes.optionalString("retain_until")
        self.init(
            changes: changes.object, contact: try payload.sealed("contact"),
            imported: try payload.object["import_base"] == nil ? nil : payload.sealed("import_base"))
    }
}

public struct ConsignorPayoutChanged: Equatable, Sendable {
    /// Sealed; nil: there are none any more.
    public var payout: String?

    public init(payout: String?) { self.payout = payout }
}

public struct ConsignorTaxDeclared: Equatable, Sendable {
    /// Sealed, by field: only what is declared anew.
    public var tax: JSONObject

    public init(tax: JSONObject) { self.tax = tax }
}

public struct ConsignorBalanceOpened: Equatable, Sendable {
    /// What the shop owed the consignor when the books were taken over; negative where it was owed. A later one takes the
    /// place of the one before.
    public var balance: Money

    public init(balance: Money) { self.balance = balance }

    var payload: JSONObject { ["balance": balance.json] }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(balance: try payload.money("balance"))
    }
}

public struct ConsignorTermsAgreed: Equatable, Sendable {
    /// SHA-256 of the document, in hex.
    public var document: String
    /// `in_person`, `online`, `email`, `paper`
    public var method: String
    public var agreedAt: Timestamp

    public init(document: String, method: String, agreedAt: Timestamp) {
        self.document = document
        self.method = method
        self.agreedAt = agreedAt
    }

    var payload: JSONObject {
        ["document": .string(document), "method": .string(method), "agreed_at": .string(agreedAt.rfc3339)]
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            document: try payload.string("document"), method: try payload.string("method"),
            agreedAt: try payload.required("agreed_at") { $0.stringValue.flatMap(Timestamp.init(rfc3339:)) })
    }
}

public struct ConsignorMerged: Equatable, Sendable {
    /// The survivor.
    public var into: UUID

    public init(into: UUID) { self.into = into }
}

public struct ConsignorAbsorbed: Equatable, Sendable {
    /// Those that are one person with this one from now on: the merged one, then those it had absorbed itself.
    public var consignors: [UUID]
    /// What the merged one's balance was, and now is part of this one's.
    public var balance: Money?

    public init(consignors: [UUID], balance: Money? = nil) {
        self.consignors = consignors
        self.balance = balance
    }

    var payload: JSONObject {
        var payload: JSONObject = ["consignors": .array(consignors.map { .id("consignor", $0) })]
        payload["balance"] = balance?.json
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        let consignors = try payload.required("consignors") { value -> [UUID]? in
            guard let elements = value.arrayValue else { return nil }
            let ids = elements.compactMap { $0.stringValue.flatMap { TypeID.uuid(of: $0, prefix: "consignor") } }
            return ids.count == elements.count ? ids : nil
        }
        self.init(consignors: consignors, balance: try payload.optionalMoney("balance"))
    }
}

/// The receipt of an erasure.
public struct ConsignorErased: Equatable, Sendable {
    /// STORED NAMES: only ever add.
    public enum Reason: String, CaseIterable, Sendable {
        /// By the person.
        case requested
        /// Nothing is needed of the person any more.
        case unneeded
        /// Registered by mistake.
        case mistake
    }

    public var reason: Reason
    /// What cannot be read any more from now on, by scope.
    public var scopes: [String]
    /// The last day on which the tax identity is kept; nil: there was none to be kept.
    public var taxKeptUntil: String?
    /// From this day on no backup may be older than the erasure.
    public var backupsExpire: String

    public init(reason: Reason, scopes: [String], taxKeptUntil: String?, backupsExpire: String) {
        self.reason = reason
        self.scopes = scopes
        self.taxKeptUntil = taxKeptUntil
        self.backupsExpire = backupsExpire
    }

    var payload: JSONObject {
        var payload: JSONObject = [
            "reason": .string(reason.rawValue), "scopes": .strings(scopes), "backups_expire": .string(backupsExpire),
        ]
        payload["tax_kept_until"] = taxKeptUntil.map(JSONValue.string)
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            reason: try payload.required("reason") { $0.stringValue.flatMap(Reason.init(rawValue:)) },
            scopes: try payload.strings("scopes"), taxKeptUntil: try payload.optionalString("tax_kept_until"),
            backupsExpire: try payload.string("backups_expire"))
    }
}
