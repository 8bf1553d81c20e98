public import EventSourcing
public import Events
public import Foundation

/// What is known of a thing that its own stream tells all of: the operational state, the memory of a projection's row, and
/// what its document is made of.
///
/// Command and projector fold by this same code, and a verification by a third run of it: a row is right where it is what
/// the log says.
public protocol ProjectedRecord: StoredRecord, Equatable {
    associatedtype Event: StorableEvent

    /// `locations`: the resource in paths, the projection and its tables. The category is the event's.
    static var plural: String { get }
    /// Goes up with every change after which the same events give another record or document.
    static var foldVersion: Int { get }
    /// Those that a list filters by.
    static var statuses: [String] { get }
    /// Columns of the projection's table besides those that all have, by which lists filter: each has the record's text.
    static var filters: [RecordFilter<Self>] { get }
    /// The document's members, by their dotted paths, as a CSV file has them.
    static var csv: [String] { get }

    /// From a stream's first event, at version 1; nil where it is none.
    init?(begins event: Event, id: UUID, at time: Timestamp)
    /// Any later event; the caller advances the version.
    mutating func apply(_ event: Event)

    var id: UUID { get }
    /// Of the stream.
    var version: Int64 { get set }
    var status: String { get }
    var createdAt: Timestamp { get }
    var updatedAt: Timestamp { get set }
    /// Texts whose words `q` finds.
    var texts: [String?] { get }

    /// The public JSON, for members of the tenant. The same record gives the same bytes, always.
    var document: [UInt8] { get }
    /// The same for a key of the tenant's, which asks for one that it knows; nil where keys see none.
    var keyDocument: [UInt8]? { get }
}

extension ProjectedRecord {
    public static var foldVersion: Int { 1 }
    public static var filters: [RecordFilter<Self>] { [] }
    public var keyDocument: [UInt8]? { nil }
    /// The stream's category, and the prefix of its identifiers.
    public static var category: String { Event.category }

    /// The record has seen another event of its stream. Times never run backwards, whichever clock an event's came from.
    public mutating func advance(to version: Int64, at time: Timestamp) {
        self.version = version
        updatedAt = max(updatedAt, time)
    }

    /// Takes in the next event of a stream; false where it does not go with what is there.
    public static func fold(_ record: inout Self?, _ event: Event, id: UUID, version: Int64, at time: Timestamp) -> Bool
    {
        if record == nil {
            record = Self(begins: event, id: id, at: time)
            return record != nil
        }
        record?.apply(event)
        record?.advance(to: version, at: time)
        return true
    }
}

/// A column of text, and what a record has in it. A record that the read switches name has the same text in its state, under
/// the same name.
public struct RecordFilter<Record: Sendable>: Sendable {
    public let name: String
    public let value: @Sendable (Record) -> String?

    public init(_ name: String, _ value: @escaping @Sendable (Record) -> String?) {
        self.name = name
        self.value = value
    }
}
