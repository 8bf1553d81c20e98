import EventSourcing
import Foundation
import NIOCore
import Postgres

/// Reads from the operational tables: what has been acknowledged is there. The documents are made as they are read.
struct TableSource: DocumentSource {
    var table: any OperationalTable.Type
    var pool: PostgresPool

    func one(_ id: UUID, for visibility: Visibility, of tenant: TenantID) async throws -> Answer? {
        try await one(id, in: table, for: visibility, of: tenant)
    }

    func page(_ list: ListRequest, of tenant: TenantID) async throws -> ByteBuffer {
        try await page(list, in: table, of: tenant)
    }

    private func one<Table: OperationalTable>(
        _ id: UUID, in table: Table.Type, for visibility: Visibility, of tenant: TenantID
    ) async throws -> Answer? {
        let rows = try await pool.query(
            Table.statement([id]), tenant: tenant.uuid, lane: .fast, deadline: .seconds(2))
        guard let row = rows.first else { return nil }
        let record = try Table.record(row)
        guard record.isVisible(visibility), let bytes = record.document(visibility) else { return nil }
        return Answer(version: record.version, ByteBuffer(bytes: bytes), for: visibility)
    }

    /// One snapshot, so that a page is what the tables held at one moment.
    private func page<Table: OperationalTable>(
        _ list: ListRequest, in table: Table.Type, of tenant: TenantID
    ) async throws -> ByteBuffer {
        guard !list.findsNothing else { return try list.body([TableEntry]()) }
        // A tenant's whole table is decoded: not on the event loop of a connection, where others wait.
        return try await withTaskExecutorPreference(globalConcurrentExecutor) {
            let entries = try await pool.transaction(tenant: tenant.uuid, isolation: .repeatableRead, readOnly: true) {
                let reader = TableList<Table>(list: list, transaction: $0)
                if let search = list.search { return try await reader.found(by: search) }
                return try await reader.walked()
            }
            return try list.body(entries)
        }
    }
}

/// A document that was made, and its place in a list.
struct TableEntry: PageEntry, Sendable {
    var place: Keyset
    var document: [UInt8]

    func withDocument<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result { document.withUnsafeBytes(body) }

    func keyset(_ kind: ListSort.Kind) -> Keyset { place }
}
