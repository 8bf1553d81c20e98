import EventSourcing

/// An aggregate that the executor can load, decide on and append.
protocol StoredAggregate: Aggregate where Event: DecidedEvent {
    /// Reads the operational state.
    static func decode(_ json: [UInt8]) throws -> State
    /// The operational state: what documents are made from.
    static func encode(_ state: State) -> [UInt8]
    /// The values that the aggregate holds for itself, taken and given back as its state changes.
    static func claims(before: State, after: State) -> [Claim]
    /// What an event leads to beside itself.
    ///
    /// - Parameter state: after it.
    static func reactions(to event: Event, _ state: State) -> [Reaction]
}

extension StoredAggregate {
    static func claims(before: State, after: State) -> [Claim] { [] }
    static func reactions(to event: Event, _ state: State) -> [Reaction] { [] }
}

/// A stream as an intent found it.
struct Snapshot<A: StoredAggregate>: Sendable {
    var stream: StreamID
    /// 0: the stream does not exist.
    var version: Int64
    var position: Int64
    var state: A.State

    var exists: Bool { version > 0 }
}

extension Item: StoredAggregate {}
extension Listing: StoredAggregate {}
extension Import: StoredAggregate {}
extension TenantAccount: StoredAggregate {}
extension Consignor: StoredAggregate {}
extension Location: StoredAggregate {}
