import Documents
import EventSourcing
import Events
import Foundation
import JSON

/// A place of the tenant's where items are.
enum Location: Aggregate {
    typealias Event = Fact<LocationEvent>
    /// nil: it was never opened.
    typealias State = LocationRecord?

    static let category = LocationEvent.category
    static let prefix = "location"
    static let initial: State = nil

    static func evolve(_ state: inout State, _ fact: Event) {
        _ = LocationRecord.fold(
            &state, fact.event, id: fact.id, version: (state?.version ?? 0) + 1, at: fact.at)
    }

    // MARK: - Decisions

    struct Open: Sendable, Equatable {
        /// By `LocationField` name; what is required is there.
        var values: JSONObject
    }

    struct Change: Sendable, Equatable {
        /// By `LocationField` name; null clears.
        var changes: JSONObject
    }

    struct Close: Sendable, Equatable {
        var reason: String
    }

    enum Refused: Refusal {
        case unknown
        case closed
    }

    static func open(_ intent: Open, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        state == nil ? stamp.facts(.opened(LocationOpened(values: intent.values))) : []
    }

    static func change(_ intent: Change, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let location = try open(state)
        let changes = JSONObject(
            intent.changes.members.compactMap { name, value in
                LocationField(rawValue: name).map(location.value(of:)) == value ? nil : (name, value)
            })
        return changes.isEmpty ? [] : stamp.facts(.changed(LocationChanged(changes: changes)))
    }

    /// What is there stays there: its items are moved by whoever moves them.
    static func close(_ intent: Close, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        guard let location = state else { throw .unknown }
        return location.isOpen ? stamp.facts(.closed(LocationClosed(reason: intent.reason))) : []
    }

    /// A location that takes items.
    static func open(_ state: State) throws(Refused) -> LocationRecord {
        guard let location = state else { throw .unknown }
        guard location.isOpen else { throw .closed }
        return location
    }

    // MARK: - Storage

    static func claims(before: State, after: State) -> [Claim] {
        let held = before.flatMap { $0.isOpen ? $0.code : nil }
        let wanted = after.flatMap { $0.isOpen ? $0.code : nil }
        guard held != wanted else { return [] }
        return [
            held.map { .release(kind: ClaimKind.locationCode, value: $0) },
            wanted.map { .take(kind: ClaimKind.locationCode, value: $0) },
        ].compactMap(\.self)
    }

    static func encode(_ state: State) -> [UInt8] { state?.bytes ?? [] }

    static func decode(_ json: [UInt8]) throws -> State { try LocationRecord(stored: json) }
}

extension Location.Refused {
    var code: String {
        switch self {
        case .unknown: "location_unknown"
        case .closed: "location_closed"
        }
    }

    var detail: String {
        switch self {
        case .unknown: "there is no such location"
        case .closed: "the location is closed"
        }
    }
}
