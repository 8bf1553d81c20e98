import EventSourcing
import Events
import Foundation
import JSON
import PersonalData

/// What a request says of a consignor, before what is personal in it is sealed.
struct ConsignorDetails: Sendable {
    /// By `ConsignorOpenField` name, as far as they are named.
    var open: JSONObject = [:]
    /// By `ConsignorField` name; null clears one.
    var contact = Personal<JSONObject>([:])
    var tax = Personal<JSONObject>([:])

    private static let members =
        ConsignorOpenField.names + ["tax"] + ConsignorField.contact.map(\.rawValue)

    /// Of somebody new, from the body of a request.
    init(new body: JSONObject) throws(InvalidFields) { try self.init(body, isNew: true) }

    /// What is to change, from the body of a request.
    init(changes body: JSONObject) throws(InvalidFields) { try self.init(body, isNew: false) }

    private init(_ body: JSONObject, isNew: Bool) throws(InvalidFields) {
        var reader = FieldReader(body, known: Self.members)
        let open = Self.read(ConsignorOpenField.allCases, &reader, isNew)
        let contact = Self.read(ConsignorField.contact, &reader, isNew)
        var tax =
            reader.optional("tax") { value, pointer throws(InvalidFields) in
                try Field.object(ConsignorField.tax.map(\.rawValue), value, pointer) { reader in
                    Self.read(ConsignorField.tax, &reader, isNew)
                }
            } ?? [:]
        if !isNew, body["tax"]?.isNull == true {
            tax = JSONObject(ConsignorField.tax.map { ($0.rawValue, $0.cleared) })
        }
        (self.open, self.contact, self.tax) = try reader.finish((open, Personal(contact), Personal(tax)))
    }

    private static func read(
        _ fields: [some DescribedField], _ reader: inout FieldReader, _ isNew: Bool
    ) -> JSONObject {
        isNew ? reader.values(of: fields) : reader.changes(of: fields)
    }
}

extension Consignor.Agree {
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["document", "method", "agreed_at"])
        let document = reader.required("document", Field.sha256)
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
