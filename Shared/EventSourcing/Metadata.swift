public import Foundation
public import JSON

/// Who caused an event, and through what. It is stored beside every event and passed on to all that follows from it.
public struct Metadata: Sendable, Equatable {
    /// Token subject, key id, or name of a service.
    public var actor: String
    /// The person for whom the actor acts, where they differ.
    public var onBehalfOf: String?
    public var commandID: UUID
    /// One per request from outside, shared by everything it leads to.
    public var correlationID: UUID
    /// The command or correlation that led to this one; nil for the first.
    public var causationID: UUID?
    /// W3C trace context.
    public var traceparent: String?
    public var requestedAt: Timestamp

    public init(
        actor: String, onBehalfOf: String? = nil, commandID: UUID, correlationID: UUID, causationID: UUID? = nil,
        traceparent: String? = nil, requestedAt: Timestamp
    ) {
        self.actor = actor
        self.onBehalfOf = onBehalfOf
        self.commandID = commandID
        self.correlationID = correlationID
        self.causationID = causationID
        self.traceparent = traceparent
        self.requestedAt = requestedAt
    }

    /// The stored form; what is nil is left out.
    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("actor", actor)
        if let onBehalfOf { writer.member("on_behalf_of", onBehalfOf) }
        writer.key("command_id")
        writer.uuid(commandID)
        writer.key("correlation_id")
        writer.uuid(correlationID)
        if let causationID {
            writer.key("causation_id")
            writer.uuid(causationID)
        }
        if let traceparent { writer.member("traceparent", traceparent) }
        writer.key("requested_at")
        writer.timestamp(requestedAt)
        writer.endObject()
    }

    public var bytes: [UInt8] {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.bytes
    }

    /// nil when something that every event has is missing or of the wrong type; unknown members are ignored.
    public init?(json: JSONValue) {
        func uuid(_ name: String) -> UUID? { json[name]?.stringValue.flatMap(UUID.init(uuidString:)) }
        guard let actor = json["actor"]?.stringValue, let commandID = uuid("command_id"),
            let correlationID = uuid("correlation_id"),
            let requestedAt = json["requested_at"]?.stringValue.flatMap(Timestamp.init(rfc3339:))
        else { return nil }
        self.init(
            actor: actor, onBehalfOf: json["on_behalf_of"]?.stringValue, commandID: commandID,
            correlationID: correlationID, causationID: uuid("causation_id"),
            traceparent: json["traceparent"]?.stringValue, requestedAt: requestedAt)
    }
}
