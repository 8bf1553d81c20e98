import Documents
import Events
import JSON

extension Location.Open {
    /// From the body of a request.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: LocationField.names)
        let values = reader.values(of: LocationField.allCases)
        self.init(values: try reader.finish(values))
    }
}

extension Location.Change {
    /// From the body of a request; null clears an optional field.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: LocationField.names)
        let changes = reader.changes(of: LocationField.allCases)
        self.init(changes: try reader.finish(changes))
    }
}

extension Location.Close {
    init(fields body: JSONObject) throws(InvalidFields) {
        self.init(reason: try Field.requiredReason(fields: body))
    }
}

extension LocationField: DescribedField {
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
            return try Field.object(PostalAddress.members, value, pointer) { PostalAddress.read(&$0) }
        }
    }
}
