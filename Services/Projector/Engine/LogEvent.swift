import EventSourcing
import Events
import Foundation
import JSON

/// An event of the log, decoded once for all projections that take it from the bus.
///
/// An object: what hands it on, window, batches and folds of every projection, copies one reference and not its dozens.
final class LogEvent: Sendable {
    enum Payload: Sendable, Equatable {
        case item(ItemEvent)
        case listing(ListingEvent)
        /// Of a stream that tells all of its record by itself.
        case record(StreamEvent)
        /// Of a category or a type that no projection of this program reads. It is passed over.
        case unread
        /// Of a type that is read, in a shape that this program cannot read. Whoever needs it must park it, or stop
        /// where not even the group is known: the item that the event is about.
        case unreadable(group: UUID?, reason: String)
    }

    let tenant: TenantID
    let stream: StreamID
    let version: Int64
    let position: Int64
    let type: String
    let correlationID: UUID
    /// The time of what happened: what records and documents show.
    let requestedAt: Timestamp
    /// When it was appended.
    let recordedAt: Timestamp
    let payload: Payload
    /// Of the payload as stored in JSON, in bytes; 0 where nobody reads it.
    let size: Int

    init(
        tenant: TenantID, stream: StreamID, version: Int64, position: Int64, type: String, correlationID: UUID,
        requestedAt: Timestamp, recordedAt: Timestamp, payload: Payload, size: Int = 0
    ) {
        self.tenant = tenant
        self.stream = stream
        self.version = version
        self.position = position
        self.type = type
        self.correlationID = correlationID
        self.requestedAt = requestedAt
        self.recordedAt = recordedAt
        self.payload = payload
        self.size = size
    }
}

/// An event of a category that `Records` knows.
struct StreamEvent: Sendable, Equatable {
    let event: any StorableEvent

    static func == (left: StreamEvent, right: StreamEvent) -> Bool {
        left.event.type == right.event.type && left.event.payload == right.event.payload
    }
}

/// How events of a category are decoded, and which group they are of.
struct EventReader: Sendable {
    let types: Set<String>
    let read: @Sendable (_ type: String, _ schema: Int, JSONValue) throws -> LogEvent.Payload
    /// The item that the payload names; nil: the stream is the group.
    var names: (@Sendable (JSONValue) -> UUID?)?

    init<Event: StorableEvent>(
        _ event: Event.Type, names: (@Sendable (JSONValue) -> UUID?)? = nil,
        _ payload: @escaping @Sendable (Event) -> LogEvent.Payload
    ) {
        types = Set(Event.schemas.keys)
        read = { try payload(Event(type: $0, schema: $1, data: $2)) }
        self.names = names
    }

    static let all: [String: EventReader] =
        [
            ItemEvent.category: EventReader(ItemEvent.self) { .item($0) },
            ListingEvent.category: EventReader(
                ListingEvent.self,
                names: { $0["item_id"]?.stringValue.flatMap { TypeID.uuid(of: $0, prefix: ItemEvent.category) } }
            ) { .listing($0) },
        ].merging(Records.readers) { own, _ in own }
}

extension LogEvent.Payload {
    /// - Parameter data: the stored JSON; looked at only where a projection reads the type.
    init(stream: StreamID, type: String, schema: Int, data: () -> [UInt8]) {
        guard let reader = EventReader.all[stream.category], reader.types.contains(type) else {
            self = .unread
            return
        }
        var group = reader.names == nil ? stream.id : nil
        do {
            let json = try JSONValue(parsing: data())
            if let names = reader.names { group = names(json) }
            self = try reader.read(type, schema, json)
        } catch let error as JSONParseError {
            self = .unreadable(group: group, reason: "\(type) v\(schema): \(error.message)")
        } catch {
            self = .unreadable(group: group, reason: "\(error)")
        }
    }

    /// What a readable or unreadable payload is about: an item, or the stream's own record.
    func group(of stream: StreamID) -> UUID? {
        switch self {
        case .item, .record: stream.id
        case .listing(let listing): listing.itemID
        case .unreadable(let group, _): group
        case .unread: nil
        }
    }
}
