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
        switch fact.event {
        case .received(let event):
            state = ItemRecord(id: fact.id, values: event.values, at: fact.at)
            state?.setImported(event.imported?.json)
            return
        case .updated(let event):
            state?.apply(event.changes)
            if let imported = event.imported { state?.setImported(imported.json) }
        case .deleted:
            state?.isDeleted = true
        }
        if let version = state?.version { state?.advance(to: version + 1, at: fact.at) }
    }

    // MARK: - Decisions

    struct Receive: Sendable, Equatable {
        /// By `ItemField` name, as `ItemField.read` gives them; title and condition are there.
        var values: JSONObject
        var imported: ImportedItem?
    }

    struct Update: Sendable, Equatable {
        /// By `ItemField` name, as `ItemField.read` gives them; cleared ones as `ItemField.cleared`.
        var changes: JSONObject
        /// The import's new base, if it is an import that changes.
        var imported: ImportedItem?
    }

    struct Delete: Sendable, Equatable {
        var reason: String
    }

    enum Refused: Refusal {
        case unknown
        case deleted
    }

    static func receive(_ intent: Receive, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        guard state == nil else { return [] }
        return stamp.facts(.received(ItemReceived(values: intent.values, imported: intent.imported)))
    }

    static func update(_ intent: Update, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let item = try existing(state)
        let changes = JSONObject(
            intent.changes.members.filter { item.value(of: $0.key) != $0.value }.map { ($0.key, $0.value) })
        let imported = intent.imported.flatMap { $0.json.canonical == item.imported ? nil : $0 }
        guard !changes.isEmpty || imported != nil else { return [] }
        return stamp.facts(.updated(ProductUpdated(changes: changes, imported: imported)))
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
        let held = before.flatMap { $0.isDeleted ? nil : $0.sku }
        let wanted = after.flatMap { $0.isDeleted ? nil : $0.sku }
        if held != wanted {
            if let held { claims.append(.release(kind: ClaimKind.sku, value: held)) }
            if let wanted { claims.append(.take(kind: ClaimKind.sku, value: wanted)) }
        }
        if before == nil, let key = after?.importKey { claims.append(.take(kind: ClaimKind.importItem, value: key)) }
        if let after, after.isDeleted, before?.isDeleted != true {
            claims.append(.absent(kind: ClaimKind.openListing, prefix: after.id.claimed + "/"))
        }
        return claims
    }

    static func encode(_ state: State) -> [UInt8] { state?.bytes ?? [] }

    static func decode(_ json: [UInt8]) throws -> State { try ItemRecord(stored: json) }
}

extension Item.Refused {
    var code: String {
        switch self {
        case .unknown: "item_unknown"
        case .deleted: "item_deleted"
        }
    }

    var detail: String {
        switch self {
        case .unknown: "there is no such item"
        case .deleted: "the item was deleted"
        }
    }
}

extension ItemRecord {
    /// The key of the row it was imported from.
    var importKey: String? { imported?["key"]?.stringValue }
}

extension ItemReceived {
    /// From values as `ItemField.read` gives them.
    init(values: JSONObject, imported: ImportedItem? = nil) {
        func text(_ field: ItemField) -> String? { values[field.rawValue]?.stringValue }
        self.init(
            title: text(.title) ?? "", condition: text(.condition) ?? ItemCondition.ungraded.rawValue,
            description: text(.description), brand: text(.brand), category: text(.category), size: text(.size),
            color: text(.color), material: text(.material), sku: text(.sku),
            photos: values[ItemField.photos.rawValue]?.arrayValue?.compactMap(\.stringValue) ?? [],
            attributes: values[ItemField.attributes.rawValue]?.objectValue ?? [:], imported: imported)
    }
}

extension UUID {
    /// As claims write it: in lower case, as PostgreSQL does.
    var claimed: String { uuidString.lowercased() }
}
