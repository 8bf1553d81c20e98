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
    var hot: HotAnswers

    /// `GET /v1/<resource>/{id}`.
    func one(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let id = try context.id("id", prefix: resource.prefix)
        if request.uri.query != nil {
            var parameters = QueryParameters(request)
            try parameters.finish()
        }
        let tenant = try context.tenant().id
        let visibility: Visibility = context.seesEverything ? .full : .storefront
        let found = try await read(.one(id), visibility, request, context) { source in
            try await source.one(id, for: visibility, of: tenant)
        }
        guard let response = found else {
            throw Problem(.notFound, "there is no such \(resource.prefix), or it is not for you to see")
        }
        return response
    }

    /// `GET /v1/<resource>`: a page of documents.
    func page(_ list: ListRequest, _ request: Request, _ context: EdgeContext) async throws -> Response {
        if CSVFile.isWanted(by: request) { return try await file(list, request, context) }
        let tenant = try context.tenant().id
        let found = try await read(.list(list.place), list.visibility, request, context) { source in
            Answer(try await source.page(list, of: tenant), for: list.visibility)
        }
        return found ?? Response(status: .notFound)
    }

    /// The same list as a CSV file: all of it, unless the client has said how much.
    private func file(_ list: ListRequest, _ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.tenant()
        let source: any DocumentSource
        let standpoint: Standpoint
        if let switching = resource.switching,
            switches.use(switching.resource, of: (tenant.id, tenant.slug), id: nil) != .projections
        {
            source = TableSource(table: switching.table, pool: pool)
            standpoint = try await standpoints.tables(for: tenant, request)
        } else {
            let (generation, reached) = try await standpoints.projection(resource.projection, for: tenant, request)
            source = ProjectionSource(resource: resource, generation: generation, pool: pool)
            standpoint = reached
        }
        return try await CSVFile(columns: resource.csv, name: resource.name)
            .response(list, from: source, of: tenant.id, standpoint)
    }

    private typealias Body = @Sendable (any DocumentSource) async throws -> Answer?

    /// nil: there is nothing.
    private func read(
        _ subject: ReadSubject, _ visibility: Visibility, _ request: Request, _ context: EdgeContext,
        _ body: @escaping Body
    ) async throws -> Response? {
        let tenant = try context.tenant()
        let (answer, standpoint) = try await read(subject, visibility, tenant, request, body)
        guard let answer else { return nil }
        var headers = answer.headers
        // What is made for one key is for no cache that others share.
        if resource.isMade(for: visibility) { Caching.write(.full, to: &headers) }
        standpoint.write(to: &headers)
        if let tag = answer.tag, let condition = request.headers[.ifNoneMatch], EntityTag.matches(condition, tag) {
            headers[.contentType] = nil
            headers[.contentEncoding] = nil
            return Response(status: .notModified, headers: headers)
        }
        return Response.json(answer.body, headers: headers)
    }

    private func read(
        _ subject: ReadSubject, _ visibility: Visibility, _ tenant: Tenant, _ request: Request, _ body: @escaping Body
    ) async throws -> (Answer?, Standpoint) {
        let flip = hot.flip
        if let switching = resource.switching {
            let use = switches.use(switching.resource, of: (tenant.id, tenant.slug), id: subject.id)
            if use != .projections { return try await tables(use, switching.table, subject, tenant, request, body) }
        }
        if resource.isKept { return try await kept(subject, visibility, tenant, request, since: flip, body) }
        let (answer, standpoint, _) = try await projected(tenant, request, body)
        return (answer, standpoint)
    }

    private func tables(
        _ use: ReadUse, _ table: any OperationalTable.Type, _ subject: ReadSubject, _ tenant: Tenant,
        _ request: Request, _ body: @escaping Body
    ) async throws -> (Answer?, Standpoint) {
        let tables = TableSource(table: table, pool: pool)
        let standpoint = try await standpoints.tables(for: tenant, request)
        let answer = try await body(tables)
        if use == .shadow {
            shadow.offer(
                ShadowComparison(
                    resource: resource, subject: subject, tenant: tenant.slug, answered: answer.fingerprint,
                    tables: { try await body(tables).fingerprint },
                    projections: { try await projected(body).fingerprint }))
        }
        return (answer, standpoint)
    }

    /// Reads from projections, together with whoever asks for the same at the same time.
    private func kept(
        _ subject: ReadSubject, _ visibility: Visibility, _ tenant: Tenant, _ request: Request, since flip: Int,
        _ body: Body
    ) async throws -> (Answer?, Standpoint) {
        let key = HotKey(
            tenant: tenant.id, visibility: visibility,
            takesGzip: Gzip.isTaken(request.headers[.acceptEncoding]), target: request.head.path ?? "")
        return try await hot.kept(
            key, HotSubject(projection: resource.projection, tenant: tenant.id, id: subject.id),
            // Who asks for a position must not get what was read before it was reached, and who wants a new read not
            // somebody else's.
            mayJoin: request.headers[.closterAfter] == nil
                && !(request.headers[.cacheControl].map(HotRequest.refusesKept) ?? false),
            since: flip
        ) {
            try await projected(tenant, request, body)
        }
    }

    /// Reads from the live generation; once more if its table was dropped before this process heard of the next one.
    private func projected(
        _ tenant: Tenant, _ request: Request, _ body: Body
    ) async throws -> (Answer?, Standpoint, Generation) {
        try await standpoints.follower.retryingDropped {
            let (generation, standpoint) = try await standpoints.projection(resource.projection, for: tenant, request)
            let source = ProjectionSource(resource: resource, generation: generation, pool: pool)
            return (try await body(source), standpoint, generation)
        }
    }

    /// The same for nobody's request: what the live generation says.
    private func projected(_ body: Body) async throws -> Answer? {
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
