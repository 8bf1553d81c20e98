import Documents
import EventSourcing
import Events
import Foundation
import JSON

/// A batch of things that come in at a location: entered, submitted, and then received one by one.
enum Intake: Aggregate {
    // STORED NAMES (in IntakeEvent and ClaimKind): only ever add.
    typealias Event = Fact<IntakeEvent>
    /// nil: nothing was opened.
    typealias State = IntakeRecord?

    static let category = IntakeEvent.category
    static let prefix = "intake"
    static let initial: State = nil

    static func evolve(_ state: inout State, _ fact: Event) {
        _ = IntakeRecord.fold(&state, fact.event, id: fact.id, version: (state?.version ?? 0) + 1, at: fact.at)
    }

    /// Things in one intake, and bytes of its state: what is decided at once is held at once.
    static let lineLimit = 200
    static let byteLimit = 2 << 20
    /// Things that one request enters or receives.
    static let batchLimit = 100

    // MARK: - Decisions

    struct Open: Sendable, Equatable {
        var locationID: UUID
        var consignorID: UUID?
        var note: String?
    }

    struct Change: Sendable, Equatable {
        var itemID: UUID
        /// As `Item.Update.changes`.
        var changes: JSONObject
        var acquisition: ItemAcquisition?
        var suggestions: JSONObject = [:]
    }

    enum Refused: Refusal {
        case unknown
        case itemUnknown(String)
        case full
        case empty
        case cancelled
        case notOpen(IntakeStatus)
        case notSubmitted(IntakeStatus)
        case decided(String, IntakeItemStatus)
        case counterfeit(String)
        case notAtAuthenticator(IntakeItemStatus)
        case notRejected(IntakeItemStatus)
        case begun
        case skuTwice(String, String)
        case currency(String, Currency, not: Currency)
    }

    static func open(_ intent: Open, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        guard state == nil else { return [] }
        return stamp.facts(
            .opened(
                IntakeOpened(locationID: intent.locationID, consignorID: intent.consignorID, note: intent.note)))
    }

    static func add(
        _ entries: [IntakeItemsAdded.Entry], _ terms: Listing.Terms, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let intake = try existing(state)
        guard intake.stage == .open else { throw .notOpen(intake.stage) }
        for (index, entry) in entries.enumerated() { try check(entry.acquisition, "/items/\(index)", terms) }
        let new = entries.filter { intake.place(of: $0.itemID) == nil }
        return new.isEmpty ? [] : try fitting(stamp.facts(.itemsAdded(IntakeItemsAdded(entries: new))), intake)
    }

    /// Until it is decided about, what was entered can be put right.
    static func change(
        _ intent: Change, _ terms: Listing.Terms, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let intake = try existing(state)
        let line = try line(intent.itemID, of: intake)
        guard intake.stage != .cancelled else { throw .cancelled }
        guard line.status == .entered else { throw .decided("", line.status) }
        try check(intent.acquisition, "", terms)
        let changes = JSONObject(
            intent.changes.members
                .filter { (line.values[$0.key] ?? ItemField(rawValue: $0.key)?.cleared) != $0.value }
                .map { ($0.key, $0.value) })
        let acquisition = intent.acquisition == line.acquisition ? nil : intent.acquisition
        guard !changes.isEmpty || acquisition != nil else { return [] }
        return try fitting(
            stamp.facts(
                .itemChanged(
                    IntakeItemChanged(
                        itemID: intent.itemID, changes: changes, acquisition: acquisition,
                        suggestions: intent.suggestions))), intake)
    }

    static func remove(_ item: UUID, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let intake = try existing(state)
        guard intake.stage == .open else { throw .notOpen(intake.stage) }
        _ = try line(item, of: intake)
        return stamp.facts(.itemRemoved(IntakeItemRemoved(itemID: item)))
    }

    static func submit(_ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let intake = try existing(state)
        switch intake.stage {
        case .submitted, .completed: return []
        case .cancelled: throw .cancelled
        case .open:
            guard !intake.lines.isEmpty else { throw .empty }
            return stamp.facts(.submitted)
        }
    }

    /// Only while nothing was decided: what was accepted is an item, and what was rejected is here.
    static func cancel(reason: String?, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let intake = try existing(state)
        guard intake.stage != .cancelled else { return [] }
        guard intake.lines.allSatisfy({ $0.status == .entered }), intake.stage != .completed else { throw .begun }
        return stamp.facts(.cancelled(IntakeCancelled(reason: reason)))
    }

    static func existing(_ state: State) throws(Refused) -> IntakeRecord {
        guard let state else { throw .unknown }
        return state
    }

    static func line(
        _ item: UUID, of intake: IntakeRecord, _ pointer: String = ""
    ) throws(Refused) -> IntakeRecord.Line {
        guard let place = intake.place(of: item) else { throw .itemUnknown(pointer) }
        return intake.lines[place]
    }

    private static func check(
        _ acquisition: ItemAcquisition?, _ pointer: String, _ terms: Listing.Terms
    ) throws(Refused) {
        guard let currency = acquisition?.price?.currency, currency != terms.currency else { return }
        throw .currency("\(pointer)/acquisition/price/currency", currency, not: terms.currency)
    }

    private static func fitting(_ events: [Event], _ intake: IntakeRecord) throws(Refused) -> [Event] {
        guard let after = fold(events, from: intake), after.lines.count <= lineLimit, after.bytes.count <= byteLimit
        else { throw .full }
        return events
    }

    // MARK: - Storage

    /// What lies here and was not decided about is in the tenant's custody, as the items will be.
    static func claims(before: State, after: State) -> [Claim] {
        guard before?.custodyClaim != after?.custodyClaim else { return [] }
        if let claim = after?.custodyClaim { return [.take(kind: ClaimKind.custody, value: claim)] }
        return before?.custodyClaim.map { [.release(kind: ClaimKind.custody, value: $0)] } ?? []
    }

    static func encode(_ state: State) -> [UInt8] { state?.bytes ?? [] }

    static func decode(_ json: [UInt8]) throws -> State { try IntakeRecord(stored: json) }
}

extension Intake: StoredAggregate {}

extension IntakeRecord {
    /// `<consignor uuid>/<intake uuid>` until everything in it was decided about and settled.
    var custodyClaim: String? {
        guard let consignorID, stage == .open || stage == .submitted else { return nil }
        return "\(consignorID.claimed)/\(id.claimed)"
    }
}
