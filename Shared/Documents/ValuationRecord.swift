public import EventSourcing
public import Events
public import Foundation
public import JSON

/// Where a valuation stands. Only ever add.
public enum ValuationStatus: String, CaseIterable, Sendable {
    /// Somebody has to answer.
    case requested
    case completed, inconclusive, overridden
}

/// What is known of a valuation: the operational state and the projection's memory. It is what each of its events said last.
public struct ValuationRecord: ProjectedRecord {
    public typealias Event = ValuationEvent

    public static let plural = "valuations"
    public static let statuses = ValuationStatus.allCases.map(\.rawValue)
    public static let filters = [
        RecordFilter<ValuationRecord>("item_id") {
            TypeID(prefix: "item", uuid: $0.requested.itemID).description
        },
        RecordFilter<ValuationRecord>("method") { $0.requested.method.rawValue },
    ]
    public static let csv = [
        "id", "status", "item_id", "method", "note", "low.amount", "proposed.amount", "high.amount",
        "proposed.currency", "confidence", "inconclusive.reason", "override.reason", "created_at", "updated_at",
    ]

    public var id: UUID
    public var version: Int64
    public var requested: ValuationRequested
    public var completed: ValuationCompleted?
    public var inconclusive: ValuationInconclusive?
    public var overridden: ValuationOverridden?
    public var createdAt: Timestamp
    public var updatedAt: Timestamp

    public var stage: ValuationStatus {
        if overridden != nil { return .overridden }
        if completed != nil { return .completed }
        return inconclusive == nil ? .requested : .inconclusive
    }
    public var status: String { stage.rawValue }
    public var texts: [String?] { [requested.note, completed?.note, overridden?.reason] }

    /// What is proposed now; nil while nobody has proposed anything.
    public var proposed: Money? { overridden?.proposed ?? completed?.range.proposed }
    /// nil where who has overridden it named none.
    public var low: Money? { overridden == nil ? completed?.range.low : overridden?.low }
    public var high: Money? { overridden == nil ? completed?.range.high : overridden?.high }

    public init?(begins event: ValuationEvent, id: UUID, at time: Timestamp) {
        guard case .requested(let requested) = event else { return nil }
        self.id = id
        version = 1
        self.requested = requested
        (createdAt, updatedAt) = (time, time)
    }

    public mutating func apply(_ event: ValuationEvent) {
        switch event {
        case .requested: break
        case .completed(let event): completed = event
        case .inconclusive(let event): inconclusive = event
        case .overridden(let event): overridden = event
        }
    }

    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.uuid("id", id)
        writer.member("version", version)
        writer.member("requested", value: ValuationEvent.requested(requested).data)
        if let completed { writer.member("completed", value: ValuationEvent.completed(completed).data) }
        if let inconclusive { writer.member("inconclusive", value: ValuationEvent.inconclusive(inconclusive).data) }
        if let overridden { writer.member("overridden", value: ValuationEvent.overridden(overridden).data) }
        writer.time("created_at", createdAt)
        writer.time("updated_at", updatedAt)
        writer.endObject()
    }

    /// Unknown members are ignored.
    public init(json: JSONValue) throws(RecordDecodingError) {
        let reader = try RecordReader("valuation", json)
        id = try reader.uuid("id")
        version = try reader.required("version", \.integerValue)
        requested = try reader.required("requested") {
            guard case .requested(let event)? = ValuationEvent("ValuationRequested", $0) else { return nil }
            return event
        }
        completed = try reader.optional("completed") {
            guard case .completed(let event)? = ValuationEvent("ValuationCompleted", $0) else { return nil }
            return event
        }
        inconclusive = try reader.optional("inconclusive") {
            guard case .inconclusive(let event)? = ValuationEvent("ValuationInconclusive", $0) else { return nil }
            return event
        }
        overridden = try reader.optional("overridden") {
            guard case .overridden(let event)? = ValuationEvent("ValuationOverridden", $0) else { return nil }
            return event
        }
        createdAt = try reader.required("created_at", \.timestamp)
        updatedAt = try reader.required("updated_at", \.timestamp)
    }

    public var document: [UInt8] {
        var writer = JSONWriter(reservingCapacity: 4096)
        writer.beginObject()
        writer.typeID("id", Self.category, id)
        writer.member("version", version)
        writer.member("status", status)
        writer.typeID("item_id", "item", requested.itemID)
        writer.member("method", requested.method.rawValue)
        writer.member("note", completed?.note ?? requested.note)
        writer.money("low", low)
        writer.money("proposed", proposed)
        writer.money("high", high)
        writer.member("confidence", value: completed.map { .integer($0.confidence) } ?? .null)
        writer.comparables(completed?.comparables ?? inconclusive?.comparables ?? [])
        writer.member("evidence", value: completed?.evidence?.json ?? .null)
        writer.inconclusive(inconclusive)
        writer.override(self)
        writer.time("created_at", createdAt)
        writer.time("updated_at", updatedAt)
        writer.endObject()
        return writer.bytes
    }
}

extension ValuationEvent {
    /// As a record keeps it.
    fileprivate init?(_ type: String, _ data: JSONValue) {
        guard let event = try? ValuationEvent(type: type, schema: Self.schemas[type] ?? 1, data: data) else {
            return nil
        }
        self = event
    }
}

extension JSONWriter {
    fileprivate mutating func comparables(_ comparables: [ValuationComparable]) {
        key("comparables")
        array {
            for comparable in comparables {
                $0.beginObject()
                $0.typeID("listing_id", "listing", comparable.listingID)
                $0.money("price", comparable.price)
                $0.time("sold_at", comparable.soldAt)
                $0.member("weight", comparable.weight)
                $0.member("condition", comparable.condition)
                $0.money("adjusted", comparable.adjusted)
                $0.endObject()
            }
        }
    }

    fileprivate mutating func inconclusive(_ event: ValuationInconclusive?) {
        key("inconclusive")
        guard let event else { return null() }
        beginObject()
        member("reason", event.reason.rawValue)
        member("found", event.found)
        member("needed", event.needed)
        strings("missing", event.missing)
        endObject()
    }

    /// Why somebody knew better, and than what.
    fileprivate mutating func override(_ record: ValuationRecord) {
        key("override")
        guard let event = record.overridden else { return null() }
        beginObject()
        member("reason", event.reason)
        key("instead_of")
        if let range = record.completed?.range {
            beginObject()
            money("low", range.low)
            money("proposed", range.proposed)
            money("high", range.high)
            endObject()
        } else {
            null()
        }
        endObject()
    }
}
