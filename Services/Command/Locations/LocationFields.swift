import Documents
import Events
import JSON

extension Location.Open {
    /// From the body of a request.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: LocationField.allCases.map(\.rawValue))
        var values: JSONObject = [:]
        for field in LocationField.allCases {
            values[field.rawValue] =
                field.isRequired
                ? reader.required(field.rawValue, field.read) : reader.optional(field.rawValue, field.read)
        }
        self.init(values: try reader.finish(values))
    }
}

extension Location.Change {
    /// From the body of a request; null clears an optional field.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: LocationField.allCases.map(\.rawValue))
        var changes: JSONObject = [:]
        for field in LocationField.allCases {
            switch body[field.rawValue] {
            case nil: continue
            case .null? where !field.isRequired: changes[field.rawValue] = .null
            case .null?: reader.fail(field.rawValue, .required, "must not be null")
            default: changes[field.rawValue] = reader.optional(field.rawValue, field.read)
            }
        }
        self.init(changes: try reader.finish(changes))
    }
}

extension Location.Close {
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["reason"])
        let reason = reader.required("reason") { value, pointer throws(InvalidFields) in
            try Field.text(limit: 500, value, pointer)
        }
        self.init(reason: try reader.finish(reason))
    }
}

extension LocationField {
    /// Reads a value for this field, in the one form in which it is stored.
    func read(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> JSONValue {
        switch self {
        case .code:
            let code = try Field.text(limit: 20, value, pointer)
            guard code.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw .one(pointer, .invalid, "must be visible ASCII characters without spaces, as labels have it")
            }
            return .string(code)
        case .name: return .string(try Field.text(limit: 200, value, pointer))
        case .kind: return .string(try Field.choice(LocationKind.self, value, pointer).rawValue)
        case .address:
            guard let object = value.objectValue else { throw .wrongType(pointer, "an object", value) }
            var reader = FieldReader(object, known: PostalAddress.members)
            guard let address = PostalAddress.read(&reader) else {
                throw InvalidFields(errors: reader.errors.map { $0.under(pointer) })
            }
            return address
        }
    }
}
