public import JSON

/// An amount of a currency, in its minor units: 12000 PLN is 120.00 zł. Never a fraction, never beyond ±2⁵³, so that
/// every JSON reader in the world gets it right.
public struct Money: Hashable, Sendable {
    /// The largest magnitude of an amount: 2⁵³.
    public static let limit: Int64 = 1 << 53

    public let amount: Int64
    public let currency: Currency

    /// nil when the magnitude of `amount` exceeds `limit`.
    public init?(amount: Int64, currency: Currency) {
        guard amount.magnitude <= Self.limit.magnitude else { return nil }
        self.amount = amount
        self.currency = currency
    }

    /// `{"amount": 12000, "currency": "PLN"}`, exactly those members; nil for anything else.
    public init?(json: JSONValue) {
        guard let object = json.objectValue, object.count == 2, let amount = object["amount"]?.integerValue,
            let currency = object["currency"]?.stringValue.flatMap(Currency.init(code:))
        else { return nil }
        self.init(amount: amount, currency: currency)
    }

    public var json: JSONValue { ["amount": .integer(amount), "currency": .string(currency.code)] }
}

extension Money: CustomStringConvertible {
    /// `120.00 PLN`, for logs and messages; not for pages, which have a language.
    public var description: String {
        let digits = String(amount.magnitude)
        let padded = String(repeating: "0", count: max(0, currency.minorUnits + 1 - digits.count)) + digits
        let whole = padded.dropLast(currency.minorUnits)
        let sign = amount < 0 ? "-" : ""
        guard currency.minorUnits > 0 else { return "\(sign)\(whole) \(currency)" }
        return "\(sign)\(whole).\(padded.suffix(currency.minorUnits)) \(currency)"
    }
}

extension JSONWriter {
    /// `{"amount":12000,"currency":"PLN"}`, null for nil.
    public mutating func money(_ money: Money?) {
        guard let money else { return null() }
        beginObject()
        member("amount", money.amount)
        member("currency", money.currency.code)
        endObject()
    }
}
