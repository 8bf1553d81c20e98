public import EventSourcing
public import Events
public import Foundation
public import JSON

/// Where a stock-take stands. Only ever add.
public enum StocktakeStatus: String, CaseIterable, Sendable {
    case open, closed, cancelled
}

/// What is known of a stock-take: the operational state and the projection's memory.
public struct StocktakeRecord: ProjectedRecord {
    public typealias Event = StocktakeEvent

    public static let plural = "stocktakes"
    public static let statuses = StocktakeStatus.allCases.map(\.rawValue)
    public static let filters = [
        RecordFilter<StocktakeRecord>("location_id") {
            TypeID(prefix: "location", uuid: $0.locationID).description
        }
    ]
    public static let csv = [
        "id", "version", "status", "location_id", "note", "expected", "found", "missing", "elsewhere", "unexplained",
        "unknown",
        "created_at", "updated_at",
    ]

    public var id: UUID
    public var version: Int64
    public var stage = StocktakeStatus.open
    public var locationID: UUID
    public var note: String?
    /// Items that were seen, in their order.
    public var found: [UUID] = []
    /// Codes that are no item's.
    public var unknown: [String] = []
    /// What it came to; nil until it was closed.
    public var result: StocktakeClosed?
    public var createdAt: Timestamp
    public var updatedAt: Timestamp

    public var status: String { stage.rawValue }
    public var texts: [String?] { [note] }

    public init?(begins event: StocktakeEvent, id: UUID, at time: Timestamp) {
        guard case .opened(let opened) = event else { return nil }
        self.id = id
        version = 1
        locationID = opened.locationID
        note = opened.note
        (createdAt, updatedAt) = (time, time)
    }

    public mutating func apply(_ event: StocktakeEvent) {
        switch event {
        case .opened: break
        case .scanned(let scanned):
            found += scanned.items
            unknown += scanned.unknown
        case .closed(let closed):
            stage = .closed
            result = closed
        case .cancelled: stage = .cancelled
        }
    }

    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.uuid("id", id)
        writer.member("version", version)
        writer.member("status", status)
        writer.uuid("location_id", locationID)
        if let note { writer.member("note", note) }
        writer.uuids("found", found)
        writer.strings("unknown", unknown)
        if let result {
            writer.member("expected", result.expected)
            writer.uuids("missing", result.missing)
            writer.uuids("elsewhere", result.elsewhere)
            writer.uuids("unexplained", result.unexplained)
        }
        writer.time("created_at", createdAt)
        writer.time("updated_at", updatedAt)
        writer.endObject()
    }

    /// Unknown members are ignored.
    public init(json: JSONValue) throws(RecordDecodingError) {
        let reader = try RecordReader("stocktake", json)
        id = try reader.uuid("id")
        version = try reader.required("version", \.integerValue)
        stage = try reader.required("status") { $0.stringValue.flatMap(StocktakeStatus.init(rawValue:)) }
        locationID = try reader.uuid("location_id")
        note = try reader.string("note")
        found = try reader.uuids("found")
        unknown = try reader.optional("unknown", \.strings) ?? []
        if let expected = try reader.optional("expected", \.integerValue) {
            result = StocktakeClosed(
                expected: expected, missing: try reader.uuids("missing"), elsewhere: try reader.uuids("elsewhere"),
                unexplained: try reader.uuids("unexplained"))
        }
        createdAt = try reader.required("created_at", \.timestamp)
        updatedAt = try reader.required("updated_at", \.timestamp)
    }

    public var document: [UInt8] {
        var writer = JSONWriter(reservingCapacity: 1024)
        writer.beginObject()
        writer.typeID("id", Self.category, id)
        writer.member("version", version)
        writer.member("status", status)
        writer.typeID("location_id", "location", locationID)
        writer.member("note", note)
        writer.member("expected", value: result.map { .integer($0.expected) } ?? .null)
        writer.items("found", found)
        writer.items("missing", result?.missing ?? [])
        writer.items("elsewhere", result?.elsewhere ?? [])
        writer.items("unexplained", result?.unexplained ?? [])
        writer.strings("unknown", unknown)
        writer.time("created_at", createdAt)
        writer.time("updated_at", updatedAt)
        writer.endObject()
        return writer.bytes
    }
}

extension JSONWriter {
    fileprivate mutating func uuids(_ name: String, _ ids: [UUID]) {
        key(name)
        array { for id in ids { $0.uuid(id) } }
    }

    fileprivate mutating func items(_ name: String, _ ids: [UUID]) {
        key(name)
        array { for id in ids { $0.typeID("item", id) } }
    }
}

extension RecordReader {
    /// Empty when absent.
    fileprivate func uuids(_ name: String) throws(RecordDecodingError) -> [UUID] {
        try optional(name) { json in
            guard let elements = json.arrayValue else { return nil }
            let ids = elements.compactMap(\.uuid)
            return ids.count == elements.count ? ids : nil
        } ?? []
    }
}
