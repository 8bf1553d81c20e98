public import EventSourcing
public import Events
public import Foundation
public import JSON

/// Where a contract stands. Only ever add.
public enum ContractStatus: String, CaseIterable, Sendable {
    case draft, signed, active
    /// Its term is over; its grace is not.
    case expired
    case ended, terminated

    /// It holds its items: no other contract can have them.
    public var isOpen: Bool { self != .ended && self != .terminated }
}

/// What is known of a contract: the operational state and the projection's memory.
public struct ContractRecord: ProjectedRecord {
    public typealias Event = ContractEvent

    public static let plural = "contracts"
    public static let foldVersion = 2
    public static let statuses = ContractStatus.allCases.map(\.rawValue)
    public static let filters = [
        RecordFilter<ContractRecord>("consignor_id") { TypeID(prefix: "consignor", uuid: $0.consignorID).description }
    ]
    public static let csv = [
        "id", "version", "status", "number", "consignor_id", "note", "terms", "signature", "activated_at", "ends_at",
        "grace_ends_at", "reason", "items", "created_at", "updated_at",
    ]

    /// Terms, and from when on they are in force.
    public struct Version: Equatable, Sendable {
        public var terms: ContractTerms
        public var from: Timestamp
        /// Of the event that set them.
        public var version: Int64
    }

    public struct Item: Equatable, Sendable {
        public var item: ContractItem
        /// Of the event that added or last changed it.
        public var version: Int64
    }

    public struct Signature: Equatable, Sendable {
        public var signed: ContractSigned
        /// Of the event.
        public var version: Int64
    }

    public var id: UUID
    public var version: Int64
    public var stage = ContractStatus.draft
    public var consignorID: UUID
    public var number: String?
    public var note: String?
    /// In the order in which they were set.
    public private(set) var versions: [Version] = []
    /// In the order in which they were added.
    public private(set) var items: [Item] = []
    public private(set) var signature: Signature?
    public private(set) var activatedAt: Timestamp?
    /// The first moment after the term; nil before it is active.
    public private(set) var endsAt: Timestamp?
    public private(set) var graceEndsAt: Timestamp?
    public private(set) var reason: String?
    public var createdAt: Timestamp
    public var updatedAt: Timestamp

    public var status: String { stage.rawValue }
    /// With the ids of its items: which contract is an item on?
    public var texts: [String?] { [number, note] + itemIDs.map { TypeID(prefix: "item", uuid: $0).description } }

    /// The terms in force at a moment: of those that begin by then the last that were set, or else the first.
    public func terms(at time: Timestamp) -> Version? { versions.last { $0.from <= time } ?? versions.first }

    /// Whether it was signed after all that is on it was put there, and after its terms were set.
    public var isSignedAsItIs: Bool {
        signature.map { signature in items.allSatisfy { $0.version < signature.version } } ?? false
    }

    public subscript(item: UUID) -> Item? { items.first { $0.item.itemID == item } }

    public init?(begins event: ContractEvent, id: UUID, at time: Timestamp) {
        guard case .drafted(let drafted) = event else { return nil }
        self.id = id
        version = 1
        consignorID = drafted.consignorID
        number = drafted.number
        note = drafted.note
        (createdAt, updatedAt) = (time, time)
    }

    public mutating func apply(_ event: ContractEvent) {
        // The caller advances after it.
        let version = version + 1
        switch event {
        case .drafted, .readinessEvaluated: break
        case .termsSet(let event):
            versions = [Version(terms: event.terms, from: createdAt, version: version)]
            unsign()
        case .itemsAdded(let event): items += event.items.map { Item(item: $0, version: version) }
        case .itemChanged(let event):
            guard let place = items.firstIndex(where: { $0.item.itemID == event.itemID }) else { break }
            items[place] = Item(item: event, version: version)
        case .itemRemoved(let event): items.removeAll { $0.item.itemID == event.itemID }
        case .signed(let event):
            // An amendment may be signed while it is active.
            if stage == .draft { stage = .signed }
            signature = Signature(signed: event, version: version)
        case .activated(let event):
            stage = .active
            activatedAt = event.at
            (endsAt, graceEndsAt) = (event.endsAt, event.graceEndsAt)
        case .amended(let event):
            versions.append(Version(terms: event.terms, from: event.effectiveFrom, version: version))
        case .extended(let event):
            stage = .active
            (endsAt, graceEndsAt) = (event.endsAt, event.graceEndsAt)
        case .expired(let event):
            stage = .expired
            graceEndsAt = event.graceEndsAt
        case .ended: stage = .ended
        case .terminated(let event):
            stage = .terminated
            reason = event.reason
        }
    }

    private mutating func unsign() {
        if stage == .signed { stage = .draft }
        signature = nil
    }

    public mutating func advance(to version: Int64, at time: Timestamp) {
        self.version = version
        updatedAt = max(updatedAt, time)
    }
}

extension ContractRecord {
    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.uuid("id", id)
        writer.member("version", version)
        writer.member("status", status)
        // As the list filters by it, also where it is read from here.
        writer.typeID("consignor_id", "consignor", consignorID)
        if let number { writer.member("number", number) }
        if let note { writer.member("note", note) }
        writer.key("versions")
        writer.array {
            for version in versions {
                $0.beginObject()
                $0.member("terms", value: version.terms.json)
                $0.time("from", version.from)
                $0.member("version", version.version)
                $0.endObject()
            }
        }
        writer.key("items")
        writer.array {
            for item in items {
                $0.beginObject()
                $0.member("item", value: item.item.json)
                $0.member("version", item.version)
                $0.endObject()
            }
        }
        if let signature {
            writer.key("signature")
            writer.beginObject()
            writer.member("signed", value: ContractEvent.signed(signature.signed).data)
            writer.member("version", signature.version)
            writer.endObject()
        }
        if let activatedAt { writer.time("activated_at", activatedAt) }
        if let endsAt { writer.time("ends_at", endsAt) }
        if let graceEndsAt { writer.time("grace_ends_at", graceEndsAt) }
        if let reason { writer.member("reason", reason) }
        writer.time("created_at", createdAt)
        writer.time("updated_at", updatedAt)
        writer.endObject()
    }

    public init(json: JSONValue) throws(RecordDecodingError) {
        let reader = try RecordReader("contract", json)
        id = try reader.uuid("id")
        version = try reader.required("version", \.integerValue)
        stage = try reader.required("status") { $0.stringValue.flatMap(ContractStatus.init(rawValue:)) }
        consignorID = try reader.required("consignor_id") {
            $0.stringValue.flatMap { TypeID.uuid(of: $0, prefix: "consignor") }
        }
        number = try reader.string("number")
        note = try reader.string("note")
        versions = try reader.list("versions") { element in
            guard case .termsSet(let set)? = Self.event("ContractTermsSet", ["terms": element["terms"] ?? .null]),
                let from = element["from"]?.timestamp, let version = element["version"]?.integerValue
            else { return nil }
            return Version(terms: set.terms, from: from, version: version)
        }
        items = try reader.list("items") { element in
            guard case .itemChanged(let item)? = Self.event("ContractItemChanged", ["item": element["item"] ?? .null]),
                let version = element["version"]?.integerValue
            else { return nil }
            return Item(item: item, version: version)
        }
        signature = try reader.optional("signature") { value in
            guard case .signed(let signed)? = Self.event("ContractSigned", value["signed"] ?? .null),
                let version = value["version"]?.integerValue
            else { return nil }
            return Signature(signed: signed, version: version)
        }
        activatedAt = try reader.time("activated_at")
        endsAt = try reader.time("ends_at")
        graceEndsAt = try reader.time("grace_ends_at")
        reason = try reader.string("reason")
        createdAt = try reader.required("created_at", \.timestamp)
        updatedAt = try reader.required("updated_at", \.timestamp)
    }

    /// What is stored as events have it is read as they are.
    private static func event(_ type: String, _ data: JSONValue) -> ContractEvent? {
        try? ContractEvent(type: type, schema: 1, data: data)
    }

    public var document: [UInt8] {
        var writer = JSONWriter(reservingCapacity: 2048)
        writer.beginObject()
        writer.typeID("id", Self.category, id)
        writer.member("version", version)
        writer.member("status", status)
        writer.member("number", number)
        writer.typeID("consignor_id", "consignor", consignorID)
        writer.member("note", note)
        writer.key("terms")
        writer.array {
            for version in versions {
                var terms = version.terms.json.objectValue ?? [:]
                terms["effective_from"] = .string(version.from.rfc3339)
                $0.value(.object(terms))
            }
        }
        writer.key("items")
        writer.array { for item in items { $0.value(item.item.json) } }
        writer.member("signature", value: signature.map { ContractEvent.signed($0.signed).data } ?? .null)
        writer.time("activated_at", activatedAt)
        writer.time("ends_at", endsAt)
        writer.time("grace_ends_at", graceEndsAt)
        writer.member("reason", reason)
        writer.time("created_at", createdAt)
        writer.time("updated_at", updatedAt)
        writer.endObject()
        return writer.bytes
    }
}

extension RecordReader {
    /// Every element of an array.
    func list<T>(_ name: String, _ convert: (JSONValue) -> T?) throws(RecordDecodingError) -> [T] {
        try required(name) { value in
            guard let elements = value.arrayValue else { return nil }
            let list = elements.compactMap(convert)
            return list.count == elements.count ? list : nil
        }
    }
}
