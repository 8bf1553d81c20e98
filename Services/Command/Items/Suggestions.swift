import EventSourcing
import Events
import Foundation
import JSON

/// How a suggestion of a machine was met. STORED NAMES: only ever add.
enum SuggestionDecision: String, CaseIterable {
    case accepted, overridden
}

/// Evidence of machine help: for each described field, who suggested a value with what confidence, and what became of
/// it. Kept with the event, never acted on.
enum Suggestions {
    static let members = ["source", "model", "confidence", "decision", "by"]

    /// `{field: {source, model, confidence, decision, by}}`
    static func read(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> JSONObject {
        guard let object = value.objectValue else { throw .wrongType(pointer, "an object", value) }
        var errors: [FieldError] = []
        var suggestions: JSONObject = [:]
        for (field, suggestion) in object {
            let place = pointer + .pointer(to: field)
            guard ItemField(rawValue: field) != nil else {
                errors.append(
                    FieldError(pointer: place, code: .unknownField, detail: "there is no field of this name here"))
                continue
            }
            do throws(InvalidFields) {
                suggestions[field] = .object(try evidence(suggestion, place))
            } catch {
                errors += error.errors
            }
        }
        guard errors.isEmpty else { throw InvalidFields(errors: errors) }
        return suggestions.canonical
    }

    private static func evidence(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> JSONObject {
        try Field.object(members, value, pointer) { reader in
            let text: Field.Reader<JSONValue> = { value, pointer throws(InvalidFields) in
                .string(try Field.text(limit: 100, value, pointer))
            }
            var evidence: JSONObject = [:]
            evidence["source"] = reader.required("source", text)
            evidence["model"] = reader.optional("model", text)
            evidence["confidence"] = reader.optional("confidence", confidence)
            evidence["decision"] = reader.required("decision") { value, pointer throws(InvalidFields) in
                .string(try Field.choice(SuggestionDecision.self, value, pointer).rawValue)
            }
            evidence["by"] = reader.optional("by", text)
            return evidence
        }
    }

    /// A number from 0 to 1, of at most ten characters.
    private static func confidence(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> JSONValue {
        let number: Double?
        switch value {
        case .integer(let integer): number = Double(integer)
        case .number(let text) where text.utf8.count <= 10: number = Double(text)
        case .number: number = nil
        default: throw .wrongType(pointer, "a number", value)
        }
        guard let number, (0...1).contains(number) else {
            throw .one(pointer, .outOfRange, "must be a number from 0 to 1, of at most ten characters")
        }
        return value.canonical
    }
}

/// Reads how an item was acquired.
enum AcquisitionFields {
    static let members = ["legal_basis", "price", "date", "document", "origin_country", "scheme"]

    static func read(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> ItemAcquisition {
        try Field.object(members, value, pointer) { reader in
            var acquisition = ItemAcquisition()
            acquisition.legalBasis = reader.optional("legal_basis") { value, pointer throws(InvalidFields) in
                try Field.choice(LegalBasis.self, value, pointer)
            }
            acquisition.price = reader.optional("price", Field.cost)
            acquisition.date = reader.optional("date", Field.date)
            acquisition.document = reader.optional("document") { value, pointer throws(InvalidFields) in
                try Field.text(limit: 100, value, pointer)
            }
            acquisition.originCountry = reader.optional("origin_country", Field.country)
            acquisition.scheme = reader.optional("scheme") { value, pointer throws(InvalidFields) in
                try Field.choice(TaxScheme.self, value, pointer)
            }
            return acquisition
        }
    }
}
