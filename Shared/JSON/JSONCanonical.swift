extension JSONValue {
    /// The same value in one agreed form: members sorted by the bytes of their names, numbers in plain decimals.
    ///
    /// PostgreSQL's `jsonb` keeps neither the order of members nor the spelling of numbers (`1e2` comes back as
    /// `100`). What must be the same bytes whether it has been through the log or not is made canonical first.
    public var canonical: JSONValue {
        switch self {
        case .null, .bool, .integer, .string: self
        case .number(let text): JSONNumber.plain(text)
        case .array(let elements): .array(elements.map(\.canonical))
        case .object(let object): .object(object.canonical)
        }
    }
}

extension JSONObject {
    /// See `JSONValue.canonical`.
    public var canonical: JSONObject {
        JSONObject(
            unique:
                members
                .map { (key: $0.key, value: $0.value.canonical) }
                .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) })
    }
}

enum JSONNumber {
    /// Numbers with an exponent beyond this stay as they are; `jsonb` would write thousands of digits.
    static let exponentLimit = 1000

    /// A number without exponent, spelt as PostgreSQL's `numeric` spells it: `1.50e1` is `15.0`, `-0.0` is `0.0`.
    static func plain(_ text: String) -> JSONValue {
        var mantissa = Substring(text)
        var exponent = 0
        if let mark = text.firstIndex(where: { $0 == "e" || $0 == "E" }) {
            guard let value = Int(text[text.index(after: mark)...]), abs(value) <= exponentLimit else {
                return .number(text)
            }
            exponent = value
            mantissa = text[..<mark]
        }
        let isNegative = mantissa.first == "-"
        if isNegative { mantissa.removeFirst() }
        let parts = mantissa.split(separator: ".", maxSplits: 1)
        let fraction = parts.count == 2 ? parts[1] : ""
        var digits = String(parts.first ?? "0") + fraction
        var scale = fraction.count - exponent
        if scale < 0 {
            digits += String(repeating: "0", count: -scale)
            scale = 0
        }
        if digits.count <= scale { digits = String(repeating: "0", count: scale + 1 - digits.count) + digits }
        let isZero = digits.allSatisfy { $0 == "0" }
        let sign = isNegative && !isZero ? "-" : ""
        let point = digits.index(digits.endIndex, offsetBy: -scale)
        let whole = digits[..<point].drop { $0 == "0" }
        let plain = sign + (whole.isEmpty ? "0" : String(whole))
        if scale > 0 { return .number(plain + "." + digits[point...]) }
        return Int64(plain).map(JSONValue.integer) ?? .number(plain)
    }
}
