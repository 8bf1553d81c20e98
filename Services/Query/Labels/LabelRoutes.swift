import Edge
import EventSourcing
import Foundation
import HTTPTypes
import Hummingbird
import Identity
import JSON
import NIOCore
import Postgres

/// `GET /v1/labels`: a sheet of SKU labels of a member's items, in the order in which they are named.
struct LabelRoutes: Sendable {
    var pool: PostgresPool
    var standpoints: Standpoints

    func add(to router: EdgeRouter) { router.get("/v1/labels", use: sheet) }

    @Sendable private func sheet(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.operatorsTenant()
        var parameters = QueryParameters(request)
        let symbology = parameters.choice("symbology", LabelSheet.Symbology.self) ?? .code128
        let first = Int(parameters.integer("first", in: 1...Int64(LabelSheet.places)) ?? 1) - 1
        let ids = items(&parameters, most: LabelSheet.places - first)
        try parameters.finish()
        let (generation, standpoint) = try await standpoints.projection(.items, for: tenant, request)
        let rows = try await pool.query(
            """
            SELECT t.id, t.document FROM \(unescaped: generation.table) t
            WHERE t.id = ANY (\(ids)) AND t.status <> 'deleted'
            """, tenant: tenant.id.uuid, lane: .fast)
        var documents: [UUID: JSONValue] = [:]
        for row in rows { documents[try row.decode(0)] = try JSONValue(parsing: row.bytes(1) ?? []) }
        var labels: [LabelSheet.Label] = []
        for (index, id) in ids.enumerated() {
            let name = TypeID(prefix: "item", uuid: id).description
            guard let item = documents[id] else { throw Problem(.notFound, "there is no item \(name)") }
            guard let label = LabelSheet.Label(item) else {
                parameters.fail("items", "no_sku", "the item \(name), number \(index + 1), has no SKU")
                continue
            }
            labels.append(label)
        }
        try parameters.finish()
        var headers = HTTPFields()
        headers[.contentType] = "image/svg+xml"
        Caching.writeNever(to: &headers)
        standpoint.write(to: &headers)
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: LabelSheet.svg(labels, symbology, first: first))))
    }

    /// `items=item_…,item_…`: one or more, as many as there are places.
    private func items(_ parameters: inout QueryParameters, most: Int) -> [UUID] {
        let names = (parameters.text("items", limit: 31 * LabelSheet.places, mayBeEmpty: false) ?? "").split(
            separator: ",")
        guard (1...most).contains(names.count) else {
            parameters.fail("items", "invalid", "must name 1 to \(most) items, with commas between them")
            return []
        }
        let ids = names.compactMap { TypeID.uuid(of: String($0), prefix: "item") }
        if ids.count < names.count { parameters.fail("items", "invalid", "must be items' identifiers, like item_…") }
        return ids
    }
}

extension LabelSheet.Label {
    /// nil where the item has no SKU.
    init?(_ item: JSONValue) {
        guard let sku = item["sku"]?.stringValue else { return nil }
        let details = ["brand", "size", "color"].compactMap { item[$0]?.stringValue }
        self.init(sku: sku, title: item["title"]?.stringValue ?? "", details: details.joined(separator: " · "))
    }
}
