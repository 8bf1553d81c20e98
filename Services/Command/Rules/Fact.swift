import EventSourcing
import Events
import Foundation

/// What appending needs of an event that was decided.
protocol DecidedEvent: Sendable, Equatable {
    /// The stored name.
    var type: String { get }
    /// The version of the payload's shape.
    var schema: Int { get }
    /// The payload as compact JSON.
    var bytes: [UInt8] { get }
}

/// An event of one stream and when it happened: what a fold needs of it.
struct Fact<Payload: StorableEvent>: DecidedEvent {
    /// Of the stream.
    var id: UUID
    var at: Timestamp
    var event: Payload

    var type: String { event.type }
    var schema: Int { event.schema }
    var bytes: [UInt8] { event.bytes }
}

/// What a decision gets from outside: the stream it is made on, and now.
struct Stamp: Sendable, Equatable {
    var id: UUID
    var at: Timestamp

    func facts<Payload: StorableEvent>(_ events: Payload...) -> [Fact<Payload>] {
        events.map { Fact(id: id, at: at, event: $0) }
    }
}
