import EventSourcing
import Foundation
import Logging
import Postgres
import TestSupport
import Testing

@testable import Query

/// Every read, as the role that makes it and with the tenant set, stays on its index.
@Suite struct PlanTests {
    private struct Read {
        var name: String
        var statement: SQL
        var index: String
        /// Whether what the index leaves may be sorted: a brand's rows, the matches of a search, a part of the log.
        var isSorted = false
    }

    private static let tenant = UUID(uuidString: "00000000-0000-7000-8000-000000000001")!
    /// A location's, and a consignor's.
    private static let place = UUID(uuidString: "00000000-0000-7000-8000-000000000101")!

    private func reads() throws -> [Read] {
        let items = try #require(Generation(projection: .items, number: 1, tableName: "items_g1", checkpoint: 0))
        let listings = try #require(
            Generation(projection: .listings, number: 1, tableName: "listings_g1", checkpoint: 0))
        let place = Keyset(value: Catalogue.noon.microseconds, id: UUID())
        func itemList(_ visibility: Visibility = .full, _ more: [SQL] = [], after: Keyset? = nil) -> ListStatement {
            ListStatement(
                generation: items, visibility: visibility, conditions: [Items.resource.visible(visibility)] + more,
                sort: Items.newest, after: after, limit: 50)
        }
        func listingList(
            _ sort: ListSort, _ visibility: Visibility = .storefront, _ more: [SQL] = [], isStatusGiven: Bool = false,
            after: Keyset? = nil
        ) -> ListStatement {
            ListStatement(
                generation: listings, visibility: visibility,
                conditions: [Listings.resource.visible(visibility)] + more,
                partitions: Listings.partitions(sort: sort, isStatusGiven: isStatusGiven || visibility == .storefront),
                sort: sort, after: after, limit: 50)
        }
        let draft: [SQL] = ["t.status = \("draft")"]
        let none = Keyset(value: nil, id: UUID())
        let query = "'hat'"
        let created = "tenant_id_created_at_id_idx"
        let visible = "tenant_id_created_at_id_idx1"
        let byTime = "listings_g1_tenant_id_status_published_at_id_idx"
        let byPrice = "listings_g1_tenant_id_status_price_id_idx"
        let stream = StreamID(category: "item", id: UUID())
        return [
            Read(
                name: "item", statement: Items.resource.statement(UUID(), in: items, for: .full), index: "items_g1_pkey"
            ),
            Read(
                name: "listing", statement: Listings.resource.statement(UUID(), in: listings, for: .storefront),
                index: "listings_g1_pkey"),
            Read(name: "items", statement: itemList().walking(), index: created),
            Read(name: "items, next page", statement: itemList(after: place).walking(), index: created),
            Read(name: "items, storefront", statement: itemList(.storefront).walking(), index: visible),
            Read(
                name: "items by status", statement: itemList(.full, ["t.status = \("sold")"], after: place).walking(),
                index: "items_g1_tenant_id_status_created_at_id_idx"),
            Read(
                name: "items by brand", statement: itemList(.full, ["t.brand = \("brand3")"]).walking(),
                index: "items_g1_tenant_id_brand_created_at_id_idx", isSorted: true),
            Read(
                name: "items by category", statement: itemList(.full, ["t.category = \("cat3")"]).walking(),
                index: "items_g1_tenant_id_category_created_at_id_idx", isSorted: true),
            Read(
                name: "items at a location",
                statement: itemList(.full, ["t.location_id = \(Self.place)"]).walking(),
                index: "items_g1_tenant_id_location_id_created_at_id_idx"),
            Read(
                name: "a consignor's items, next page",
                statement: itemList(.full, ["t.consignor_id = \(Self.place)"], after: place).walking(),
                index: "items_g1_tenant_id_consignor_id_created_at_id_idx"),
            Read(
                name: "a consignor's items that are at repair",
                statement: itemList(
                    .full, ["t.custody = \("at_repair")", "t.consignor_id = \(Self.place)", "t.allocation = \("free")"]
                ).walking(), index: "items_g1_tenant_id_consignor_id_created_at_id_idx"),
            Read(
                name: "items, rare word", statement: itemList().finding(query), index: "items_g1_pkey", isSorted: true),
            Read(name: "items, common word", statement: itemList().walking(search: query), index: created),
            Read(name: "storefront's listings", statement: listingList(Listings.latest).walking(), index: byTime),
            Read(
                name: "storefront's listings, next page",
                statement: listingList(Listings.latest, after: place).walking(), index: byTime),
            Read(name: "cheapest", statement: listingList(Listings.cheapest).walking(), index: byPrice, isSorted: true),
            Read(
                name: "dearest", statement: listingList(Listings.dearest, after: place).walking(), index: byPrice,
                isSorted: true),
            Read(
                name: "in a range of prices",
                statement: listingList(Listings.cheapest, .storefront, ["t.price >= \(10)", "t.price <= \(90_000)"])
                    .walking(), index: byPrice, isSorted: true),
            Read(name: "all listings", statement: listingList(Listings.newest, .full).walking(), index: created),
            Read(
                name: "all listings, cheapest", statement: listingList(Listings.cheapest, .full).walking(),
                index: byPrice),
            Read(
                name: "all listings by publication, from among the drafts",
                statement: listingList(Listings.latest, .full, after: none).walking(), index: byTime),
            Read(
                name: "drafts, from among them",
                statement: listingList(Listings.latest, .full, draft, isStatusGiven: true, after: none).walking(),
                index: byTime),
            Read(
                name: "listings, rare word", statement: listingList(Listings.latest).finding(query),
                index: "listings_g1_pkey", isSorted: true),
            Read(
                name: "listings, a glance", statement: listingList(Listings.latest).glancing(query), index: byTime),
            Read(
                name: "all listings, a glance", statement: listingList(Listings.cheapest, .full).glancing(query),
                index: byPrice),
            Read(
                name: "listings, common word", statement: listingList(Listings.latest).walking(search: query),
                index: byTime),
            Read(
                name: "item, from the tables", statement: ItemTable.statement([UUID()]), index: "aggregates_item_pkey"),
            Read(
                name: "an item's listings, from the tables", statement: ItemTable.statement([UUID(), UUID()]),
                index: "aggregates_listing_pkey"),
            Read(
                name: "listing, from the tables", statement: ListingTable.statement([UUID()]),
                index: "aggregates_listing_pkey"),
            Read(
                name: "a listing's item, from the tables", statement: ListingTable.statement([UUID(), UUID()]),
                index: "aggregates_item_pkey"),
            Read(
                name: "stream", statement: HistoryReader.streamStatement(stream, after: 0, limit: 50),
                index: "events_stream_version", isSorted: true),
            Read(
                name: "events", statement: HistoryReader.eventsStatement(after: 100, upTo: 300, limit: 50),
                index: "events_", isSorted: true),
            Read(
                name: "events of a type",
                statement: HistoryReader.eventsStatement(after: 100, upTo: 300, type: "ItemReceived", limit: 50),
                index: "events_", isSorted: true),
            Read(
                name: "trace", statement: TraceReader.eventsStatement(UUID()), index: "events_correlation",
                isSorted: true),
            Read(
                name: "tasks", statement: TraceReader.tasksStatement(UUID()), index: "outbox_correlation",
                isSorted: true),
            Read(
                name: "hops", statement: TraceReader.hopsStatement([1, 2, 3]), index: "checkpoints_pkey", isSorted: true
            ),
            Read(name: "import", statement: ImportReader.recordStatement(UUID()), index: "aggregates_import_pkey"),
            Read(
                name: "counts", statement: ImportReader.countsStatement(UUID()), index: "import_lines_pkey",
                isSorted: true),
            Read(
                name: "lines", statement: ImportReader.linesStatement(UUID(), after: 5, outcome: nil),
                index: "import_lines_pkey"),
            Read(
                name: "consignor", statement: ConsignorReader.statement([UUID()], TenantID(Self.tenant)),
                index: "aggregates_consignor_pkey"),
            Read(
                name: "consignors",
                statement: ConsignorReader.listStatement(
                    .init(), after: UUID(), most: 201, TenantID(Self.tenant)),
                index: "aggregates_consignor_pkey"),
            Read(
                name: "consignors' versions",
                statement: ConsignorReader.versionsStatement(
                    .init(), after: UUID(), most: 250, TenantID(Self.tenant)),
                index: "aggregates_consignor_pkey"),
            Read(
                name: "consignors' words",
                statement: ConsignorReader.wordsStatement([UUID(), UUID()], TenantID(Self.tenant)),
                index: "aggregates_consignor_pkey"),
            Read(
                name: "consignor by number",
                statement: ConsignorReader.listStatement(
                    .init(number: "K-7"), after: nil, most: 51, TenantID(Self.tenant)),
                index: "claims_value", isSorted: true),
        ]
    }

    @Test func `every read uses its index and scans no table`() async throws {
        try await TestDatabase.with { database in
            let administrator = try await database.connect()
            try await administrator.simple(Self.rows)
            let query = try await database.connect(as: "closter_query")
            try await query.simple("SET closter.tenant = '\(Self.tenant.uuidString)'")
            for read in try reads() {
                let explain = "EXPLAIN (COSTS off) " + read.statement
                let lines = try #require(
                    try? await query.query(explain).compactMap { $0[0] }, "\(read.name): \(explain.text)")
                let plan = lines.joined(separator: "\n")
                #expect(plan.contains(read.index), "\(read.name):\n\(plan)")
                let scans = lines.filter { $0.contains("Seq Scan") && !$0.contains(" on generations ") }
                #expect(scans.isEmpty, "\(read.name):\n\(plan)")
                let sorts = lines.contains { $0.hasSuffix("->  Sort") || $0 == "Sort" }
                #expect(!sorts || read.isSorted, "\(read.name):\n\(plan)")
            }
            await query.close()
            await administrator.close()
        }
    }

    /// Five tenants with enough of everything that a scan of the whole would not pay.
    private static let rows = """
        INSERT INTO main.listings_g1 (tenant_id, id, item_id, version, position, status, channel, price, brand,
            category, condition, size, search, published_at, created_at, updated_at, document, public_document, record)
        SELECT ('00000000-0000-7000-8000-00000000000' || n % 5)::uuid, gen_random_uuid(), gen_random_uuid(), 1, n,
            status, 'storefront', n * 7919 % 100000, 'brand' || n % 53, 'cat' || n % 17, 'good', 'M',
            to_tsvector('simple', 'coat ' || n), CASE WHEN status <> 'draft' THEN now() - n * interval '1 s' END,
            now() - n * interval '1 s', now(), repeat('document', 60),
            CASE WHEN status = 'published' THEN repeat('document', 60) END, '{}'
        FROM (SELECT n, (ARRAY['draft', 'published', 'paused', 'ended', 'ended', 'ended', 'published'])[1 + n % 7] status
              FROM generate_series(1, 20000) n) n;
        INSERT INTO main.items_g1 (tenant_id, id, version, position, status, brand, category, condition, size, custody,
            location_id, title_holder, allocation, consignor_id, search, created_at, updated_at, document,
            public_document, record)
        SELECT tenant_id, item_id, 1, position, CASE status WHEN 'ended' THEN 'sold' ELSE 'listed' END, brand, category,
            condition, size, 'in_house', ('00000000-0000-7000-8000-00000000010' || position % 9)::uuid, 'store', 'free',
            ('00000000-0000-7000-8000-00000000010' || position % 9)::uuid, search, created_at, updated_at, document,
            public_document, '{}'
        FROM main.listings_g1;
        INSERT INTO main.events (position, tenant_id, category, stream_id, version, type, schema_version,
            correlation_id, command_id, data, metadata, recorded_at)
        SELECT position, tenant_id, 'item', item_id, 1, 'ItemReceived', 1, gen_random_uuid(), gen_random_uuid(), '{}',
            '{"actor": "operator:ada", "requested_at": "2026-01-30T10:00:00Z"}', now() FROM main.listings_g1;
        INSERT INTO main.outbox (task_id, tenant_id, kind, payload, position, correlation_id, command_id, run_at,
            created_at)
        SELECT gen_random_uuid(), tenant_id, 'noop', '{}', position, correlation_id, command_id, now(), now()
        FROM main.events;
        INSERT INTO main.checkpoints (projection, generation, previous, position, tailed_at)
        SELECT p, 1, n, n + 1, now() FROM generate_series(0, 9999) n, unnest(ARRAY['items', 'listings']) p;
        INSERT INTO main.aggregates (tenant_id, category, stream_id, version, position, state, created_at, updated_at)
        SELECT tenant_id, c.category, item_id, 1, position, '{}', now(), now()
        FROM main.listings_g1 CROSS JOIN unnest(ARRAY['import', 'item', 'listing', 'consignor']) c (category);
        INSERT INTO main.person_keys (tenant_id, person_id, scope, master, wrapped)
        SELECT tenant_id, item_id, 'contact', 'm', '' FROM main.listings_g1;
        INSERT INTO main.claims (tenant_id, kind, value, category, stream_id, position)
        SELECT tenant_id, 'consignor_number', 'K-' || position, 'consignor', item_id, position FROM main.listings_g1;
        INSERT INTO main.import_lines (tenant_id, import_id, line, outcome, correlation_id)
        SELECT tenant_id, ('00000000-0000-7000-8000-0000000000' || 10 + position % 40)::uuid, position, 'created',
            gen_random_uuid()
        FROM main.listings_g1;
        ANALYZE;
        """
}
