import Documents
import EventSourcing
import Foundation
import JSON
import PersonalData
import Postgres

/// Reads consignors from their operational table, and opens what is personal on the way out. Nothing opened is kept.
struct ConsignorReader: Sendable {
    /// Rows read, and opened, at once.
    static let portion = 500
    /// Rows that one request looks at. A search that has not filled its page by then gives the page as it is, and says
    /// where to go on.
    static let mostScanned = 5_000

    var pool: PostgresPool
    var keys: PersonKeys

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
        LEFT JOIN main.person_keys c
            ON c.tenant_id = a.tenant_id AND c.person_id = a.stream_id AND c.scope = 'contact'
        LEFT JOIN main.person_keys t ON t.tenant_id = a.tenant_id AND t.person_id = a.stream_id AND t.scope = 'tax'
        """

    static func oneStatement(_ id: UUID, _ tenant: TenantID) -> SQL {
        columns + " WHERE a.tenant_id = \(tenant.uuid) AND a.category = 'consignor' AND a.stream_id = \(id)"
    }

    /// The newest first: ids are ordered by time, so that the primary key gives them in this order.
    static func portionStatement(_ filter: Filter, after: UUID?, _ tenant: TenantID) -> SQL {
        var statement = columns + " WHERE a.tenant_id = \(tenant.uuid) AND a.category = 'consignor'"
        if let after { statement += " AND a.stream_id < \(after)" }
        if let status = filter.status { statement += " AND a.state ->> 'status' = \(status.rawValue)" }
        if let number = filter.number {
            statement += """
                 AND a.stream_id IN (SELECT h.stream_id FROM main.claims h
                                     WHERE h.tenant_id = \(tenant.uuid) AND h.kind = 'consignor_number'
                                       AND h.value = \(number))
                """
        }
        return statement + " ORDER BY a.stream_id DESC LIMIT \(unescaped: "\(portion)")"
    }

    func one(_ id: UUID, of tenant: TenantID) async throws -> Opened? {
        let rows = try await pool.query(Self.oneStatement(id, tenant), tenant: tenant.uuid)
        return try rows.first.map { try open($0, tenant) }
    }

    func page(_ filter: Filter, after: UUID?, limit: Int, of tenant: TenantID) async throws -> Page {
        var page = Page()
        var after = after
        var scanned = 0
        while true {
            let rows = try await pool.query(
                Self.portionStatement(filter, after: after, tenant), tenant: tenant.uuid, lane: .slow)
            for row in rows {
                let opened = try open(row, tenant)
                guard filter.search?.finds(words: Self.words(of: opened)) ?? true else {
                    after = opened.record.id
                    continue
                }
                // One more than the page holds says that there is a next one.
                if page.consignors.count == limit {
                    page.next = page.consignors.last?.record.id
                    return page
                }
                page.consignors.append(opened)
                after = opened.record.id
            }
            scanned += rows.count
            guard rows.count == Self.portion else { return page }
            if scanned >= Self.mostScanned {
                page.next = after
                return page
            }
        }
    }

    /// What `q` finds somebody by.
    private static func words(of consignor: Opened) -> [String] {
        var texts = [consignor.record.number].compactMap(\.self)
        if consignor.record.status != .erased, let contact = consignor.contact?.reveal() {
            texts += ["name", "mail", "phone"].compactMap { contact[$0]?.stringValue }
            // A telephone number is found however its digits are grouped.
            let groups = SearchText.fold(contact["phone"]?.stringValue ?? "")
            texts += groups.indices.map { groups[$0...].joined() }
        }
        return texts.flatMap(SearchText.fold)
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
