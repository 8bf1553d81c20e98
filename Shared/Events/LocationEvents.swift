public import JSON

/// What happens to a location: a place of the tenant's where items are.
public enum LocationEvent: StorableEvent {
    case opened(LocationOpened)
    case changed(LocationChanged)
    case closed(LocationClosed)

    public static let category = "location"

    /// STORED NAMES: only ever add.
    public static let schemas = ["LocationOpened": 1, "LocationChanged": 1, "LocationClosed": 1]

    public var type: String {
        switch self {
        case .opened: "LocationOpened"
        case .changed: "LocationChanged"
        case .closed: "LocationClosed"
        }
    }

    public var payload: JSONObject {
        switch self {
        case .opened(let event): event.values
        case .changed(let event): ["changes": .object(event.changes)]
        case .closed(let event): ["reason": .string(event.reason)]
        }
    }

    public init(type: String, current payload: PayloadReader) throws(EventDecodingError) {
        switch type {
        case "LocationOpened":
            var values: JSONObject = [:]
            for name in ["code", "name", "kind"] { values[name] = .string(try payload.string(name)) }
            values["address"] = try payload.address("address")
            self = .opened(LocationOpened(values: values))
        case "LocationChanged": self = .changed(LocationChanged(changes: try payload.members("changes")))
        default: self = .closed(LocationClosed(reason: try payload.string("reason")))
        }
    }
}

/// The fields of a location, by their stored names (which are the API's too): only ever add.
public enum LocationField: String, CaseIterable, Sendable {
    case code, name, kind, address

    /// Never null.
    public var isRequired: Bool { self != .address }
}

public struct LocationOpened: Equatable, Sendable {
    /// By `LocationField` name; what is required is there.
    public var values: JSONObject

    public init(values: JSONObject) { self.values = values }
}

public struct LocationChanged: Equatable, Sendable {
    /// The new value of each changed field, by `LocationField` name; null clears it.
    public var changes: JSONObject

    public init(changes: JSONObject) { self.changes = changes }
}

public struct LocationClosed: Equatable, Sendable {
    public var reason: String

    public init(reason: String) { self.reason = reason }
}
