public import EventSourcing
public import Events
public import Foundation
public import JSON

/// A decision that rules made, as its one event tells it.
public struct DecisionRecord: ProjectedRecord {
    public typealias Event = DecisionEvent

    public static let plural = "decisions"
    public static let statuses = ["made"]
    public static let filters = [
        RecordFilter<DecisionRecord>("subject") { $0.made.subject.description },
        RecordFilter<DecisionRecord>("item_id") {
            $0.made.itemID.map { TypeID(prefix: "item", uuid: $0).description }
        },
        RecordFilter<DecisionRecord>("kind") { $0.made.kind.rawValue },
    ]
    public static let csv = [
        "id", "kind", "subject", "item_id", "outcome", "inputs", "rules", "created_at",
    ]

    public var id: UUID
    public var version: Int64
    public var made: DecisionMade
    public var createdAt: Timestamp
    public var updatedAt: Timestamp

    public var status: String { "made" }
    public var texts: [String?] { [made.kind.rawValue, made.outcome] + made.rules.map(\.reason) }

    public init?(begins event: DecisionEvent, id: UUID, at time: Timestamp) {
        guard case .made(let made) = event else { return nil }
        self.id = id
        version = 1
        self.made = made
        self.made.inputs = made.inputs.canonical
        (createdAt, updatedAt) = (time, time)
    }

    public mutating func apply(_ event: DecisionEvent) {}

    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.uuid("id", id)
        writer.member("version", version)
        writer.member("made", value: DecisionEvent.made(made).data.canonical)
        writer.time("created_at", createdAt)
        writer.time("updated_at", updatedAt)
        writer.endObject()
    }

    public init(json: JSONValue) throws(RecordDecodingError) {
        let reader = try RecordReader("decision", json)
        id = try reader.uuid("id")
        version = try reader.required("version", \.integerValue)
        made = try reader.required("made") { value in
            guard case .made(let made)? = try? DecisionEvent(type: "DecisionMade", schema: 1, data: value) else {
                return nil
            }
            return made
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
        writer.member("kind", made.kind.rawValue)
        writer.member("subject", made.subject.description)
        writer.typeID("item_id", "item", made.itemID)
        writer.member("outcome", made.outcome)
        writer.member("inputs", value: .object(made.inputs))
        writer.member("rules", value: .array(made.rules.map(\.json)))
        writer.time("created_at", createdAt)
        writer.time("updated_at", updatedAt)
        writer.endObject()
        return writer.bytes
    }
}
