public import EventSourcing
public import Foundation
public import JSON

/// The public JSON of an event in `/v1/events`, `/v1/streams` and `/v1/trace`.
public struct EventDocument: Sendable {
    public var position: Int64
    public var type: String
    public var stream: StreamID
    public var version: Int64
    /// JSON, as stored.
    public var data: [UInt8]
    public var actor: String
    public var correlationID: UUID
    public var causationID: UUID?
    public var commandID: UUID
    public var recordedAt: Timestamp

    public init(
        position: Int64, type: String, stream: StreamID, version: Int64, data: [UInt8], actor: String,
        correlationID: UUID, causationID: UUID?, commandID: UUID, recordedAt: Timestamp
    ) {
        self.position = position
        self.type = type
        self.stream = stream
        self.version = version
        self.data = data
        self.actor = actor
        self.correlationID = correlationID
        self.causationID = causationID
        self.commandID = commandID
        self.recordedAt = recordedAt
    }

    /// Members of payloads that no reader sees, by stored event name, whichever way the log is read.
    private static let secrets: [String: [String]] = [
        "KeyCreated": ["hash"], "KeyRotated": ["hash"],
        // Sealed, and of no use to who has no key: history tells that they were written, and when.
        "ConsignorRegistered": ["contact", "tax", "import_base"], "ConsignorUpdated": ["contact", "import_base"],
        "ConsignorPayoutChanged": ["payout"], "ConsignorTaxDeclared": ["tax"],
    ]

    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("position", position)
        writer.member("type", type)
        writer.member("category", stream.category)
        writer.member("stream_id", stream.typeID.description)
        writer.member("version", version)
        writer.key("data")
        if let secrets = Self.secrets[type] {
            var object = JSONValue(stored: data).objectValue ?? [:]
            for name in secrets { object[name] = nil }
            writer.value(.object(object))
        } else {
            writer.raw(data)
        }
        writer.member("actor", actor)
        writer.uuid("correlation_id", correlationID)
        writer.uuid("causation_id", causationID)
        writer.uuid("command_id", commandID)
        writer.time("recorded_at", recordedAt)
        writer.endObject()
    }

    public var bytes: [UInt8] {
        var writer = JSONWriter(reservingCapacity: 512)
        write(to: &writer)
        return writer.bytes
    }
}
