import Edge
import EventSourcing
import HTTPTypes
import Hummingbird
import Identity
import JSON
import Postgres

/// `GET /v1/due-intents`, for members: what waits for its time, and what became of what had come, in the order of their
/// times, as JSON or as a CSV file. From the table that they are run from, and so current.
struct DueIntentRoutes: Sendable {
    var pool: PostgresPool
    var standpoints: Standpoints

    func add(to router: EdgeRouter) { router.get("/v1/due-intents", use: list) }

    @Sendable private func list(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.operatorsTenant()
        var list = try DueIntentList(request, of: tenant.id)
        let standpoint = try await standpoints.tables(for: tenant, request)
        if CSVFile.isWanted(by: request) {
            if !list.isLimited { list.takeMost() }
            let file = CSVFile(columns: DueIntentList.csv, name: "due-intents")
            return try await file.response(standpoint, isWhole: !list.isLimited) { [list, pool] (place: Keyset?) in
                let page = try await list.page(pool, after: place ?? list.after)
                return (page.documents, page.next)
            }
        }
        let page = try await list.page(pool, after: list.after)
        var writer = JSONWriter(reservingCapacity: 1024)
        writer.beginObject()
        writer.key("data")
        writer.array { writer in for document in page.documents { writer.raw(document.bytes) } }
        writer.member("next", page.next.map(list.scope.cursor))
        writer.endObject()
        var headers = HTTPFields()
        Caching.writeNever(to: &headers)
        standpoint.write(to: &headers)
        return Response.json(writer.bytes, headers: headers)
    }
}
