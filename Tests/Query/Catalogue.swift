import Documents
import EventSourcing
import Events
import Foundation
import JSON
import Postgres

@testable import Query

/// A tenant's rows, put where append and the projector would put them, and made by the same encoders.
struct Catalogue: Sendable {
    let connection: PostgresConnection
    let tenant: TenantID
    var itemsTable = "items_g1"
    var listingsTable = "listings_g1"

    static let noon = Timestamp(seconds: 1_790_000_000)
    static let currency = Currency(code: "PLN")!

    func item(
        _ values: JSONObject, id: UUID = .version7(), deleted: Bool = false, at time: Timestamp = noon,
        listings: [UUID: ItemListings.Entry] = [:]
    ) async throws -> ItemRecord {
        var values = values
        if values["title"] == nil { values["title"] = "Coat" }
        var item = ItemRecord(id: id, values: values, at: time)
        item.isDeleted = deleted
        try await put(item)
        for (id, entry) in listings {
            _ = try await listing(item, status: entry.status, reason: entry.endReason, id: id, at: time)
        }
        return item
    }

    /// A listing in a status that it got to at `time`; drafts have no `published_at`.
    func listing(
        _ item: ItemRecord, price: Int64 = 1000, status: ListingStatus = .published,
        reason: ListingEndReason? = nil, id: UUID = .version7(), at time: Timestamp = noon
    ) async throws -> ListingRecord {
        var listing = ListingRecord(
            id: id, itemID: item.id, channel: "storefront", price: Money(amount: price, currency: Self.currency)!,
            at: time)
        if status != .draft { listing.publish(price: listing.price, at: time) }
        if status == .paused { listing.pause() }
        if status == .ended { listing.end(reason ?? .withdrawn, soldFor: nil, at: time) }
        try await put(listing, item)
        return listing
    }

    /// The listing and its item, on both sides.
    func put(_ listing: ListingRecord, _ item: ItemRecord) async throws {
        try await tabulate(listing)
        try await project(listing, item)
        try await put(item)
    }

    /// The item as its listings stand, on both sides. Its listings' rows are left as they are.
    func put(_ item: ItemRecord) async throws {
        try await tabulate(item)
        try await project(item, ItemListings(try await listings(of: item)))
    }

    func listings(of item: ItemRecord) async throws -> [ListingRecord] {
        try await connection.query(
            """
            SELECT a.state FROM main.aggregates a WHERE a.tenant_id = \(tenant.uuid) AND a.category = 'listing'
            AND a.state ->> 'item_id' = \(item.id.text)
            """
        ).map { try ListingRecord(stored: $0.bytes(0) ?? []) }
    }

    // MARK: The operational tables, and what the log must say for them

    func tabulate(_ item: ItemRecord) async throws {
        try await aggregate("item", item.id, item.version, item.bytes, item.updatedAt)
    }

    func tabulate(_ listing: ListingRecord) async throws {
        try await aggregate("listing", listing.id, listing.version, listing.bytes, listing.updatedAt)
        let data = "{\"item_id\": \"\(listing.itemID.id("item"))\"}"
        _ = try await connection.query(
            """
            INSERT INTO main.events (position, tenant_id, category, stream_id, version, type, schema_version,
                correlation_id, command_id, data, metadata, recorded_at)
            SELECT main.head() + 1, \(tenant.uuid), 'listing', \(listing.id), 1, 'ListingCreated', 1,
                \(UUID.version7()), \(UUID.version7()), \(JSONText(data)), '{}', \(listing.createdAt.postgres)
            ON CONFLICT ON CONSTRAINT events_stream_version DO NOTHING
            """)
    }

    func tabulate(_ record: some ProjectedRecord) async throws {
        try await aggregate(type(of: record).category, record.id, record.version, record.bytes, record.updatedAt)
    }

    private func aggregate(
        _ category: String, _ id: UUID, _ version: Int64, _ state: [UInt8], _ time: Timestamp
    ) async throws {
        _ = try await connection.query(
            """
            INSERT INTO main.aggregates (tenant_id, category, stream_id, version, position, state, created_at,
                updated_at)
            VALUES (\(tenant.uuid), \(category), \(id), \(version), 1, \(JSONText(bytes: state)), \(time.postgres),
                \(time.postgres))
            ON CONFLICT (tenant_id, category, stream_id) DO UPDATE SET (version, state) =
                (excluded.version, excluded.state)
            """)
    }

    // MARK: The projections

    func project(_ item: ItemRecord, _ listings: ItemListings) async throws {
        let row: SQL = """
            INSERT INTO main.\(identifier: itemsTable) (
                tenant_id, id, version, position, status, brand, category, condition, size, custody, location_id,
                title_holder, allocation, consignor_id, search, created_at, updated_at, document, public_document, record)
            VALUES (\(tenant.uuid), \(item.id), \(item.version), 1, \(ItemDocument.status(of: item, listings).rawValue),
                \(item.brand as String?), \(item.category as String?), \(item.condition), \(item.size as String?),
                \(item.custody.rawValue), \(item.locationID as UUID?),
                \(ItemDocument.titleHolder(of: item, listings).rawValue),
                \(ItemDocument.allocation(of: item, listings).rawValue), \(item.consignorID as UUID?),
                array_to_tsvector(\(SearchText.words(of: item))), \(item.createdAt.postgres), \(item.updatedAt.postgres),
                \(text(ItemDocument.bytes(item, listings, for: .operators)) as String?),
                \(text(ItemDocument.bytes(item, listings, for: .storefront)) as String?),
                \(JSONText(bytes: ItemWithListings(item: item, listings: listings).bytes)))
            ON CONFLICT (tenant_id, id) DO UPDATE SET (version, status, brand, custody, location_id, title_holder,
                allocation, consignor_id, search, document, public_document, record) = (excluded.version,
                excluded.status, excluded.brand, excluded.custody, excluded.location_id, excluded.title_holder,
                excluded.allocation, excluded.consignor_id, excluded.search, excluded.document,
                excluded.public_document, excluded.record)
            """
        _ = try await connection.query(row)
    }

    func project(_ listing: ListingRecord, _ item: ItemRecord) async throws {
        let row: SQL = """
            INSERT INTO main.\(identifier: listingsTable) (
                tenant_id, id, item_id, version, position, status, channel, price, brand, category, condition, size,
                search, published_at, created_at, updated_at, document, public_document, record)
            VALUES (\(tenant.uuid), \(listing.id), \(item.id), \(listing.version), 1, \(listing.status.rawValue),
                \(listing.channel), \(listing.price.amount), \(item.brand as String?), \(item.category as String?), \(item.condition),
                \(item.size as String?), array_to_tsvector(\(SearchText.words(of: item))), \(listing.publishedAt?.postgres as PostgresTimestamp?),
                \(listing.createdAt.postgres), \(listing.updatedAt.postgres),
                \(text(ListingDocument.bytes(listing, item, for: .operators)) as String?),
                \(text(ListingDocument.bytes(listing, item, for: .storefront)) as String?),
                \(JSONText(bytes: ListingWithItem(listing: listing, item: item).bytes)))
            ON CONFLICT (tenant_id, id) DO UPDATE SET (version, status, price, brand, search, document,
                public_document, record) = (excluded.version, excluded.status, excluded.price, excluded.brand,
                excluded.search, excluded.document, excluded.public_document, excluded.record)
            """
        _ = try await connection.query(row)
    }

    private func text(_ bytes: [UInt8]?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }
}

/// The log and the checkpoints, as append and projector would leave them.
struct Log: Sendable {
    let connection: PostgresConnection

    func append(
        _ type: String, _ stream: StreamID, version: Int64, position: Int64, of tenant: TenantID,
        correlation: UUID = .version7(), causation: UUID? = nil, data: String = "{}",
        at time: Timestamp = Catalogue.noon
    ) async throws {
        var metadata = JSONWriter()
        Metadata(
            actor: "operator:ada", commandID: .version7(), correlationID: correlation, causationID: causation,
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", requestedAt: time
        ).write(to: &metadata)
        let row: SQL = """
            INSERT INTO main.events (position, tenant_id, category, stream_id, version, type, schema_version,
                correlation_id, command_id, data, metadata, recorded_at)
            VALUES (\(position), \(tenant.uuid), \(stream.category), \(stream.id), \(version), \(type), 1,
                \(correlation), \(UUID.version7()), \(JSONText(data)), \(JSONText(bytes: metadata.bytes)),
                \(time.postgres))
            """
        _ = try await connection.query(row)
    }

    func checkpoint(_ projection: Projection, from previous: Int64, to position: Int64, ring: Bool = true) async throws
    {
        let row: SQL = """
            INSERT INTO main.checkpoints (projection, generation, previous, position, tailed_at, committed_at)
            VALUES (\(projection.rawValue), 1, \(previous), \(position), \((Catalogue.noon + .milliseconds(2)).postgres),
                \((Catalogue.noon + .milliseconds(5)).postgres))
            """
        _ = try await connection.query(row)
        if ring { try await connection.simple("NOTIFY \(ShardFollower.channel)") }
    }
}

extension Timestamp {
    var postgres: PostgresTimestamp { PostgresTimestamp(microseconds: microseconds) }
}
