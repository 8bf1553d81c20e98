import JSON

/// A field by which something is described: named alike in requests, events and states, and read in one way for all of them.
protocol DescribedField: CaseIterable, RawRepresentable<String> {
    /// Never null.
    var isRequired: Bool { get }
    /// What is stored of a field that was cleared.
    var cleared: JSONValue { get }

    /// Reads a value, in the one form in which it is stored.
    func read(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> JSONValue
}

extension DescribedField {
    var cleared: JSONValue { .null }

    static var names: [String] { allCases.map(\.rawValue) }
}

extension FieldReader {
    /// The fields of something new, those that must be there among them.
    mutating func values<Field: DescribedField>(of fields: some Sequence<Field>) -> JSONObject {
        var values: JSONObject = [:]
        for field in fields {
            values[field.rawValue] =
                field.isRequired
                ? required(field.rawValue, field.read) : optional(field.rawValue, field.read)
        }
        return values
    }

    /// The fields that are named, null as what clears them.
    mutating func changes<Field: DescribedField>(of fields: some Sequence<Field>) -> JSONObject {
        var changes: JSONObject = [:]
        for field in fields {
            switch object[field.rawValue] {
            case nil: continue
            case .null? where !field.isRequired: changes[field.rawValue] = field.cleared
            case .null?: fail(field.rawValue, .required, "must not be null")
            default: changes[field.rawValue] = optional(field.rawValue, field.read)
            }
        }
        return changes
    }
}

extension Field {
    /// An object, member by member; everything that is wrong with any of them at once.
    ///
    /// - Parameter read: nil only where the reader has an error.
    static func object<T>(
        _ known: [String], _ value: JSONValue, _ pointer: String, _ read: (inout FieldReader) -> T?
    ) throws(InvalidFields) -> T {
        guard let object = value.objectValue else { throw .wrongType(pointer, "an object", value) }
        var reader = FieldReader(object, known: known)
        let result = read(&reader)
        guard reader.errors.isEmpty, let result else {
            throw InvalidFields(errors: reader.errors.map { $0.under(pointer) })
        }
        return result
    }
}
