import Documents
import EventSourcing
import Foundation
import NIOCore
import Postgres

/// Reads from a generation of a projection, whose rows carry the ready document.
struct ProjectionSource: DocumentSource {
    var resource: Resource
    var generation: Generation
    var pool: PostgresPool

    func one(_ id: UUID, for visibility: Visibility, of tenant: TenantID) async throws -> Answer? {
        let rows = try await pool.query(
            resource.statement(id, in: generation, for: visibility), tenant: tenant.uuid, lane: .fast,
            deadline: .seconds(2))
        guard let row = rows.first else { return nil }
        if resource.isMade(for: visibility), let make = resource.keyDocument {
            guard let document = try make(row.bytes(1) ?? []) else { return nil }
            return Answer(version: try row.decode(0), ByteBuffer(bytes: document), for: visibility)
        }
        let body = row.withBytes(1) { ByteBuffer(bytes: $0 ?? UnsafeRawBufferPointer(start: nil, count: 0)) }
        return Answer(version: try row.decode(0), body, for: visibility)
    }

    func page(_ list: ListRequest, of tenant: TenantID) async throws -> ByteBuffer {
        try list.body(try await rows(list, of: tenant))
    }

    private func rows(_ list: ListRequest, of tenant: TenantID) async throws(PostgresError) -> ArraySlice<Row> {
        func query(_ statement: SQL) async throws(PostgresError) -> Rows {
            try await pool.query(statement, tenant: tenant.uuid, lane: .slow)
        }
        guard !list.findsNothing else { return [] }
        let statement = list.statement(in: generation)
        guard let search = list.search?.query else { return Array(try await query(statement.walking()))[...] }
        let glanced = try await query(statement.glancing(search))
        if glanced.count > list.limit { return Array(glanced)[...] }
        let found = try await query(statement.finding(search))
        if let first = found.first, try first.decode(3, as: Int.self) > ListStatement.mostFound {
            return Array(try await query(statement.walking(search: search)))[...]
        }
        return found.filter { !$0.isNull(0) }[...]
    }
}
