import Documents
import Edge
import EventSourcing
import Hummingbird
import Identity
import Postgres

/// `GET /v1/<records>` and `GET /v1/<records>/{id}`, for members: the newest first, by status, by the record's own filters,
/// and by words. A key with the permission reads one by its id.
struct RecordRoutes<Record: ProjectedRecord>: Sendable {
    var documents: DocumentRoutes
    /// nil: no key reads any.
    var permission: Permission?

    init(
        _ record: Record.Type, _ projection: Projection, switch resource: ReadResource? = nil,
        keysWith permission: Permission? = nil, _ documents: (Resource) -> DocumentRoutes
    ) {
        self.documents = documents(Records.resource(record, projection, switch: resource))
        self.permission = permission
    }

    func add(to router: EdgeRouter) {
        let path = "/v1/" + Record.plural
        router.get(RouterPath(path), use: list)
        router.get(RouterPath(path + "/:id"), use: one)
    }

    @Sendable private func one(_ request: Request, _ context: EdgeContext) async throws -> Response {
        if let permission, !context.seesEverything {
            try context.require(permission)
        } else {
            _ = try context.operatorsTenant()
        }
        return try await documents.one(request, context)
    }

    @Sendable private func list(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.operatorsTenant()
        var parameters = QueryParameters(request)
        _ = parameters.choice("sort", [Records.newest.name])
        var list = ListRequest(documents.resource, tenant: tenant.id, visibility: .full, sort: Records.newest)
        list.filter("status", parameters.choice("status", Record.statuses)) { "t.status = \($0)" }
        for filter in Record.filters {
            list.filter(filter.name, parameters.text(filter.name, mayBeEmpty: false)) {
                "t.\(unescaped: filter.name) = \($0)"
            }
        }
        try list.finish(&parameters)
        return try await documents.page(list, request, context)
    }
}

enum Records {
    static let newest = ListSort(name: "-created_at", column: "created_at", isDescending: true, kind: .time)

    static func resource<Record: ProjectedRecord>(
        _ record: Record.Type, _ projection: Projection, switch resource: ReadResource? = nil
    ) -> Resource {
        Resource(
            name: Record.plural, prefix: Record.category, projection: projection, visible: { _ in "true" },
            keyDocument: { try Record(stored: $0).keyDocument },
            switching: resource.map { Resource.Switching(resource: $0, table: RecordTable<Record>.self) },
            csv: Record.csv)
    }
}
