import Documents
import Edge
import EventSourcing
import Foundation
import JSON
import NIOCore
import Postgres

/// A list that was asked for, read from the parameters and checked.
struct ListRequest: Sendable {
    var visibility: Visibility
    private(set) var conditions: [SQL]
    private(set) var search: String?
    /// `q` has no letter and no digit, so there is nothing it could match.
    private(set) var findsNothing = false
    var sort: ListSort
    var partitions: [SQL] = []
    private(set) var limit = 50
    private(set) var after: Keyset?
    private(set) var scope: CursorScope

    init(_ resource: Resource, tenant: TenantID, visibility: Visibility, sort: ListSort) {
        self.visibility = visibility
        self.sort = sort
        conditions = [resource.visible(visibility)]
        scope = CursorScope(resource: resource.name, tenant: tenant, visibility: visibility, sort: sort.name)
    }

    /// A condition of the route's own, which no parameter asked for.
    mutating func replaceVisible(with condition: SQL) { conditions[0] = condition }

    mutating func filter(_ name: String, _ value: String?, _ condition: (String) -> SQL) {
        guard let value else { return }
        scope.add(name, value)
        conditions.append(condition(value))
    }

    mutating func filter(_ name: String, _ value: Int64?, _ condition: (Int64) -> SQL) {
        guard let value else { return }
        scope.add(name, String(value))
        conditions.append(condition(value))
    }

    /// The filters that items and listings share.
    mutating func readItemFilters(_ parameters: inout QueryParameters) {
        filter("brand", parameters.text("brand")) { "t.brand = \($0)" }
        filter("category", parameters.text("category")) { "t.category = \($0)" }
        filter("condition", parameters.choice("condition", ItemCondition.self)?.rawValue) { "t.condition = \($0)" }
        filter("size", parameters.text("size")) { "t.size = \($0)" }
    }

    /// `q`, `limit` and `cursor`; to be called after every filter, because the cursor is bound to them. Throws one
    /// problem with everything that is wrong with the parameters.
    mutating func finish(_ parameters: inout QueryParameters) throws {
        if let q = parameters.text("q") {
            search = SearchText.prefixQuery(q)
            findsNothing = search == nil
            // Two texts that mean the same words are the same filter.
            scope.add("q", search ?? "")
        }
        limit = parameters.limit()
        // An empty one would begin anew, and a client that goes on with it would never end.
        let cursor = parameters.text("cursor", mayBeEmpty: false)
        try parameters.finish()
        if let cursor {
            guard let keyset = scope.keyset(cursor) else { throw Problem(.invalidCursor) }
            after = keyset
        }
    }

    func statement(in generation: Generation) -> ListStatement {
        ListStatement(
            generation: generation, visibility: visibility, conditions: conditions, partitions: partitions, sort: sort,
            after: after, limit: limit)
    }

    /// `{"data":[…],"next":…}`; the documents are copied as they are.
    func body(_ rows: ArraySlice<Row>) throws(PostgresError) -> ByteBuffer {
        let page = rows.prefix(limit)
        var size = 64 + 64
        for row in page { size += row.withBytes(2) { $0?.count ?? 0 } + 1 }
        var buffer = ByteBufferAllocator().buffer(capacity: size)
        buffer.writeStaticString("{\"data\":[")
        for (index, row) in page.enumerated() {
            if index > 0 { buffer.writeStaticString(",") }
            row.withBytes(2) { bytes in
                if let bytes { buffer.writeBytes(bytes) }
            }
        }
        buffer.writeStaticString("],\"next\":")
        if rows.count > limit, let last = page.last {
            buffer.writeStaticString("\"")
            buffer.writeString(scope.cursor(try keyset(last)))
            buffer.writeStaticString("\"}")
        } else {
            buffer.writeStaticString("null}")
        }
        return buffer
    }

    private func keyset(_ row: Row) throws(PostgresError) -> Keyset {
        let value: Int64? =
            switch sort.kind {
            case .time: try row.decode(1, as: PostgresTimestamp?.self)?.microseconds
            case .integer: try row.decode(1)
            }
        return Keyset(value: value, id: try row.decode(0))
    }
}
