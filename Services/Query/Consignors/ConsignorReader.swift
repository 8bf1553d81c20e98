import Documents
import EventSourcing
import Foundation
import JSON
import PersonalData
import Postgres

/// Reads consignors from their operational table, and opens what is personal on the way out. Of what was opened nothing is
/// kept but the words of those who are searched: see `ConsignorWords`.
struct ConsignorReader: Sendable {
    /// Consignors opened at once for a file.
    static let portion = 500
    /// Those that a search looks at, one portion after the other: many are found among a few, and few among many.
    static let portions = [250, 500, 1_000, 2_000]
    /// Consignors that a search has opened before it gives the page as it is, and says where to go on.
    static let mostOpened = 5_000
    /// Those that it has looked at, whose words were known.
    static let mostScanned = 100_000

    var pool: PostgresPool
    var keys: PersonKeys
    var words = ConsignorWords()

    struct Filter: Sendable {
        var status: ConsignorStatus?
        var number: String?
        var search: SearchText.Search?
    }

    /// A consignor, opened. A scope whose key is gone is nil.
    struct Opened: Sendable {
        var record: ConsignorRecord
        var contact: Personal<JSONObject>?
        var tax: Personal<JSONObject>?

        func write(to writer: inout JSONWriter) {
            ConsignorDocument.write(record, contact: contact?.reveal(), tax: tax?.reveal(), to: &writer)
        }

        func document() throws -> JSONValue {
            var writer = JSONWriter(reservingCapacity: 1024)
            write(to: &writer)
            return try JSONValue(parsing: writer.bytes)
        }
    }

    struct Page: Sendable {
        var consignors: [Opened] = []
        /// After which the next page begins; nil: there is none.
        var next: UUID?
    }

    private static let columns: SQL = """
        SELECT a.stream_id, a.state, c.master, c.wrapped, t.master, t.wrapped FROM main.aggregates a
        \(key("c", .contact)) \(key("t", .tax))
        """

    private static func key(_ name: String, _ scope: PersonScope) -> SQL {
        SQL(
            unescaped: """
                LEFT JOIN main.person_keys \(name) ON \(name).tenant_id = a.tenant_id
                    AND \(name).person_id = a.stream_id AND \(name).scope = '\(scope.rawValue)'
                """)
    }

    static func statement(_ ids: [UUID], _ tenant: TenantID) -> SQL { columns + among(ids, tenant) }

    /// The same columns, but for what a search does not open.
    static func wordsStatement(_ ids: [UUID], _ tenant: TenantID) -> SQL {
        "SELECT a.stream_id, a.state, c.master, c.wrapped FROM main.aggregates a \(key("c", .contact))"
            + among(ids, tenant)
    }

    private static func among(_ ids: [UUID], _ tenant: TenantID) -> SQL {
        " WHERE a.tenant_id = \(tenant.uuid) AND a.category = 'consignor' AND a.stream_id = ANY (\(ids))"
    }

    static func listStatement(_ filter: Filter, after: UUID?, most: Int, _ tenant: TenantID) -> SQL {
        columns + places(filter, after: after, most: most, tenant)
    }

    static func versionsStatement(_ filter: Filter, after: UUID?, most: Int, _ tenant: TenantID) -> SQL {
        "SELECT a.stream_id, a.version FROM main.aggregates a" + places(filter, after: after, most: most, tenant)
    }

    /// The newest first: ids are ordered by time, so that the primary key gives them in this order.
    private static func places(_ filter: Filter, after: UUID?, most: Int, _ tenant: TenantID) -> SQL {
        var conditions: SQL = " WHERE a.tenant_id = \(tenant.uuid) AND a.category = 'consignor'"
        if let after { conditions += " AND a.stream_id < \(after)" }
        if let status = filter.status { conditions += " AND a.state ->> 'status' = \(status.rawValue)" }
        if let number = filter.number {
            conditions += """
                 AND a.stream_id IN (SELECT h.stream_id FROM main.claims h
                                     WHERE h.tenant_id = \(tenant.uuid) AND h.kind = 'consignor_number'
                                       AND h.value = \(number))
                """
        }
        return conditions + " ORDER BY a.stream_id DESC LIMIT \(unescaped: "\(most)")"
    }

    func one(_ id: UUID, of tenant: TenantID) async throws -> Opened? {
        let rows = try await pool.query(Self.statement([id], tenant), tenant: tenant.uuid)
        return try rows.first.map { try open($0, tenant) }
    }

    func page(_ filter: Filter, after: UUID?, limit: Int, of tenant: TenantID) async throws -> Page {
        // Opening takes a processor: not the event loop of a connection, where others wait.
        try await withTaskExecutorPreference(globalConcurrentExecutor) {
            guard let search = filter.search else { return try await walked(filter, after, limit, tenant) }
            return try await found(by: search, filter, after, limit, tenant)
        }
    }

    private func walked(_ filter: Filter, _ after: UUID?, _ limit: Int, _ tenant: TenantID) async throws -> Page {
        // A few sizes, because each text is prepared once per connection. One more says that there is a next page.
        let most = ([50, 200].first { $0 >= limit } ?? Self.portion - 1) + 1
        let rows = try await pool.query(
            Self.listStatement(filter, after: after, most: most, tenant), tenant: tenant.uuid, lane: .slow)
        var page = Page(consignors: try rows.prefix(limit).map { try open($0, tenant) })
        if rows.count > limit { page.next = page.consignors.last?.record.id }
        return page
    }

    private func found(
        by search: SearchText.Search, _ filter: Filter, _ after: UUID?, _ limit: Int, _ tenant: TenantID
    ) async throws -> Page {
        let known = words.known(of: tenant)
        var new: [UUID: ConsignorWords.Entry] = [:]
        var (last, scanned) = (after, 0)
        var portions = Self.portions[...]
        var ids: [UUID] = []
        var isAtEnd = false
        while !isAtEnd, ids.count <= limit, new.count < Self.mostOpened, scanned < Self.mostScanned {
            let most = portions[portions.startIndex]
            if portions.count > 1 { portions.removeFirst() }
            let places = try await pool.query(
                Self.versionsStatement(filter, after: last, most: most, tenant), tenant: tenant.uuid, lane: .slow
            ).map { (id: try $0.decode(0, as: UUID.self), version: try $0.decode(1, as: Int64.self)) }
            let unknown = places.filter { known[$0.id]?.version != $0.version }.map(\.id)
            new.merge(try await words(of: unknown, tenant)) { $1 }
            for (id, _) in places {
                last = id
                guard let entry = new[id] ?? known[id], search.finds(words: entry.words.reveal()) else { continue }
                ids.append(id)
                if ids.count > limit { break }
            }
            scanned += places.count
            isAtEnd = places.count < most
        }
        words.keep(new, of: tenant)
        let isFull = ids.count > limit
        ids = Array(ids.prefix(limit))
        let rows = ids.isEmpty ? .empty : try await pool.query(Self.statement(ids, tenant), tenant: tenant.uuid)
        let consignors = try rows.map { try open($0, tenant) }.sorted { $0.record.id.bits > $1.record.id.bits }
        return Page(consignors: consignors, next: isFull ? ids.last : isAtEnd ? nil : last)
    }

    /// Opens no more of them than a search needs.
    private func words(of ids: [UUID], _ tenant: TenantID) async throws -> [UUID: ConsignorWords.Entry] {
        guard !ids.isEmpty else { return [:] }
        var entries = [UUID: ConsignorWords.Entry](minimumCapacity: ids.count)
        for row in try await pool.query(Self.wordsStatement(ids, tenant), tenant: tenant.uuid, lane: .slow) {
            let record = try ConsignorRecord(stored: row.bytes(1) ?? [])
            entries[record.id] = ConsignorWords.Entry(
                version: record.version, words: Personal(try words(of: record, row, tenant)))
        }
        return entries
    }

    /// What `q` finds somebody by.
    private func words(of record: ConsignorRecord, _ row: Row, _ tenant: TenantID) throws -> [String] {
        var words = SearchText.fold(record.number ?? "")
        let owner = KeyOwner(tenant: tenant, person: record.id, scope: .contact)
        guard record.status != .erased, let key = try keys.unwrap(row, from: 2, owner) else { return words }
        for name in ["name", "mail", "phone"] {
            guard let sealed = record.contact[name]?.stringValue else { continue }
            let folded = SearchText.fold(try key.open(sealed, as: name).stringValue ?? "")
            words += folded
            // A telephone number is found however its digits are grouped.
            if name == "phone" { words += folded.indices.map { folded[$0...].joined() } }
        }
        return words
    }

    private func open(_ row: Row, _ tenant: TenantID) throws -> Opened {
        let record = try ConsignorRecord(stored: row.bytes(1) ?? [])
        func open(_ fields: JSONObject, _ scope: PersonScope, _ column: Int) throws -> Personal<JSONObject>? {
            let owner = KeyOwner(tenant: tenant, person: record.id, scope: scope)
            guard let key = try keys.unwrap(row, from: column, owner) else { return nil }
            return Personal(
                JSONObject(
                    try fields.members.map { field in
                        (field.key, try key.open(field.value.stringValue ?? "", as: field.key))
                    }))
        }
        return Opened(
            record: record, contact: try open(record.contact, .contact, 2), tax: try open(record.tax, .tax, 4))
    }
}
