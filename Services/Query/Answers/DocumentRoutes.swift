import Edge
import EventSourcing
import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Postgres

/// Answers reads of a resource from the side that the read switches say.
struct DocumentRoutes: Sendable {
    var resource: Resource
    var pool: PostgresPool
    var standpoints: Standpoints
    var switches: SwitchFile
    var shadow: Shadow

    /// `GET /v1/<resource>/{id}`.
    func one(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let id = try context.id("id", prefix: resource.prefix)
        if request.uri.query != nil {
            var parameters = QueryParameters(request)
            try parameters.finish()
        }
        let tenant = try context.tenant().id
        let visibility: Visibility = context.seesEverything ? .full : .storefront
        let subject = ReadSubject.one(id)
        let (document, standpoint) = try await read(subject, request, context) { source in
            try await source.one(id, for: visibility, of: tenant)
        }
        guard let document else {
            throw Problem(.notFound, "there is no such \(resource.prefix), or it is not for you to see")
        }
        var headers = HTTPFields()
        headers.reserveCapacity(10)
        headers[.eTag] = document.tag
        Caching.write(visibility, to: &headers)
        standpoint.write(to: &headers)
        if let condition = request.headers[.ifNoneMatch], EntityTag.matches(condition, document.tag) {
            return Response(status: .notModified, headers: headers)
        }
        return Response.json(document.body, headers: headers)
    }

    /// `GET /v1/<resource>`: a page of documents.
    func page(_ list: ListRequest, _ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.tenant().id
        let (page, standpoint) = try await read(.list(list.place), request, context) { source in
            try await source.page(list, of: tenant)
        }
        var headers = HTTPFields()
        Caching.write(list.visibility, to: &headers)
        standpoint.write(to: &headers)
        return Response.json(page, headers: headers)
    }

    private typealias Body<Value> = @Sendable (any DocumentSource) async throws -> Value

    private func read<Value: Fingerprinted>(
        _ subject: ReadSubject, _ request: Request, _ context: EdgeContext, _ body: @escaping Body<Value>
    ) async throws -> (Value, Standpoint) {
        let tenant = try context.tenant()
        let use = switches.use(resource.name, of: (tenant.id, tenant.slug), id: subject.id)
        guard use != .projections else { return try await projected(tenant, request, body) }
        let tables = TableSource(resource: resource, pool: pool)
        let standpoint = try await standpoints.tables(for: tenant, request)
        let value = try await body(tables)
        if use == .shadow {
            shadow.offer(
                ShadowComparison(
                    resource: resource, subject: subject, tenant: tenant.slug, answered: value.fingerprint,
                    tables: { try await body(tables).fingerprint },
                    projections: { try await projected(body).fingerprint }))
        }
        return (value, standpoint)
    }

    /// Reads from the live generation; once more if its table was dropped before this process heard of the next one.
    private func projected<Value>(
        _ tenant: Tenant, _ request: Request, _ body: Body<Value>
    ) async throws -> (Value, Standpoint) {
        try await standpoints.follower.retryingDropped {
            let (generation, standpoint) = try await standpoints.projection(resource.projection, for: tenant, request)
            return (
                try await body(ProjectionSource(resource: resource, generation: generation, pool: pool)), standpoint
            )
        }
    }

    /// The same for nobody's request: what the live generation says.
    private func projected<Value>(_ body: Body<Value>) async throws -> Value {
        try await standpoints.follower.retryingDropped {
            let generation = try standpoints.live(resource.projection).1
            return try await body(ProjectionSource(resource: resource, generation: generation, pool: pool))
        }
    }
}

/// What a read is of.
enum ReadSubject: Sendable {
    case one(UUID)
    /// A digest of what was asked for.
    case list(String)

    var id: UUID? { if case .one(let id) = self { id } else { nil } }
}
