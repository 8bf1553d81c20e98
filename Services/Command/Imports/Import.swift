import Documents
import EventSourcing
import Events
import Foundation

/// A file of products on its way in. Its lines are reported beside it; they are intents of their own.
enum Import: Aggregate {
    // STORED NAMES (in ImportEvent): only ever add.
    typealias Event = Fact<ImportEvent>
    /// nil: nothing was requested.
    typealias State = ImportRecord?

    static let category = ImportEvent.category
    static let prefix = "import"
    static let initial: State = nil

    static func evolve(_ state: inout State, _ fact: Event) {
        switch fact.event {
        case .requested(let event):
            state = ImportRecord(
                id: fact.id, format: event.format, currency: event.currency, publish: event.publish,
                bytes: event.bytes, sha256: event.sha256, consignorID: event.consignorID, at: fact.at)
            return
        case .started:
            state?.status = .running
        case .completed(let event):
            state?.status = .done
            state?.counts = ImportRecord.Counts(event.counts)
        case .failed(let event):
            state?.status = .failed
            state?.reason = event.reason
        }
        if let version = state?.version { state?.advance(to: version + 1, at: fact.at) }
    }

    // MARK: - Decisions

    struct Request: Sendable, Equatable {
        var format: String
        var currency: Currency
        var publish: Bool
        var bytes: Int64
        var sha256: String
        var consignorID: UUID?
    }

    enum Refused: Refusal {
        case unknown
        case currency(Currency, not: Currency)
        case over
    }

    static func request(
        _ intent: Request, in currency: Currency, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        guard state == nil else { return [] }
        guard intent.currency == currency else { throw .currency(intent.currency, not: currency) }
        return stamp.facts(
            .requested(
                ImportRequested(
                    format: intent.format, currency: intent.currency, publish: intent.publish, bytes: intent.bytes,
                    sha256: intent.sha256, consignorID: intent.consignorID)))
    }

    /// Also after a killed service: what runs already goes on running.
    static func start(_ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        switch try existing(state).status {
        case .queued: return stamp.facts(.started)
        case .running: return []
        case .done, .failed: throw .over
        }
    }

    static func complete(
        _ counts: ImportRecord.Counts, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        switch try existing(state).status {
        case .queued, .running: return stamp.facts(.completed(ImportCompleted(counts: .init(counts))))
        case .done: return []
        case .failed: throw .over
        }
    }

    static func fail(_ reason: String, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        switch try existing(state).status {
        case .queued, .running: return stamp.facts(.failed(ImportFailed(reason: reason)))
        case .failed: return []
        case .done: throw .over
        }
    }

    private static func existing(_ state: State) throws(Refused) -> ImportRecord {
        guard let state else { throw .unknown }
        return state
    }

    // MARK: - Storage

    static func encode(_ state: State) -> [UInt8] { state?.stored ?? [] }

    static func decode(_ json: [UInt8]) throws -> State { try ImportRecord(stored: json) }
}

extension Import.Refused {
    var code: String {
        switch self {
        case .unknown: "import_unknown"
        case .currency: "wrong_currency"
        case .over: "import_over"
        }
    }

    var detail: String {
        switch self {
        case .unknown: "there is no such import"
        case .currency(let currency, let expected): "prices are in \(expected), not in \(currency)"
        case .over: "the import is over"
        }
    }

    var pointer: String? {
        switch self {
        case .currency: "/currency"
        case .unknown, .over: nil
        }
    }
}

extension ImportRecord.Counts {
    init(_ counts: ImportCompleted.Counts) {
        self.init()
        (created, changed, unchanged) = (counts.created, counts.changed, counts.unchanged)
        (rejected, noted) = (counts.rejected, counts.noted)
    }
}

extension ImportCompleted.Counts {
    init(_ counts: ImportRecord.Counts) {
        self.init(
            created: counts.created, changed: counts.changed, unchanged: counts.unchanged, rejected: counts.rejected,
            noted: counts.noted)
    }
}
