import EventSourcing
public import Foundation
public import JSON

/// The listings of one item, as far as the item's document depends on them.
public struct ItemListings: Equatable, Sendable {
    public struct Entry: Equatable, Sendable {
        public var status: ListingStatus
        public var endReason: ListingEndReason?

        public init(_ status: ListingStatus, endReason: ListingEndReason? = nil) {
            self.status = status
            self.endReason = endReason
        }
    }

    public var entries: [UUID: Entry]

    public init(_ entries: [UUID: Entry] = [:]) { self.entries = entries }

    /// Of listings of one item.
    public init(_ listings: some Sequence<ListingRecord>) {
        self.init()
        for listing in listings { self[listing.id] = Entry(listing.status, endReason: listing.endReason) }
    }

    public subscript(listing: UUID) -> Entry? {
        get { entries[listing] }
        set { entries[listing] = newValue }
    }

    public var hasOpen: Bool { entries.values.contains { $0.status.isOpen } }
    public var hasPublished: Bool { entries.values.contains { $0.status == .published } }
    public var hasSold: Bool { entries.values.contains { $0.endReason == .sold } }

    /// Members by listing id, in the order of the ids: the same listings give the same bytes.
    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        for (id, entry) in entries.sorted(by: { $0.key.bits < $1.key.bits }) {
            writer.key(id.text)
            writer.beginObject()
            writer.member("status", entry.status.rawValue)
            if let reason = entry.endReason { writer.member("end_reason", reason.rawValue) }
            writer.endObject()
        }
        writer.endObject()
    }

    public init(stored bytes: some Collection<UInt8>) throws(RecordDecodingError) {
        try self.init(json: JSONValue(stored: bytes))
    }

    public init(json: JSONValue) throws(RecordDecodingError) {
        let reader = try RecordReader("item listings", json)
        self.init()
        for (key, value) in reader.object {
            guard let id = UUID(uuidString: key),
                let status = value["status"]?.stringValue.flatMap(ListingStatus.init(rawValue:))
            else { throw RecordDecodingError(record: "item listings", member: key) }
            let reason = value["end_reason"]?.stringValue.flatMap(ListingEndReason.init(rawValue:))
            entries[id] = Entry(status, endReason: reason)
        }
    }
}

/// The memory of a row of the projection `items`.
public struct ItemWithListings: StoredRecord, Equatable {
    public var item: ItemRecord
    public var listings: ItemListings

    public init(item: ItemRecord, listings: ItemListings = ItemListings()) {
        self.item = item
        self.listings = listings
    }

    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("item")
        item.write(to: &writer)
        writer.key("listings")
        listings.write(to: &writer)
        writer.endObject()
    }

    public init(json: JSONValue) throws(RecordDecodingError) {
        self.init(
            item: try ItemRecord(json: json["item"] ?? nil), listings: try ItemListings(json: json["listings"] ?? nil))
    }
}

/// The memory of a row of the projection `listings`.
public struct ListingWithItem: StoredRecord, Equatable {
    public var listing: ListingRecord
    public var item: ItemRecord

    public init(listing: ListingRecord, item: ItemRecord) {
        self.listing = listing
        self.item = item
    }

    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("listing")
        listing.write(to: &writer)
        writer.key("item")
        item.write(to: &writer)
        writer.endObject()
    }

    public init(json: JSONValue) throws(RecordDecodingError) {
        self.init(
            listing: try ListingRecord(json: json["listing"] ?? nil), item: try ItemRecord(json: json["item"] ?? nil))
    }
}
