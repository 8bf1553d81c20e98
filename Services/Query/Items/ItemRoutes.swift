import Documents
import Edge
import Hummingbird
import Identity
import Postgres

/// `GET /v1/items` and `GET /v1/items/{id}`.
///
/// The list is sorted by `-created_at`: the newest first. An operator's list leaves deleted items out unless
/// `status=deleted` asks for them; a deleted item's own address is a 404. Those who see an item's facts may filter by
/// them.
struct ItemRoutes: Sendable {
    var documents: DocumentRoutes

    func add(to router: EdgeRouter) {
        router.get("/v1/items", use: list)
        router.get("/v1/items/:id") { [documents] request, context in try await documents.one(request, context) }
    }

    @Sendable func list(_ request: Request, _ context: EdgeContext) async throws -> Response {
        var parameters = QueryParameters(request)
        let visibility: Visibility = context.seesEverything ? .full : .storefront
        let sort = parameters.choice("sort", Items.sorts.map(\.name))
        var list = ListRequest(
            Items.resource, tenant: try context.tenant().id, visibility: visibility,
            sort: Items.sorts.first { $0.name == sort } ?? Items.newest)
        let status = parameters.choice("status", ItemStatus.self)
        if status != nil, visibility == .full { list.showInvisible() }
        list.filter("status", status?.rawValue) { "t.status = \($0)" }
        list.readItemFilters(&parameters)
        // Keys do not see the facts, and have no such parameters.
        if visibility == .full { list.readFacts(&parameters) }
        try list.finish(&parameters)
        return try await documents.page(list, request, context)
    }
}

extension ListRequest {
    fileprivate mutating func readFacts(_ parameters: inout QueryParameters) {
        filter("custody", parameters.choice("custody", ItemDocument.custodies)) { "t.custody = \($0)" }
        filter("location_id", parameters.id("location_id", prefix: "location")) { "t.location_id = \($0)" }
        filter("title_holder", parameters.choice("title_holder", ItemDocument.titleHolders)) {
            "t.title_holder = \($0)"
        }
        filter("allocation", parameters.choice("allocation", ItemDocument.allocations)) { "t.allocation = \($0)" }
        filter("consignor_id", parameters.id("consignor_id", prefix: "consignor")) { "t.consignor_id = \($0)" }
    }
}
