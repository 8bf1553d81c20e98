public import JSON

/// What a tenant has settled for itself; each with a default where it has not.
public struct TenantSettings: Equatable, Sendable {
    /// As stored, canonical: only what differs from the defaults, by the names of the API.
    public private(set) var values: JSONObject

    public init(values: JSONObject = [:]) { self.values = values.canonical }

    /// Days, of the tenant's calendar, in which a buyer may return what was bought; nothing of a sale is payable before.
    public var returnDays: Int64 { values["return_days"]?.integerValue ?? 14 }
    /// For how long an accepted offer holds its item.
    public var holdHours: Int64 { values["hold_hours"]?.integerValue ?? 24 }
    /// How long an offer waits for an answer.
    public var offerHours: Int64 { values["offer_hours"]?.integerValue ?? 48 }
    /// How SKUs are made: see `SKUPattern`.
    public var skuPattern: String { values["sku_pattern"]?.stringValue ?? "{yy}{mm}-{seq:5}" }
    public var addresses: [JSONValue] { values["addresses"]?.arrayValue ?? [] }
    /// The tags (BCP 47) of the languages that the tenant works in, the first of them first.
    public var languages: [String] { values["languages"]?.arrayValue?.compactMap(\.stringValue) ?? ["en"] }

    /// Flags that were set, on or off.
    public var features: [String: Bool] {
        (values["features"]?.objectValue ?? [:]).reduce(into: [:]) { $0[$1.key] = $1.value.boolValue }
    }

    /// Takes over new values, as `TenantSettingsChanged` has them.
    public mutating func apply(_ changes: JSONObject) {
        for (name, value) in changes {
            if name == "features", let flags = value.objectValue {
                var features = values["features"]?.objectValue ?? [:]
                for (flag, state) in flags { features[flag] = state.isNull ? nil : state }
                values["features"] = features.isEmpty ? nil : .object(features)
            } else {
                values[name] = value.isNull ? nil : value
            }
        }
        values = values.canonical
    }

    /// The value of a setting by its name, as the API shows it.
    public func value(of name: String) -> JSONValue? {
        switch name {
        case "return_days": .integer(returnDays)
        case "hold_hours": .integer(holdHours)
        case "offer_hours": .integer(offerHours)
        case "sku_pattern": .string(skuPattern)
        case "addresses": .array(addresses)
        case "languages": .array(languages.map(JSONValue.string))
        case "features": values["features"] ?? [:]
        default: nil
        }
    }
}
