import EventSourcing
import Events
import Foundation
import JSON
import PersonalData

/// What a request says of a consignor, before what is personal in it is sealed.
struct ConsignorDetails: Sendable {
    /// `number`, `store_credit`, `retain_until`, as far as they are named; null clears one.
    var open: JSONObject = [:]
    /// By `ConsignorField` name; null clears one.
    var contact = Personal<JSONObject>([:])
    var tax = Personal<JSONObject>([:])

    private static let members =
        ["number", "store_credit", "retain_until", "tax"] + ConsignorField.contact.map(\.rawValue)

    /// Of somebody new, from the body of a request.
    init(new body: JSONObject) throws(InvalidFields) { try self.init(body, isNew: true) }

    /// What is to change, from the body of a request.
    init(changes body: JSONObject) throws(InvalidFields) { try self.init(body, isNew: false) }

    private init(_ body: JSONObject, isNew: Bool) throws(InvalidFields) {
        var reader = FieldReader(body, known: Self.members)
        var open: JSONObject = [:]
        for name in ["number", "store_credit", "retain_until"] {
            guard let value = body[name] else { continue }
            if value.isNull {
                if !isNew { open[name] = name == "store_credit" ? false : .null }
                continue
            }
            open[name] = reader.optional(name) { value, pointer throws(InvalidFields) in
                switch name {
                case "number": .string(try Field.consignorNumber(value, pointer))
                case "store_credit": .bool(try Field.bool(value, pointer))
                default: .string(try Field.date(value, pointer))
                }
            }
        }
        var contact: JSONObject = [:]
        for field in ConsignorField.contact {
            contact[field.rawValue] = Self.read(field, body, &reader, isRequired: field == .name, isNew: isNew)
        }
        var tax: JSONObject = [:]
        switch body["tax"] {
        case nil: break
        case .null?: if !isNew { for field in ConsignorField.tax { tax[field.rawValue] = .null } }
        default: tax = Self.readTax(&reader, isNew)
        }
        (self.open, self.contact, self.tax) = try reader.finish((open, Personal(contact), Personal(tax)))
    }

    private static func readTax(_ reader: inout FieldReader, _ isNew: Bool) -> JSONObject {
        reader.optional("tax") { value, pointer throws(InvalidFields) in
            guard let object = value.objectValue else { throw .wrongType(pointer, "an object", value) }
            var inner = FieldReader(object, known: ConsignorField.tax.map(\.rawValue))
            var tax: JSONObject = [:]
            for field in ConsignorField.tax {
                tax[field.rawValue] = read(field, object, &inner, isRequired: false, isNew: isNew)
            }
            guard inner.errors.isEmpty else { throw InvalidFields(errors: inner.errors.map { $0.under(pointer) }) }
            return tax
        } ?? [:]
    }

    private static func read(
        _ field: ConsignorField, _ body: JSONObject, _ reader: inout FieldReader, isRequired: Bool, isNew: Bool
    ) -> JSONValue? {
        switch body[field.rawValue] {
        case nil: return isRequired && isNew ? reader.required(field.rawValue, field.read) : nil
        case .null? where isRequired:
            reader.fail(field.rawValue, .required, isNew ? "is required" : "must not be null")
            return nil
        case .null?: return isNew ? nil : .null
        default: return reader.optional(field.rawValue, field.read)
        }
    }
}

extension Consignor.Agree {
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["document", "method", "agreed_at"])
        let document = reader.required("document") { value, pointer throws(InvalidFields) in
            let text = try Field.string(value, pointer)
            guard text.utf8.count == 64, text.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
            else { throw .one(pointer, .invalid, "must be a SHA-256 in 64 lower-case hexadecimal digits") }
            return text
        }
        let method = reader.required("method") { value, pointer throws(InvalidFields) in
            try Field.choice(ConsignorTermsMethod.self, value, pointer)
        }
        let agreedAt = reader.optional("agreed_at") { value, pointer throws(InvalidFields) in
            guard let time = Timestamp(rfc3339: try Field.string(value, pointer)) else {
                throw .one(pointer, .invalid, "must be a time of RFC 3339")
            }
            return time
        }
        let both = document.flatMap { document in method.map { (document, $0) } }
        let read = try reader.finish(both)
        self.init(document: read.0, method: read.1, agreedAt: agreedAt)
    }
}

extension Consignor.Erase {
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["reason"])
        let reason = reader.required("reason") { value, pointer throws(InvalidFields) in
            try Field.choice(ConsignorErased.Reason.self, value, pointer)
        }
        self.init(reason: try reader.finish(reason))
    }
}

extension Consignor {
    /// The survivor of a merge, from the body of a request.
    static func survivor(fields body: JSONObject) throws(InvalidFields) -> UUID {
        var reader = FieldReader(body, known: ["into"])
        let into = reader.required("into") { value, pointer throws(InvalidFields) in
            guard let id = TypeID.uuid(of: try Field.string(value, pointer), prefix: prefix) else {
                throw .one(pointer, .invalid, "must be the id of a consignor")
            }
            return id
        }
        return try reader.finish(into)
    }
}
