public import EventSourcing
public import Events
public import Foundation
public import JSON

/// Where an intake stands. Only ever add.
public enum IntakeStatus: String, CaseIterable, Sendable {
    /// Items are entered.
    case open
    /// Items are received, each by itself.
    case submitted
    /// Each was accepted, or rejected and settled.
    case completed
    case cancelled
}

/// Where a thing of an intake stands. Only ever add.
public enum IntakeItemStatus: String, CaseIterable, Sendable {
    /// Described, and to be decided about.
    case entered
    case atAuthenticator = "at_authenticator"
    /// It is an item.
    case accepted
    /// It is still here, until its fate is settled.
    case rejected
    case settled

    /// Nothing is left to be done about it.
    public var isDone: Bool { self == .accepted || self == .settled }
}

/// What is known of an intake: the operational state and the projection's memory.
public struct IntakeRecord: ProjectedRecord, Equatable {
    public struct Line: Equatable, Sendable {
        public var itemID: UUID
        public var status = IntakeItemStatus.entered
        /// By `ItemField` name, canonical; null where one was cleared.
        public var values: JSONObject
        public var acquisition: ItemAcquisition?
        /// Canonical.
        public var suggestions: JSONObject
        /// Where it was put; nil until it was accepted.
        public var locationID: UUID?
        /// Why it was rejected, and what becomes of it.
        public var reason: String?
        public var fate: IntakeItemRejected.Fate?
        /// Who has it, or had it, to authenticate it.
        public var authenticator: String?
        public var authentication: IntakeItemAuthenticated?

        public var title: String { values[ItemField.title.rawValue]?.stringValue ?? "" }
        public var sku: String? { values[ItemField.sku.rawValue]?.stringValue }
    }

    public typealias Event = IntakeEvent
    public static let plural = "intakes"
    public static let statuses = IntakeStatus.allCases.map(\.rawValue)
    public static let filters = [
        RecordFilter<IntakeRecord>("location_id") { TypeID(prefix: "location", uuid: $0.locationID).description },
        RecordFilter<IntakeRecord>("consignor_id") {
            $0.consignorID.map { TypeID(prefix: "consignor", uuid: $0).description }
        },
    ]
    public static let csv = [
        "id", "version", "status", "location_id", "consignor_id", "note", "items", "created_at", "updated_at",
    ]

    public var id: UUID
    public var version: Int64
    public var stage: IntakeStatus
    public var locationID: UUID
    /// nil: what comes in is the store's own.
    public var consignorID: UUID?
    public var note: String?
    /// In the order in which they were entered.
    public var lines: [Line] = []
    public var createdAt: Timestamp
    public var updatedAt: Timestamp

    public var status: String { stage.rawValue }
    public var texts: [String?] { [note] + lines.flatMap { [$0.title, $0.sku] } }

    /// Where in `lines`; nil for what is not of this intake.
    public func place(of item: UUID) -> Int? { lines.firstIndex { $0.itemID == item } }

    public init?(begins event: IntakeEvent, id: UUID, at time: Timestamp) {
        guard case .opened(let opened) = event else { return nil }
        self.id = id
        version = 1
        stage = .open
        locationID = opened.locationID
        consignorID = opened.consignorID
        note = opened.note
        (createdAt, updatedAt) = (time, time)
    }

    public mutating func apply(_ event: IntakeEvent) {
        switch event {
        case .opened: break
        case .itemsAdded(let event):
            lines += event.entries.map {
                Line(
                    itemID: $0.itemID, values: $0.values.canonical, acquisition: $0.acquisition,
                    suggestions: $0.suggestions.canonical)
            }
        case .itemChanged(let event): change(event.itemID) { $0.apply(event) }
        case .itemRemoved(let event): lines.removeAll { $0.itemID == event.itemID }
        case .submitted: stage = .submitted
        case .itemAccepted(let event):
            change(event.itemID) {
                $0.status = .accepted
                if let sku = event.sku { $0.values[ItemField.sku.rawValue] = .string(sku) }
                $0.values = $0.values.canonical
                $0.locationID = event.locationID
            }
        case .itemRejected(let event):
            change(event.itemID) {
                $0.status = .rejected
                $0.reason = event.reason
                $0.fate = event.fate
            }
        case .itemSettled(let event): change(event.itemID) { $0.status = .settled }
        case .itemSentToAuthenticator(let event):
            change(event.itemID) {
                $0.status = .atAuthenticator
                $0.authenticator = event.authenticator
                $0.authentication = nil
            }
        case .itemAuthenticated(let event):
            change(event.itemID) {
                $0.status = .entered
                $0.authentication = event
            }
        case .cancelled: stage = .cancelled
        }
        if stage == .submitted, lines.allSatisfy(\.status.isDone) { stage = .completed }
    }

    private mutating func change(_ item: UUID, _ body: (inout Line) -> Void) {
        if let place = place(of: item) { body(&lines[place]) }
    }
}

extension IntakeRecord.Line {
    fileprivate mutating func apply(_ event: IntakeItemChanged) {
        for (name, value) in event.changes { values[name] = value }
        values = values.canonical
        if let acquisition = event.acquisition { self.acquisition = acquisition }
        for (name, evidence) in event.suggestions { suggestions[name] = evidence }
        suggestions = suggestions.canonical
    }
}
