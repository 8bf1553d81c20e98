import Documents
import Edge
import EventSourcing
import HTTPTypes
import Hummingbird
import Identity
import JSON
import Postgres

/// `GET /v1/tenant`, `GET /v1/members` and `GET /v1/keys`: the tenant's own record, from its operational table and so
/// current; for members.
struct TenantRoutes: Sendable {
    var pool: PostgresPool
    var standpoints: Standpoints

    func add(to router: EdgeRouter) {
        router.get("/v1/tenant") { request, context in try await answer(request, context, TenantDocument.write) }
        router.get("/v1/members") { request, context in
            try await answer(request, context, TenantDocument.writeMembers)
        }
        router.get("/v1/keys") { request, context in try await answer(request, context, TenantDocument.writeKeys) }
    }

    private func answer(
        _ request: Request, _ context: EdgeContext,
        _ write: (TenantDocument.Tenant, inout JSONWriter) -> Void
    ) async throws -> Response {
        let tenant = try context.operatorsTenant()
        var parameters = QueryParameters(request)
        try parameters.finish()
        let standpoint = try await standpoints.tables(for: tenant, request)
        let id = tenant.id.uuid
        let rows = try await pool.query(
            """
            SELECT a.version, a.state, a.created_at, a.updated_at FROM main.aggregates a
            WHERE a.category = 'tenant' AND a.stream_id = \(id)
            """, tenant: id, lane: .fast)
        guard let row = rows.first else { throw Problem(.unknownTenant) }
        let document = TenantDocument.Tenant(
            id: id, version: try row.decode(0), record: try TenantRecord(stored: row.bytes(1) ?? []),
            createdAt: try row.timestamp(2), updatedAt: try row.timestamp(3))
        var writer = JSONWriter(reservingCapacity: 2048)
        write(document, &writer)
        var headers = HTTPFields()
        Caching.writeNever(to: &headers)
        headers[.eTag] = writer.bytes.withUnsafeBytes { EntityTag.make(version: document.version, of: $0) }
        standpoint.write(to: &headers)
        return Response.json(writer.bytes, headers: headers)
    }
}
