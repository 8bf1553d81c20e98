public import EventSourcing
public import Events
public import Foundation
public import JSON

/// What is known of a location.
public struct LocationRecord: ProjectedRecord {
    public typealias Event = LocationEvent

    public static let plural = "locations"
    public static let statuses = ["open", "closed"]
    public static let filters = [RecordFilter<LocationRecord>("kind") { $0.kind }]
    public static let csv = [
        "id", "version", "status", "code", "name", "kind", "address.name", "address.lines", "address.postal_code",
        "address.city",
        "address.region", "address.country", "created_at", "updated_at",
    ]

    public var id: UUID
    public var version: Int64
    public var isOpen = true
    /// Short, as labels have it; unique among the tenant's open locations.
    public var code: String
    public var name: String
    public var kind: String
    /// Canonical.
    public private(set) var address: JSONValue?
    public var createdAt: Timestamp
    public var updatedAt: Timestamp

    public var status: String { isOpen ? "open" : "closed" }
    public var texts: [String?] { [code, name, kind, address?["city"]?.stringValue] }

    public init?(begins event: LocationEvent, id: UUID, at time: Timestamp) {
        guard case .opened(let opened) = event else { return nil }
        self.id = id
        version = 1
        (code, name, kind) = ("", "", "")
        (createdAt, updatedAt) = (time, time)
        set(opened.values)
    }

    public mutating func apply(_ event: LocationEvent) {
        switch event {
        case .opened: break
        case .changed(let changed): set(changed.changes)
        case .closed: isOpen = false
        }
    }

    private mutating func set(_ values: JSONObject) {
        for (name, value) in values {
            switch LocationField(rawValue: name) {
            case .code?: code = value.stringValue ?? code
            case .name?: self.name = value.stringValue ?? self.name
            case .kind?: kind = value.stringValue ?? kind
            case .address?: address = value.isNull ? nil : value.canonical
            case nil: break
            }
        }
    }

    /// The value of a field by its API name, null where it has none.
    public func value(of field: LocationField) -> JSONValue {
        switch field {
        case .code: .string(code)
        case .name: .string(name)
        case .kind: .string(kind)
        case .address: address ?? .null
        }
    }

    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.uuid("id", id)
        writer.member("version", version)
        writer.member("status", status)
        for field in LocationField.allCases { writer.member(field.rawValue, value: value(of: field)) }
        writer.time("created_at", createdAt)
        writer.time("updated_at", updatedAt)
        writer.endObject()
    }

    public init(json: JSONValue) throws(RecordDecodingError) {
        let reader = try RecordReader("location", json)
        id = try reader.uuid("id")
        version = try reader.required("version", \.integerValue)
        isOpen = try reader.required("status", \.stringValue) != "closed"
        code = try reader.required("code", \.stringValue)
        name = try reader.required("name", \.stringValue)
        kind = try reader.required("kind", \.stringValue)
        address = try reader.optional("address") { $0.canonical }
        createdAt = try reader.required("created_at", \.timestamp)
        updatedAt = try reader.required("updated_at", \.timestamp)
    }

    public var document: [UInt8] {
        var writer = JSONWriter(reservingCapacity: 512)
        writer.beginObject()
        writer.typeID("id", Self.category, id)
        writer.member("version", version)
        writer.member("status", status)
        for field in LocationField.allCases { writer.member(field.rawValue, value: value(of: field)) }
        writer.time("created_at", createdAt)
        writer.time("updated_at", updatedAt)
        writer.endObject()
        return writer.bytes
    }
}
