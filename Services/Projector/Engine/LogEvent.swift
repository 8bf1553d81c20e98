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
        /// Of a type that is read, in a shape that this program cannot read. Whoever needs it must stop.
        case unreadable(reason: String)
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
    init(category: String, type: String, schema: Int, data: () -> [UInt8]) {
        do {
            switch category {
            case ItemEvent.category where ItemEvent.schemas[type] != nil:
                self = .item(try ItemEvent(type: type, schema: schema, data: try JSONValue(parsing: data())))
            case ListingEvent.category where ListingEvent.schemas[type] != nil:
                self = .listing(try ListingEvent(type: type, schema: schema, data: try JSONValue(parsing: data())))
            default: self = .unread
            }
        } catch let error as JSONParseError {
            self = .unreadable(reason: "\(type) v\(schema): \(error.message)")
        } catch {
            self = .unreadable(reason: "\(error)")
        }
    }
}
