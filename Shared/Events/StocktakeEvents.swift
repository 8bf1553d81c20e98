import EventSourcing
public import Foundation
public import JSON

/// What happens to a stock-take: what is at a location is looked at, and held against what should be there.
public enum StocktakeEvent: StorableEvent {
    case opened(StocktakeOpened)
    case scanned(StocktakeScanned)
    case closed(StocktakeClosed)
    case cancelled(StocktakeCancelled)

    public static let category = "stocktake"

    /// STORED NAMES: only ever add.
    public static let schemas = [
        "StocktakeOpened": 1, "StocktakeScanned": 1, "StocktakeClosed": 1, "StocktakeCancelled": 1,
    ]

    public var type: String {
        switch self {
        case .opened: "StocktakeOpened"
        case .scanned: "StocktakeScanned"
        case .closed: "StocktakeClosed"
        case .cancelled: "StocktakeCancelled"
        }
    }

    public var payload: JSONObject {
        var payload: JSONObject = [:]
        switch self {
        case .opened(let event):
            payload["location_id"] = .id("location", event.locationID)
            payload["note"] = event.note.map(JSONValue.string)
        case .scanned(let event):
            payload["items"] = .items(event.items)
            payload["unknown"] = .strings(event.unknown)
        case .closed(let event):
            payload["expected"] = .integer(event.expected)
            payload["missing"] = .items(event.missing)
            payload["elsewhere"] = .items(event.elsewhere)
            payload["unexplained"] = .items(event.unexplained)
        case .cancelled(let event):
            payload["reason"] = event.reason.map(JSONValue.string)
        }
        return payload
    }

    public init(type: String, current payload: PayloadReader) throws(EventDecodingError) {
        switch type {
        case "StocktakeOpened":
            self = .opened(
                StocktakeOpened(
                    locationID: try payload.id("location_id", prefix: "location"),
                    note: try payload.optionalString("note")))
        case "StocktakeScanned":
            self = .scanned(
                StocktakeScanned(items: try payload.items("items"), unknown: try payload.strings("unknown")))
        case "StocktakeClosed":
            self = .closed(
                StocktakeClosed(
                    expected: try payload.integer("expected"), missing: try payload.items("missing"),
                    elsewhere: try payload.items("elsewhere"), unexplained: try payload.items("unexplained")))
        default: self = .cancelled(StocktakeCancelled(reason: try payload.optionalString("reason")))
        }
    }
}

public struct StocktakeOpened: Equatable, Sendable {
    public var locationID: UUID
    public var note: String?

    public init(locationID: UUID, note: String? = nil) {
        self.locationID = locationID
        self.note = note
    }
}

public struct StocktakeScanned: Equatable, Sendable {
    /// Items that had not been seen before.
    public var items: [UUID]
    /// Codes that are no item's.
    public var unknown: [String]

    public init(items: [UUID], unknown: [String] = []) {
        self.items = items
        self.unknown = unknown
    }
}

/// What differed; what it means for each item is told by the item's own event, in the same append.
public struct StocktakeClosed: Equatable, Sendable {
    /// Items that should have been there.
    public var expected: Int64
    /// Should have been there, and were not: they are lost.
    public var missing: [UUID]
    /// Were there, and should have been elsewhere: they have moved, or arrived.
    public var elsewhere: [UUID]
    /// Were there, and cannot have been: somebody has to find out.
    public var unexplained: [UUID]

    public init(expected: Int64, missing: [UUID] = [], elsewhere: [UUID] = [], unexplained: [UUID] = []) {
        self.expected = expected
        self.missing = missing
        self.elsewhere = elsewhere
        self.unexplained = unexplained
    }
}

public struct StocktakeCancelled: Equatable, Sendable {
    public var reason: String?

    public init(reason: String? = nil) { self.reason = reason }
}

extension JSONValue {
    static func items(_ ids: [UUID]) -> JSONValue { .array(ids.map { .id("item", $0) }) }
}

extension PayloadReader {
    /// Ids of items; empty when absent.
    func items(_ name: String) throws(EventDecodingError) -> [UUID] {
        let texts = try strings(name)
        let ids = texts.compactMap { TypeID.uuid(of: $0, prefix: "item") }
        guard ids.count == texts.count else { throw invalid(name) }
        return ids
    }
}
