import Edge
import EventSourcing
import HTTPTypes
import Hummingbird
import Identity
import JSON
import Postgres

/// `GET /v1/parked`, for operators: events that a projection could not apply, each with how many wait behind it in its
/// group; with `state=skipped` those that somebody has decided to pass over. In the order of the log.
struct ParkedRoutes: Sendable {
    var pool: PostgresPool
    var standpoints: Standpoints

    func add(to router: EdgeRouter) {
        router.get("/v1/parked", use: list)
    }

    @Sendable func list(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.operatorsTenant()
        var parameters = QueryParameters(request)
        let state = parameters.choice("state", ParkedReader.State.self) ?? .parked
        let limit = parameters.limit()
        let cursor = parameters.text("cursor", mayBeEmpty: false)
        try parameters.finish()
        var scope = CursorScope(resource: "parked", tenant: tenant.id, visibility: .full, sort: "position")
        scope.add("state", state.rawValue)
        let after = try cursor.map { cursor in
            guard let keyset = scope.keyset(cursor) else { throw Problem(.invalidCursor) }
            return keyset
        }
        let standpoint = try await standpoints.tables(for: tenant, request)
        let rows = try await pool.query(
            ParkedReader.statement(state, after: after, limit: limit + 1), tenant: tenant.id.uuid, lane: .slow)
        let next = rows.count > limit ? scope.cursor(try ParkedReader.keyset(rows[limit - 1])) : nil
        var writer = JSONWriter(reservingCapacity: 1024)
        writer.beginObject()
        writer.key("data")
        writer.beginArray()
        for row in rows.prefix(limit) { try ParkedReader.write(row, state, to: &writer) }
        writer.endArray()
        writer.member("next", next)
        writer.endObject()
        var headers = HTTPFields()
        Caching.writeNever(to: &headers)
        standpoint.write(to: &headers)
        return Response.json(writer.bytes, headers: headers)
    }
}
