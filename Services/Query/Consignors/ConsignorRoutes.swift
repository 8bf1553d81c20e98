import Documents
import Edge
import EventSourcing
import Foundation
import HTTPTypes
import Hummingbird
import Identity
import JSON

/// `GET /v1/consignors` and `GET /v1/consignors/{id}`: from the operational table and so current; for members with
/// `consignors:read`.
///
/// As JSON or, the list, as a CSV file. No answer is kept, here or by anybody: what is personal is opened for the one who asks. Searching opens the tenant's
/// consignors one after the other, because nothing that could be searched is stored.
struct ConsignorRoutes: Sendable {
    var reader: ConsignorReader
    var standpoints: Standpoints

    func add(to router: EdgeRouter) {
        router.get("/v1/consignors", use: list)
        router.get("/v1/consignors/:id", use: one)
    }

    @Sendable private func one(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try member(context)
        let id = try context.id("id", prefix: "consignor")
        var parameters = QueryParameters(request)
        try parameters.finish()
        let standpoint = try await standpoints.tables(for: tenant, request)
        guard let consignor = try await reader.one(id, of: tenant.id) else {
            throw Problem(.notFound, "there is no such consignor")
        }
        var writer = JSONWriter(reservingCapacity: 1024)
        consignor.write(to: &writer)
        let tag = writer.bytes.withUnsafeBytes { EntityTag.make(version: consignor.record.version, of: $0) }
        return answer(writer, standpoint, tag: tag)
    }

    @Sendable private func list(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try member(context)
        let list = try ConsignorList(request, of: tenant.id)
        let standpoint = try await standpoints.tables(for: tenant, request)
        if CSVFile.isWanted(by: request) {
            let file = CSVFile(columns: ConsignorDocument.csv, name: "consignors")
            return try await file.response(standpoint, isWhole: !list.isLimited) { [reader] (place: UUID?) in
                // One portion is a page, and the one row more that says there is another.
                let limit = list.isLimited ? list.limit : ConsignorReader.portion - 1
                let page = try await list.page(reader, after: place ?? list.after, limit: limit)
                return (try page.consignors.map { try $0.document() }, page.next)
            }
        }
        let page = try await list.page(reader, after: list.after, limit: list.limit)
        var writer = JSONWriter(reservingCapacity: 1024 * (page.consignors.count + 1))
        writer.beginObject()
        writer.key("data")
        writer.array { writer in for consignor in page.consignors { consignor.write(to: &writer) } }
        writer.member("next", page.next.map { list.scope.cursor(Keyset(value: nil, id: $0)) })
        writer.endObject()
        return answer(writer, standpoint)
    }

    private func member(_ context: EdgeContext) throws -> Tenant {
        _ = try context.operatorsTenant()
        return try context.require(.consignorsRead)
    }

    private func answer(_ writer: JSONWriter, _ standpoint: Standpoint, tag: String? = nil) -> Response {
        var headers = HTTPFields()
        Caching.writeNever(to: &headers)
        headers[.eTag] = tag
        standpoint.write(to: &headers)
        return Response.json(writer.bytes, headers: headers)
    }
}

/// Which consignors were asked for.
private struct ConsignorList: Sendable {
    let tenant: TenantID
    let filter: ConsignorReader.Filter
    /// `q` has no letter and no digit, so there is nothing it could find.
    let findsNothing: Bool
    let limit: Int
    /// The client has said how many it wants.
    let isLimited: Bool
    let after: UUID?
    let scope: CursorScope

    init(_ request: Request, of tenant: TenantID) throws {
        self.tenant = tenant
        var parameters = QueryParameters(request)
        var scope = CursorScope(resource: "consignors", tenant: tenant, visibility: .full, sort: "-created_at")
        var filter = ConsignorReader.Filter()
        filter.status = parameters.choice("status", ConsignorStatus.self)
        if let status = filter.status { scope.add("status", status.rawValue) }
        filter.number = parameters.text("number")
        if let number = filter.number { scope.add("number", number) }
        let q = parameters.text("q")
        filter.search = q.flatMap(SearchText.search)
        if q != nil { scope.add("q", filter.search?.query ?? "") }
        findsNothing = q != nil && filter.search == nil
        isLimited = parameters.contains("limit")
        limit = parameters.limit()
        let cursor = parameters.text("cursor", mayBeEmpty: false)
        try parameters.finish()
        after = try cursor.map { cursor in
            guard let keyset = scope.keyset(cursor) else { throw Problem(.invalidCursor) }
            return keyset.id
        }
        (self.filter, self.scope) = (filter, scope)
    }

    func page(_ reader: ConsignorReader, after: UUID?, limit: Int) async throws -> ConsignorReader.Page {
        findsNothing ? .init() : try await reader.page(filter, after: after, limit: limit, of: tenant)
    }
}
