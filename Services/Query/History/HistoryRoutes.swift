import Documents
import Edge
import EventSourcing
import Foundation
import HTTPTypes
import Hummingbird
import Identity
import JSON
import Postgres
import Runtime

/// What happened, for operators: `GET /v1/events`, `/v1/streams/{category}/{id}` and `/v1/trace/{correlation_id}`.
///
/// `/v1/events` goes forward from `after`, a position (0: the beginning), in the order of the log; its `next` is the
/// `after` of the next request. With `category` or `type` a page may hold fewer events than `limit`, or none, and still
/// have a `next`. With `follow=true` it goes on with what comes. A stream is told in the order of its versions.
struct HistoryRoutes: Sendable {
    var pool: PostgresPool
    var standpoints: Standpoints
    var feed: Feed
    /// Of followers that catch up: fewer than there are connections for slow reads.
    let turns = Turns(4)

    var history: HistoryReader { HistoryReader(pool: pool) }

    func add(to router: EdgeRouter) {
        router.get("/v1/events", use: events)
        router.get("/v1/streams/:category/:id", use: stream)
        router.get("/v1/trace/:correlation_id", use: trace)
    }

    @Sendable func events(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.operatorsTenant()
        var parameters = QueryParameters(request)
        let after = parameters.integer("after", in: 0...Int64.max) ?? 0
        let filter = FeedFilter(category: parameters.text("category"), type: parameters.text("type"))
        let limit = parameters.limit()
        let follows = parameters.flag("follow")
        if follows, parameters.contains("limit") {
            parameters.fail("limit", "not_allowed", "is for pages: a followed feed has none")
        }
        try parameters.finish()
        if follows { return try await follow(after: after, filter, of: tenant, request) }
        let standpoint = try await standpoints.tables(for: tenant, request)
        let page = try await history.events(
            of: tenant.id, after: after, upTo: standpoint.position.position, category: filter.category,
            type: filter.type, limit: limit)
        return Self.answer(try Self.list(page.rows, next: page.next.map(String.init)), standpoint)
    }

    @Sendable func stream(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.operatorsTenant()
        let category = try context.parameter("category")
        let id = try context.id("id", prefix: category)
        let stream = StreamID(category: category, id: id)
        var parameters = QueryParameters(request)
        let limit = parameters.limit()
        let scope = CursorScope(
            resource: "streams/\(stream)", tenant: tenant.id, visibility: .full, sort: "version")
        let cursor = parameters.text("cursor", mayBeEmpty: false)
        try parameters.finish()
        var after: Int64 = 0
        if let cursor {
            guard let version = scope.keyset(cursor)?.value else { throw Problem(.invalidCursor) }
            after = version
        }
        let standpoint = try await standpoints.tables(for: tenant, request)
        let rows = try await history.stream(stream, of: tenant.id, after: after, limit: limit)
        guard !rows.isEmpty || cursor != nil else { throw Problem(.notFound, "there is no such stream") }
        let last = rows.count > limit ? try rows[limit - 1].decode(4, as: Int64.self) : nil
        let next = last.map { scope.cursor(Keyset(value: $0, id: id)) }
        return Self.answer(try Self.list(rows.prefix(limit), next: next), standpoint)
    }

    @Sendable func trace(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.operatorsTenant()
        var parameters = QueryParameters(request)
        try parameters.finish()
        guard let correlationID = UUID(uuidString: try context.parameter("correlation_id")) else {
            throw Problem(.notFound, "a correlation id is a UUID")
        }
        let standpoint = try await standpoints.tables(for: tenant, request)
        guard let trace = try await TraceReader(pool: pool).trace(correlationID, of: tenant.id) else {
            throw Problem(.notFound, "nothing in the log has this correlation id")
        }
        return Self.answer(TraceDocument.bytes(trace), standpoint)
    }

    private static func list(_ rows: some Sequence<Row>, next: String?) throws(PostgresError) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 16 * 1024)
        writer.beginObject()
        writer.key("data")
        writer.beginArray()
        for row in rows { try HistoryReader.event(row).write(to: &writer) }
        writer.endArray()
        writer.member("next", next)
        writer.endObject()
        return writer.bytes
    }

    private static func answer(_ bytes: [UInt8], _ standpoint: Standpoint) -> Response {
        var headers = HTTPFields()
        Caching.writeNever(to: &headers)
        standpoint.write(to: &headers)
        return Response.json(bytes, headers: headers)
    }
}
