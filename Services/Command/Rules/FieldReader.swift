import EventSourcing
import JSON
import Photos

/// Reads the fields of a request's body and collects everything that is wrong with them.
///
/// A field that is missing or null gives nil; a wrong one gives nil too and an error.
struct FieldReader {
    let object: JSONObject
    private(set) var errors: [FieldError]

    /// Members of `object` that are not in `known` are errors.
    init(_ object: JSONObject, known: some Collection<String>) {
        self.object = object
        errors = object.keys.filter { !known.contains($0) }.map { key in
            FieldError(pointer: .pointer(to: key), code: .unknownField, detail: "there is no field of this name here")
        }
    }

    /// Gives what was read, or everything that is wrong with it.
    func finish<T>(_ value: T?) throws(InvalidFields) -> T {
        guard errors.isEmpty, let value else { throw InvalidFields(errors: errors) }
        return value
    }

    mutating func optional<T>(_ key: String, _ read: (JSONValue, String) throws(InvalidFields) -> T) -> T? {
        guard let value = object[key], value != .null else { return nil }
        do throws(InvalidFields) {
            return try read(value, .pointer(to: key))
        } catch {
            errors += error.errors
            return nil
        }
    }

    mutating func required<T>(_ key: String, _ read: (JSONValue, String) throws(InvalidFields) -> T) -> T? {
        guard let value = object[key], value != .null else {
            fail(key, .required, "is required")
            return nil
        }
        return optional(key, read)
    }

    mutating func fail(_ key: String, _ code: FieldError.Code, _ detail: String) {
        errors.append(FieldError(pointer: .pointer(to: key), code: code, detail: detail))
    }
}

/// The readers of single values: each takes the value and its pointer.
enum Field {
    typealias Reader<T> = (JSONValue, String) throws(InvalidFields) -> T

    /// A text, trimmed; neither empty nor longer than `limit` Unicode characters.
    static func text(limit: Int, _ value: JSONValue, _ pointer: String) throws(InvalidFields) -> String {
        let text = try string(value, pointer).trimmed
        guard !text.isEmpty else { throw .one(pointer, .empty, "must not be empty") }
        try check(text, limit: limit, pointer)
        return text
    }

    static func string(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> String {
        guard let text = value.stringValue else { throw .wrongType(pointer, "a string", value) }
        return text
    }

    static func check(_ text: String, limit: Int, _ pointer: String) throws(InvalidFields) {
        guard text.unicodeScalars.count <= limit else {
            throw .one(pointer, .tooLong, "must not be longer than \(limit) characters")
        }
        guard !text.unicodeScalars.contains("\0") else {
            throw .one(pointer, .nullCharacter, "must not contain U+0000")
        }
    }

    /// One of the cases of an enumeration, by its stored name.
    static func choice<E: RawRepresentable & CaseIterable>(
        _ type: E.Type, _ value: JSONValue, _ pointer: String
    ) throws(InvalidFields) -> E where E.RawValue == String {
        let text = try string(value, pointer)
        guard let choice = E(rawValue: text) else {
            let names = E.allCases.map(\.rawValue).joined(separator: ", ")
            throw .one(pointer, .invalid, "must be one of \(names)")
        }
        return choice
    }

    /// `{"amount": 12000, "currency": "PLN"}`. Whether the amount and the currency are good is for the rules to say.
    static func money(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> Money {
        try object(["amount", "currency"], value, pointer) { reader in
            let amount = reader.required("amount") { value, pointer throws(InvalidFields) in
                if case .number = value { throw .one(pointer, .outOfRange, "must be an integer within ±2⁵³") }
                guard let amount = value.integerValue else { throw .wrongType(pointer, "an integer", value) }
                guard amount.magnitude <= Money.limit.magnitude else {
                    throw .one(pointer, .outOfRange, "must be an integer within ±2⁵³")
                }
                return amount
            }
            let currency = reader.required("currency", Self.currency)
            return currency.flatMap { currency in amount.flatMap { Money(amount: $0, currency: currency) } }
        }
    }

    /// What something has cost: nothing, or more.
    static func cost(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> Money {
        let cost = try money(value, pointer)
        guard cost.amount >= 0 else { throw .one("\(pointer)/amount", .outOfRange, "must not be below zero") }
        return cost
    }

    /// Why something is done.
    static func reason(fields body: JSONObject) throws(InvalidFields) -> String? {
        var reader = FieldReader(body, known: ["reason"])
        let reason = reader.optional("reason", Self.reason)
        _ = try reader.finish(())
        return reason
    }

    /// The same where it has to be said.
    static func requiredReason(fields body: JSONObject) throws(InvalidFields) -> String {
        var reader = FieldReader(body, known: ["reason"])
        let reason = reader.required("reason", Self.reason)
        return try reader.finish(reason)
    }

    static func currency(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> Currency {
        guard let currency = Currency(code: try string(value, pointer)) else {
            throw .one(pointer, .invalid, "must be a currency code of ISO 4217, like PLN")
        }
        return currency
    }

    /// Of a document that is kept elsewhere.
    static func sha256(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> String {
        let text = try string(value, pointer)
        guard text.utf8.count == 64, text.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
        else { throw .one(pointer, .invalid, "must be a SHA-256 in 64 lower-case hexadecimal digits") }
        return text
    }

    /// A day of the calendar, `1990-05-31`.
    static func date(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> String {
        let text = try string(value, pointer)
        guard text.utf8.count == 10, Timestamp(rfc3339: text + "T00:00:00Z") != nil else {
            throw .one(pointer, .invalid, "must be a day like 1990-05-31")
        }
        return text
    }

    /// The path of an uploaded photo, or an absolute https URL. Whether the photo is there is for others to say.
    static func photo(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> String {
        if let text = value.stringValue?.trimmed, PhotoName(path: text) != nil { return text }
        return try secureURL(value, pointer)
    }

    /// An absolute https URL of at most 2,048 bytes.
    static func secureURL(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> String {
        let text = try string(value, pointer).trimmed
        guard text.utf8.count <= 2048 else { throw .one(pointer, .tooLong, "must not be longer than 2048 bytes") }
        guard isSecureURL(text) else { throw .one(pointer, .invalid, "must be an absolute https URL") }
        return text
    }

    private static func isSecureURL(_ text: String) -> Bool {
        let scheme = "https://"
        guard text.utf8.count > scheme.utf8.count, text.prefix(scheme.count).lowercased() == scheme else {
            return false
        }
        let rest = text.utf8.dropFirst(scheme.utf8.count)
        let host = rest.prefix { !"/?#".utf8.contains($0) }
        let isPlain = rest.allSatisfy { $0 > 0x20 && $0 != 0x7F && !"\"<>\\^`{|}".utf8.contains($0) }
        // Beyond ASCII only white space is to be looked for.
        let hasSpace = !rest.allSatisfy { $0 < 0x80 } && text.contains(where: \.isWhitespace)
        return isPlain && !hasSpace && !host.isEmpty && host.first != UInt8(ascii: ":")
            && !host.contains(UInt8(ascii: "@"))
    }
}

extension InvalidFields {
    static func one(_ pointer: String, _ code: FieldError.Code, _ detail: String) -> InvalidFields {
        InvalidFields(errors: [FieldError(pointer: pointer, code: code, detail: detail)])
    }

    static func wrongType(_ pointer: String, _ expected: String, _ value: JSONValue) -> InvalidFields {
        .one(pointer, .wrongType, "must be \(expected), not \(value.kind)")
    }
}

extension FieldError {
    func under(_ parent: String) -> FieldError {
        FieldError(pointer: parent + pointer, code: code, detail: detail)
    }
}

extension String {
    /// The JSON pointer of a member of the body.
    static func pointer(to key: String) -> String {
        "/" + JSONPointer.escape(key)
    }

    /// Without white space (line breaks and no-break spaces included) at either end.
    var trimmed: String {
        func isInk(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7F }
        // Most cells have nothing to trim, and looking up Unicode's properties takes longer than all the rest.
        if let first = utf8.first, let last = utf8.last, isInk(first), isInk(last) { return self }
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
}
