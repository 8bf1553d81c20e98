import Documents
import EventSourcing
import Events
import Foundation
import JSON

/// Something of which there is exactly one.
enum Item: Aggregate {
    // STORED NAMES (in ItemEvent and ClaimKind): only ever add.
    typealias Event = Fact<ItemEvent>
    /// nil: nothing was received.
    typealias State = ItemRecord?

    static let category = ItemEvent.category
    static let prefix = "item"
    static let initial: State = nil

    static func evolve(_ state: inout State, _ fact: Event) {
        if case .received(let event) = fact.event {
            state = ItemRecord(event, id: fact.id, at: fact.at)
            return
        }
        guard let version = state?.version else { return }
        state?.apply(fact.event)
        state?.advance(to: version + 1, at: fact.at)
    }

    // MARK: - Decisions

    struct Receive: Sendable, Equatable {
        /// By `ItemField` name, as `ItemField.read` gives them; title and condition are there.
        var values: JSONObject
        var imported: ImportedItem?
        var origin = Origin()
        /// See `Suggestions`.
        var suggestions: JSONObject = [:]
    }

    /// Whose an item is that comes in, on what ground, and where it is put.
    struct Origin: Sendable, Equatable {
        var consignorID: UUID?
        var locationID: UUID?
        var intakeID: UUID?
        var isExpected = false
        var acquisition: ItemAcquisition?
    }

    struct Update: Sendable, Equatable {
        /// By `ItemField` name, as `ItemField.read` gives them; cleared ones as `ItemField.cleared`.
        var changes: JSONObject
        /// The import's new base, if it is an import that changes.
        var imported: ImportedItem?
        /// See `Suggestions`.
        var suggestions: JSONObject = [:]
    }

    struct Delete: Sendable, Equatable {
        var reason: String
    }

    enum Refused: Refusal {
        case unknown
        case deleted
        case custody(ItemCustody, not: ItemCustody)
        case title(ItemTitle)
        case held
        case heldForOffer
        case sold
        case notSold
        case notConsigned
        case priceNegative
        case currency(Currency, not: Currency)
    }

    static func receive(_ intent: Receive, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        guard state == nil else { return [] }
        return stamp.facts(.received(ItemReceived(intent)))
    }

    static func update(_ intent: Update, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let item = try existing(state)
        let changes = JSONObject(
            intent.changes.members.filter { item.value(of: $0.key) != $0.value }.map { ($0.key, $0.value) })
        let imported = intent.imported.flatMap { $0.json.canonical == item.imported ? nil : $0 }
        guard !changes.isEmpty || imported != nil else { return [] }
        let suggestions = intent.suggestions.members.filter { changes[$0.key] != nil }.map { ($0.key, $0.value) }
        return stamp.facts(
            .updated(ProductUpdated(changes: changes, imported: imported, suggestions: JSONObject(suggestions))))
    }

    /// Only without an open listing: a claim that goes with it guards that.
    static func delete(_ intent: Delete, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        guard let item = state else { throw .unknown }
        return item.isDeleted ? [] : stamp.facts(.deleted(ProductDeleted(reason: intent.reason)))
    }

    static func existing(_ state: State) throws(Refused) -> ItemRecord {
        guard let item = state else { throw .unknown }
        guard !item.isDeleted else { throw .deleted }
        return item
    }

    // MARK: - Storage

    static func claims(before: State, after: State) -> [Claim] {
        var claims: [Claim] = []
        claims += exchange(
            ClaimKind.sku, before.flatMap { $0.isDeleted ? nil : $0.sku },
            for: after.flatMap { $0.isDeleted ? nil : $0.sku })
        if before == nil, let key = after?.importKey { claims.append(.take(kind: ClaimKind.importItem, value: key)) }
        claims += exchange(ClaimKind.custody, before?.custodyClaim, for: after?.custodyClaim)
        claims += exchange(ClaimKind.atLocation, before?.locationClaim, for: after?.locationClaim)
        claims += exchange(ClaimKind.comparable, before?.comparableClaim, for: after?.comparableClaim)
        if let after, after.isDeleted, before?.isDeleted != true {
            claims.append(.absent(kind: ClaimKind.openListing, prefix: after.id.claimed + "/"))
        }
        return claims
    }

    private static func exchange(_ kind: String, _ held: String?, for wanted: String?) -> [Claim] {
        guard held != wanted else { return [] }
        let release = held.map { Claim.release(kind: kind, value: $0) }
        return [release, wanted.map { .take(kind: kind, value: $0) }].compactMap(\.self)
    }

    static func encode(_ state: State) -> [UInt8] { state?.bytes ?? [] }

    static func decode(_ json: [UInt8]) throws -> State { try ItemRecord(stored: json) }
}

extension ItemRecord {
    /// The key of the row it was imported from.
    var importKey: String? { imported?["key"]?.stringValue }
}

extension ItemReceived {
    init(_ intent: Item.Receive) {
        let values = intent.values
        func text(_ field: ItemField) -> String? { values[field.rawValue]?.stringValue }
        self.init(
            title: text(.title) ?? "", condition: text(.condition) ?? ItemCondition.ungraded.rawValue,
            description: text(.description), brand: text(.brand), category: text(.category), size: text(.size),
            color: text(.color), material: text(.material), sku: text(.sku),
            photos: values[ItemField.photos.rawValue]?.arrayValue?.compactMap(\.stringValue) ?? [],
            attributes: values[ItemField.attributes.rawValue]?.objectValue ?? [:], imported: intent.imported,
            consignorID: intent.origin.consignorID, locationID: intent.origin.locationID,
            intakeID: intent.origin.intakeID, custody: intent.origin.isExpected ? .expected : .inHouse,
            acquisition: intent.origin.acquisition, suggestions: intent.suggestions)
    }
}

extension UUID {
    /// As claims write it: in lower case, as PostgreSQL does.
    var claimed: String { uuidString.lowercased() }
}
