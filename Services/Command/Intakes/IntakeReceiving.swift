import Documents
import EventSourcing
import Events
import Foundation
import JSON

/// What may follow what, in an intake and for each thing in it: see `ItemTransitions`.
enum IntakeTransitions {
    static let intake = TransitionTable<IntakeStatus>([
        .open: [.submitted, .cancelled],
        .submitted: [.completed, .cancelled],
        .completed: [],
        .cancelled: [],
    ])

    static let item = TransitionTable<IntakeItemStatus>([
        .entered: [.accepted, .rejected, .atAuthenticator],
        .atAuthenticator: [.entered],
        .rejected: [.settled],
        .accepted: [],
        .settled: [],
    ])
}

/// Receiving: each thing of a submitted intake is accepted, rejected, or looked at by somebody who knows.
extension Intake {
    struct Verdict: Sendable, Equatable {
        enum Outcome: Sendable, Equatable {
            /// At this location, or the intake's.
            case accepted(UUID?)
            case rejected(String, IntakeItemRejected.Fate)
            case needsAuthentication(String)
        }

        var itemID: UUID
        var outcome: Outcome
    }

    /// What a decision to receive comes to: events of the intake, and for each thing that was accepted its item.
    struct Received: Equatable {
        var events: [Event] = []
        var items: [(id: UUID, receive: Item.Receive)] = []

        static func == (left: Received, right: Received) -> Bool {
            left.events == right.events && left.items.map(\.id) == right.items.map(\.id)
                && left.items.map(\.receive) == right.items.map(\.receive)
        }
    }

    /// The things that are to be accepted, and have no SKU yet.
    static func needingSKU(_ verdicts: [Verdict], _ state: State) -> [UUID] {
        guard let state else { return [] }
        return verdicts.compactMap { verdict in
            guard case .accepted = verdict.outcome, let place = state.place(of: verdict.itemID),
                state.lines[place].status == .entered, state.lines[place].sku == nil
            else { return nil }
            return verdict.itemID
        }
    }

    /// - Parameter skus: one for each of `needingSKU`; what gets none has none.
    static func receive(
        _ verdicts: [Verdict], skus: (UUID) -> String?, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> Received {
        let intake = try existing(state)
        guard intake.stage == .submitted || intake.stage == .completed else { throw .notSubmitted(intake.stage) }
        var received = Received()
        var current = intake
        var taken: Set<String> = []
        for (index, verdict) in verdicts.enumerated() {
            let pointer = "/items/\(index)"
            let line = try line(verdict.itemID, of: current, "\(pointer)/item_id")
            guard !line.isAlready(verdict.outcome) else { continue }
            guard IntakeTransitions.item.allows(line.status, verdict.outcome.status) else {
                throw .decided(pointer, line.status)
            }
            let event: IntakeEvent
            switch verdict.outcome {
            case .accepted(let location):
                guard line.authentication?.outcome != .counterfeit else { throw .counterfeit(pointer) }
                let sku = line.sku ?? skus(verdict.itemID)
                if let sku, !taken.insert(sku).inserted { throw .skuTwice(pointer, sku) }
                let place = location ?? current.locationID
                event = .itemAccepted(IntakeItemAccepted(itemID: verdict.itemID, sku: sku, locationID: place))
                received.items.append(
                    (verdict.itemID, Item.Receive(line, of: current, sku: sku, locationID: place)))
            case .rejected(let reason, let fate):
                event = .itemRejected(IntakeItemRejected(itemID: verdict.itemID, reason: reason, fate: fate))
            case .needsAuthentication(let authenticator):
                event = .itemSentToAuthenticator(
                    IntakeItemSentToAuthenticator(itemID: verdict.itemID, authenticator: authenticator))
            }
            current.apply(event)
            received.events += stamp.facts(event)
        }
        return received
    }

    /// It is back from the third party. What is known of it is evidence for the verdict, which is still to come.
    static func authenticated(
        _ intent: IntakeItemAuthenticated, _ terms: Listing.Terms, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let line = try line(intent.itemID, of: try existing(state))
        guard line.authentication != intent else { return [] }
        guard line.status == .atAuthenticator else { throw .notAtAuthenticator(line.status) }
        if let currency = intent.cost?.currency, currency != terms.currency {
            throw .currency("/cost/currency", currency, not: terms.currency)
        }
        return stamp.facts(.itemAuthenticated(intent))
    }

    /// The fate of what was rejected has been carried out.
    static func settle(_ item: UUID, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let line = try line(item, of: try existing(state))
        guard line.status != .settled else { return [] }
        guard IntakeTransitions.item.allows(line.status, .settled) else { throw .notRejected(line.status) }
        return stamp.facts(.itemSettled(IntakeItemSettled(itemID: item)))
    }
}

extension Intake.Verdict.Outcome {
    var status: IntakeItemStatus {
        switch self {
        case .accepted: .accepted
        case .rejected: .rejected
        case .needsAuthentication: .atAuthenticator
        }
    }
}

extension IntakeRecord.Line {
    fileprivate func isAlready(_ outcome: Intake.Verdict.Outcome) -> Bool {
        switch outcome {
        case .accepted(let location): status == .accepted && (location == nil || location == locationID)
        case .rejected(let reason, let fate):
            (status == .rejected || status == .settled) && self.reason == reason && self.fate == fate
        case .needsAuthentication(let authenticator):
            status == .atAuthenticator && self.authenticator == authenticator
        }
    }
}

extension Item.Receive {
    /// The item that a thing of an intake becomes.
    init(_ line: IntakeRecord.Line, of intake: IntakeRecord, sku: String?, locationID: UUID) {
        var values = JSONObject(line.values.members.filter { !$0.value.isNull }.map { ($0.key, $0.value) })
        values[ItemField.sku.rawValue] = sku.map(JSONValue.string)
        self.init(
            values: values,
            origin: Item.Origin(
                consignorID: intake.consignorID, locationID: locationID, intakeID: intake.id,
                acquisition: line.acquisition),
            suggestions: line.suggestions)
    }
}

extension Intake.Refused {
    var code: String {
        switch self {
        case .unknown: "intake_unknown"
        case .itemUnknown: "item_unknown"
        case .full: "intake_full"
        case .empty: "intake_empty"
        case .cancelled: "intake_cancelled"
        case .notOpen: "intake_not_open"
        case .notSubmitted: "intake_not_submitted"
        case .decided: "item_decided"
        case .counterfeit: "item_counterfeit"
        case .notAtAuthenticator: "item_not_at_authenticator"
        case .notRejected: "item_not_rejected"
        case .begun: "intake_begun"
        case .skuTwice: "sku_taken"
        case .currency: "wrong_currency"
        }
    }

    var detail: String {
        switch self {
        case .unknown: "there is no such intake"
        case .itemUnknown: "there is no such item in the intake"
        case .full: "an intake holds at most \(Intake.lineLimit) items and \(Intake.byteLimit >> 20) MiB of text"
        case .empty: "there is no item in the intake"
        case .cancelled: "the intake was cancelled"
        case .notOpen(let status): "the intake is \(status.rawValue); items are entered while it is open"
        case .notSubmitted(let status): "the intake is \(status.rawValue); items are received once it is submitted"
        case .decided(_, let status): "the item is \(status.rawValue) already"
        case .counterfeit: "the item is counterfeit"
        case .notAtAuthenticator(let status): "the item is \(status.rawValue), not at an authenticator"
        case .notRejected(let status): "the item is \(status.rawValue), not rejected"
        case .skuTwice(_, let sku): "another item of the intake has the SKU \(sku.quoted)"
        case .begun: "some items of the intake were decided about"
        case .currency(_, let currency, let expected): "prices are in \(expected), not in \(currency)"
        }
    }

    var pointer: String? {
        switch self {
        case .itemUnknown(let pointer), .decided(let pointer, _), .counterfeit(let pointer),
            .currency(let pointer, _, _), .skuTwice(let pointer, _):
            pointer.isEmpty ? nil : pointer
        default: nil
        }
    }
}
