import Edge
import EventSourcing
import Foundation
import HTTPTypes
import Hummingbird
import Identity
import NIOCore
import Postgres

/// Answers reads of a resource whose rows carry the ready document.
struct DocumentRoutes: Sendable {
    var resource: Resource
    var pool: PostgresPool
    var standpoints: Standpoints

    /// `GET /v1/<resource>/{id}`: the document, as it lies in the row.
    func one(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let id = try context.id("id", prefix: resource.prefix)
        if request.uri.query != nil {
            var parameters = QueryParameters(request)
            try parameters.finish()
        }
        let tenant = try context.tenant()
        let visibility: Visibility = context.seesEverything ? .full : .storefront
        let (rows, standpoint) = try await read(request, context) { generation in
            try await pool.query(
                resource.statement(id, in: generation, for: visibility), tenant: tenant.id.uuid, lane: .fast,
                deadline: .seconds(2))
        }
        guard let row = rows.first else {
            throw Problem(.notFound, "there is no such \(resource.prefix), or it is not for you to see")
        }
        let version: Int64 = try row.decode(0)
        let (body, tag) = row.withBytes(1) { bytes in
            let bytes = bytes ?? UnsafeRawBufferPointer(start: nil, count: 0)
            return (ByteBuffer(bytes: bytes), EntityTag.make(version: version, of: bytes))
        }
        var headers = HTTPFields()
        headers.reserveCapacity(10)
        headers[.eTag] = tag
        Caching.write(visibility, to: &headers)
        standpoint.write(to: &headers)
        if let condition = request.headers[.ifNoneMatch], EntityTag.matches(condition, tag) {
            return Response(status: .notModified, headers: headers)
        }
        return Response.json(body, headers: headers)
    }

    /// `GET /v1/<resource>`: a page of documents.
    func page(_ list: ListRequest, _ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.tenant().id
        let (page, standpoint) = try await read(request, context) { generation in
            try await rows(list, in: generation, of: tenant)
        }
        var headers = HTTPFields()
        Caching.write(list.visibility, to: &headers)
        standpoint.write(to: &headers)
        return Response.json(try list.body(page), headers: headers)
    }

    private func rows(
        _ list: ListRequest, in generation: Generation, of tenant: TenantID
    ) async throws(PostgresError) -> ArraySlice<Row> {
        func query(_ statement: SQL) async throws(PostgresError) -> Rows {
            try await pool.query(statement, tenant: tenant.uuid, lane: .slow)
        }
        guard !list.findsNothing else { return [] }
        let statement = list.statement(in: generation)
        guard let search = list.search else { return Array(try await query(statement.walking()))[...] }
        let glanced = try await query(statement.glancing(search))
        if glanced.count > list.limit { return Array(glanced)[...] }
        let found = try await query(statement.finding(search))
        if let first = found.first, try first.decode(3, as: Int.self) > ListStatement.mostFound {
            return Array(try await query(statement.walking(search: search)))[...]
        }
        return found.filter { !$0.isNull(0) }[...]
    }

    /// Reads from the live generation; once more if its table was dropped before this process heard of the next one.
    private func read<Value>(
        _ request: Request, _ context: EdgeContext, _ body: (Generation) async throws -> Value
    ) async throws -> (Value, Standpoint) {
        let tenant = try context.tenant()
        let (generation, standpoint) = try await standpoints.projection(resource.projection, for: tenant, request)
        do {
            return (try await body(generation), standpoint)
        } catch let error as PostgresError where error.sqlState == "42P01" {
            try await standpoints.follower.look(isGone: true)
            let (generation, standpoint) = try await standpoints.projection(resource.projection, for: tenant, request)
            return (try await body(generation), standpoint)
        }
    }
}
