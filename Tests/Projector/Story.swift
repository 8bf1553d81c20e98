import EventSourcing
import Events
import Foundation
import JSON

@testable import Projector

/// A log, told event by event: contiguous positions, versions per stream, times that follow from the positions.
struct Story {
    struct Entry: Sendable {
        var event: LogEvent
        var schema: Int
        var data: [UInt8]

        /// The same at another place in the log.
        func at(_ position: Int64) -> Entry {
            let moved = LogEvent(
                tenant: event.tenant, stream: event.stream, version: event.version, position: position,
                type: event.type, correlationID: event.correlationID, requestedAt: event.requestedAt,
                recordedAt: event.recordedAt, payload: event.payload, size: event.size)
            return Entry(event: moved, schema: schema, data: data)
        }
    }

    static let tenant = TenantID(UUID(bits: 1))
    static let noon = Timestamp(rfc3339: "2026-11-20T12:00:00Z")!

    private(set) var entries: [Entry] = []
    private var versions: [String: Int64] = [:]

    var events: [LogEvent] { entries.map(\.event) }
    var head: Int64 { Int64(entries.count) }

    static func time(_ position: Int64) -> Timestamp { noon + .seconds(position) }

    mutating func item(_ id: UUID, _ change: ItemEvent, tenant: TenantID = tenant) {
        append(
            tenant, StreamID(category: "item", id: id), change.type, change.schema, change.bytes, .item(change))
    }

    mutating func listing(_ id: UUID, _ change: ListingEvent, tenant: TenantID = tenant) {
        append(
            tenant, StreamID(category: "listing", id: id), change.type, change.schema, change.bytes, .listing(change))
    }

    mutating func location(_ id: UUID, _ change: LocationEvent, tenant: TenantID = tenant) {
        append(
            tenant, StreamID(category: "location", id: id), change.type, change.schema, change.bytes,
            .record(StreamEvent(event: change)))
    }

    /// An event that no projection reads.
    mutating func other(_ category: String, _ type: String, tenant: TenantID = tenant) {
        append(tenant, StreamID(category: category, id: tenant.uuid), type, 1, Array("{}".utf8), .unread)
    }

    /// An event of a type that is read, with a payload that cannot be.
    ///
    /// - Parameter item: whose item a listing's event names all the same.
    mutating func broken(
        _ category: String, _ id: UUID, _ type: String, of item: UUID? = nil, tenant: TenantID = tenant
    ) {
        let json = item.map { #"{"item_id":"\#(TypeID(prefix: "item", uuid: $0))"}"# } ?? "{}"
        append(
            tenant, StreamID(category: category, id: id), type, 1, Array(json.utf8),
            .unreadable(group: category == "listing" ? item : id, reason: "broken"))
    }

    private mutating func append(
        _ tenant: TenantID, _ stream: StreamID, _ type: String, _ schema: Int, _ data: [UInt8],
        _ payload: LogEvent.Payload
    ) {
        let version = versions["\(tenant)/\(stream)", default: 0] + 1
        versions["\(tenant)/\(stream)"] = version
        let position = head + 1
        let event = LogEvent(
            tenant: tenant, stream: stream, version: version, position: position, type: type,
            correlationID: UUID(bits: UInt128(position)), requestedAt: Self.time(position),
            recordedAt: Self.time(position) + .milliseconds(5), payload: payload)
        entries.append(Entry(event: event, schema: schema, data: data))
    }
}

/// Words for stories.
extension ItemEvent {
    static func received(_ title: String, brand: String? = nil, sku: String? = nil) -> ItemEvent {
        .received(ItemReceived(title: title, condition: "good", brand: brand, sku: sku))
    }

    static func edited(_ changes: JSONObject) -> ItemEvent { .updated(ProductUpdated(changes: changes)) }

    static var deleted: ItemEvent { .deleted(ProductDeleted(reason: "lost")) }
}

extension ListingEvent {
    static func created(_ item: UUID, _ amount: Int64 = 12_000, channel: String = "storefront") -> ListingEvent {
        .created(ListingCreated(itemID: item, price: .pln(amount), channel: channel))
    }

    static func published(_ item: UUID, _ amount: Int64 = 12_000) -> ListingEvent {
        .published(ProductPublished(itemID: item, price: .pln(amount)))
    }

    static func priced(_ item: UUID, _ amount: Int64, was: Int64 = 12_000, lowest: Int64? = nil) -> ListingEvent {
        .priceChanged(
            ListingPriceChanged(
                itemID: item, price: .pln(amount), previous: .pln(was), lowestPrice30d: lowest.map(Money.pln)))
    }

    static func paused(_ item: UUID) -> ListingEvent { .paused(ListingPaused(itemID: item)) }
    static func resumed(_ item: UUID) -> ListingEvent { .resumed(ListingResumed(itemID: item)) }

    static func ended(_ item: UUID, _ reason: ListingEnded.Reason, _ amount: Int64? = nil) -> ListingEvent {
        .ended(ListingEnded(itemID: item, reason: reason, price: amount.map(Money.pln)))
    }
}

extension Money {
    static func pln(_ amount: Int64) -> Money { Money(amount: amount, currency: Currency(code: "PLN")!)! }
}

/// The same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
