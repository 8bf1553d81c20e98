import EventSourcing
import Events
import Foundation
import JSON
import PersonalData

/// A field of a consignor that is personal. STORED NAMES: only ever add.
enum ConsignorField: String, DescribedField {
    case name, mail, phone, addresses, birthDate = "birth_date", payout
    // The tax identity: hooks for compliance, without logic yet.
    case legalType = "legal_type"
    case country
    case vatStatus = "vat_status"
    case vatEvidence = "vat_evidence"
    case vatDate = "vat_date"
    case taxNumber = "tax_number"

    var scope: PersonScope {
        switch self {
        case .name, .mail, .phone, .addresses, .birthDate, .payout: .contact
        case .legalType, .country, .vatStatus, .vatEvidence, .vatDate, .taxNumber: .tax
        }
    }

    var isRequired: Bool { self == .name }

    static let contact = allCases.filter { $0.scope == .contact }
    static let tax = allCases.filter { $0.scope == .tax }

    static let addressLimit = 5

    /// What is wrong is told without the value.
    func read(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> JSONValue {
        switch self {
        case .name: .string(try Field.text(limit: 200, value, pointer))
        case .mail: .string(try Self.mail(value, pointer))
        case .phone: .string(try Self.phone(value, pointer))
        case .addresses: .array(try Field.list(limit: Self.addressLimit, value, pointer, Self.address))
        case .birthDate, .vatDate: .string(try Field.date(value, pointer))
        case .payout: .object(try Self.payout(value, pointer))
        case .legalType: .string(try Field.choice(LegalType.self, value, pointer).rawValue)
        case .country: .string(try Field.country(value, pointer))
        case .vatStatus: .string(try Field.choice(VATStatus.self, value, pointer).rawValue)
        case .vatEvidence: .string(try Field.text(limit: 500, value, pointer))
        case .taxNumber: .string(try Self.taxNumber(value, pointer))
        }
    }

    /// One `@` with something on both sides, no white space; whether anybody reads it is another question.
    private static func mail(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> String {
        let mail = try Field.text(limit: 254, value, pointer)
        let parts = mail.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }), !mail.contains(where: \.isWhitespace) else {
            throw .one(pointer, .invalid, "must be an address of electronic mail")
        }
        return mail
    }

    private static func phone(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> String {
        let phone = try Field.text(limit: 30, value, pointer)
        let digits = phone.utf8.count { (48...57).contains($0) }
        guard phone.utf8.allSatisfy({ (48...57).contains($0) || "+ -()/.".utf8.contains($0) }), digits >= 5 else {
            throw .one(pointer, .invalid, "must be a telephone number: digits, spaces and +-()/.")
        }
        return phone
    }

    private static func address(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> JSONValue {
        try Field.object(PostalAddress.members, value, pointer) { PostalAddress.read(&$0) }
    }

    /// An account by its IBAN, or what a payment provider calls the payee.
    private static func payout(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> JSONObject {
        try Field.object(["iban", "holder", "provider", "reference"], value, pointer) { reader in
            var payout: JSONObject = [:]
            payout["iban"] = reader.optional("iban") { value, pointer throws(InvalidFields) in
                guard let iban = IBAN(try Field.text(limit: 60, value, pointer)) else {
                    throw .one(pointer, .invalid, "must be an IBAN whose check digits are right")
                }
                return .string(iban.text)
            }
            for name in ["holder", "provider", "reference"] {
                payout[name] = reader.optional(name) { value, pointer throws(InvalidFields) in
                    .string(try Field.text(limit: 200, value, pointer))
                }
            }
            let names = Set(payout.keys).union(reader.errors.map { String($0.pointer.dropFirst()) })
            if names.contains("iban") {
                for name in ["provider", "reference"] where payout[name] != nil {
                    reader.fail(name, .invalid, "does not go with an IBAN")
                }
            } else if !names.isSuperset(of: ["provider", "reference"]) {
                reader.fail("iban", .required, "is required, or provider and reference")
            }
            return payout.canonical
        }
    }

    private static func taxNumber(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> String {
        let number = try Field.text(limit: 30, value, pointer)
        guard number.utf8.allSatisfy({ $0 == 32 || $0 == 45 || (48...57).contains($0) || (65...90).contains($0) })
        else {
            throw .one(pointer, .invalid, "must be of capital letters, digits, spaces and hyphens")
        }
        return number
    }
}

/// What else there is to say of a consignor, in the clear. STORED NAMES: only ever add.
enum ConsignorOpenField: String, DescribedField {
    case number
    case storeCredit = "store_credit"
    case retainUntil = "retain_until"

    var isRequired: Bool { false }
    var cleared: JSONValue { self == .storeCredit ? false : .null }

    func read(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> JSONValue {
        switch self {
        case .number: .string(try Field.consignorNumber(value, pointer))
        case .storeCredit: .bool(try Field.bool(value, pointer))
        case .retainUntil: .string(try Field.date(value, pointer))
        }
    }
}

/// STORED NAMES: only ever add.
enum LegalType: String, CaseIterable {
    case privatePerson = "private_person"
    case soleTrader = "sole_trader"
    case company
}

/// STORED NAMES: only ever add.
enum VATStatus: String, CaseIterable {
    case registered, exempt
    case notRegistered = "not_registered"
}

/// An account number of ISO 13616: its check digits are right.
struct IBAN: Equatable {
    /// Without spaces, in capitals.
    let text: String

    init?(_ text: String) {
        let compact = text.uppercased().utf8.filter { $0 != 32 }
        func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
        func isLetter(_ byte: UInt8) -> Bool { (65...90).contains(byte) }
        guard (15...34).contains(compact.count), compact.prefix(2).allSatisfy(isLetter),
            compact.dropFirst(2).prefix(2).allSatisfy(isDigit),
            compact.allSatisfy({ isDigit($0) || isLetter($0) })
        else { return nil }
        // ISO 7064, MOD 97-10: the country and the check digits go to the end, letters count as 10 to 35.
        let rest = (compact.dropFirst(4) + compact.prefix(4)).reduce(0) { rest, byte in
            isDigit(byte) ? (rest * 10 + Int(byte) - 48) % 97 : (rest * 100 + Int(byte) - 55) % 97
        }
        guard rest == 1 else { return nil }
        self.text = String(decoding: compact, as: UTF8.self)
    }
}

extension Field {
    /// A shop's own number for a consignor: it is no name, and stands in the clear.
    static func consignorNumber(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> String {
        let number = try text(limit: 40, value, pointer)
        let isNumber = number.utf8.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || "-_./".utf8.contains($0)
        }
        guard isNumber, number.utf8.contains(where: { (48...57).contains($0) }) else {
            throw .one(pointer, .invalid, "must be of letters, digits and -_./, with a digit among them")
        }
        return number
    }

    static func bool(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> Bool {
        guard let bool = value.boolValue else { throw .wrongType(pointer, "true or false", value) }
        return bool
    }
}
