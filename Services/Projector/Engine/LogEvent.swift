import EventSourcing
import Events
import Foundation
import JSON

/// An event of the log, decoded once for all projections that take it from the bus.
struct LogEvent: Sendable {
    enum Payload: Sendable, Equatable {
        case item(ItemEvent)
        case listing(ListingEvent)
        /// Of a category or a type that no projection of this program reads. It is passed over.
        case unread
        /// Of a type that is read, in a shape that this program cannot read. Whoever needs it must park it, or stop
        /// where not even the group is known: the item that the event is about.
        case unreadable(group: UUID?, reason: String)
    }

    var tenant: TenantID
    var stream: StreamID
    var version: Int64
    var position: Int64
    var type: String
    var correlationID: UUID
    /// The time of what happened: what records and documents show.
    var requestedAt: Timestamp
    /// When it was appended.
    var recordedAt: Timestamp
    var payload: Payload
    /// Of the payload as stored in JSON, in bytes; 0 where nobody reads it.
    var size: Int

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

extension LogEvent.Payload {
    /// - Parameter data: the stored JSON; looked at only where a projection reads the type.
    init(stream: StreamID, type: String, schema: Int, data: () -> [UInt8]) {
        let isItem = stream.category == ItemEvent.category && ItemEvent.schemas[type] != nil
        let isListing = stream.category == ListingEvent.category && ListingEvent.schemas[type] != nil
        guard isItem || isListing else {
            self = .unread
            return
        }
        var group = isItem ? stream.id : nil
        do {
            let json = try JSONValue(parsing: data())
            if isItem {
                self = .item(try ItemEvent(type: type, schema: schema, data: json))
            } else {
                group = json["item_id"]?.stringValue.flatMap { TypeID.uuid(of: $0, prefix: ItemEvent.category) }
                self = .listing(try ListingEvent(type: type, schema: schema, data: json))
            }
        } catch let error as JSONParseError {
            self = .unreadable(group: group, reason: "\(type) v\(schema): \(error.message)")
        } catch {
            self = .unreadable(group: group, reason: "\(error)")
        }
    }

    /// The item that a readable or unreadable payload is about.
    func item(of stream: StreamID) -> UUID? {
        switch self {
        case .item: stream.id
        case .listing(let listing): listing.itemID
        case .unreadable(let group, _): group
        case .unread: nil
        }
    }
}
