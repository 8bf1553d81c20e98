import Documents
import Edge
import EventSourcing
import Hummingbird
import Identity
import Postgres

/// `GET /v1/listings` and `GET /v1/listings/{id}`.
///
/// A storefront's list is sorted by `-published_at` unless `sort` says otherwise, an operator's by `-created_at`.
/// `-published_at` puts what has never been published first; `price` and `-price` compare minor units.
struct ListingRoutes: Sendable {
    var documents: DocumentRoutes

    func add(to router: EdgeRouter) {
        router.get("/v1/listings", use: list)
        router.get("/v1/listings/:id") { [documents] request, context in try await documents.one(request, context) }
    }

    @Sendable func list(_ request: Request, _ context: EdgeContext) async throws -> Response {
        var parameters = QueryParameters(request)
        let visibility: Visibility = context.seesEverything ? .full : .storefront
        let name = parameters.choice("sort", Listings.sorts.map(\.name))
        let sort = Listings.sorts.first { $0.name == name } ?? Listings.defaultSort(visibility)
        var list = ListRequest(
            Listings.resource, tenant: try context.tenant().id, visibility: visibility, sort: sort)
        let status = parameters.choice("status", ListingStatus.self)
        list.filter("status", status?.rawValue) { "t.status = \($0)" }
        list.partitions = Listings.partitions(sort: sort, isStatusGiven: status != nil || visibility == .storefront)
        list.readItemFilters(&parameters)
        list.filter("price_min", parameters.integer("price_min", in: 0...Self.mostMinorUnits)) { "t.price >= \($0)" }
        list.filter("price_max", parameters.integer("price_max", in: 0...Self.mostMinorUnits)) { "t.price <= \($0)" }
        try list.finish(&parameters)
        return try await documents.page(list, request, context)
    }

    /// 2⁵³, as for every amount.
    private static let mostMinorUnits: Int64 = 1 << 53
}
