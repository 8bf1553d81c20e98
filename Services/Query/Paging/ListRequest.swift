import Documents
import Edge
import EventSourcing
import Foundation
import JSON
import NIOCore
import Postgres

/// A list that was asked for, read from the parameters and checked.
struct ListRequest: Sendable {
    let resource: Resource
    var visibility: Visibility
    /// What the parameters ask for, said of the row `t`.
    private(set) var conditions: [SQL] = []
    /// Whether what the reader would not see by itself is left out.
    private(set) var hidesInvisible = true
    /// Whether a condition speaks of the item's fields.
    private(set) var filtersByItem = false
    private(set) var search: SearchText.Search?
    /// `q` has no letter and no digit, so there is nothing it could match.
    private(set) var findsNothing = false
    var sort: ListSort
    var partitions: [SQL] = []
    private(set) var limit = 50
    /// The client has said how much it wants.
    private(set) var isLimited = false
    private(set) var after: Keyset?
    private(set) var scope: CursorScope

    init(_ resource: Resource, tenant: TenantID, visibility: Visibility, sort: ListSort) {
        self.resource = resource
        self.visibility = visibility
        self.sort = sort
        scope = CursorScope(resource: resource.name, tenant: tenant, visibility: visibility, sort: sort.name)
    }

    /// For readers who may see everything and ask for what is hidden.
    mutating func showInvisible() { hidesInvisible = false }

    mutating func filter<Value: CustomStringConvertible>(
        _ name: String, _ value: Value?, _ condition: (Value) -> SQL
    ) {
        guard let value else { return }
        scope.add(name, value.description)
        conditions.append(condition(value))
    }

    /// The filters that items and listings share.
    mutating func readItemFilters(_ parameters: inout QueryParameters) {
        let before = conditions.count
        filter("brand", parameters.text("brand")) { "t.brand = \($0)" }
        filter("category", parameters.text("category")) { "t.category = \($0)" }
        filter("condition", parameters.choice("condition", ItemCondition.self)?.rawValue) { "t.condition = \($0)" }
        filter("size", parameters.text("size")) { "t.size = \($0)" }
        filtersByItem = conditions.count > before
    }

    /// `q`, `limit` and `cursor`; to be called after every filter, because the cursor is bound to them. Throws one
    /// problem with everything that is wrong with the parameters.
    mutating func finish(_ parameters: inout QueryParameters) throws {
        if let q = parameters.text("q") {
            search = SearchText.search(q)
            findsNothing = search == nil
            // Two texts that mean the same words are the same filter.
            scope.add("q", search?.query ?? "")
        }
        isLimited = parameters.contains("limit")
        limit = parameters.limit()
        // An empty one would begin anew, and a client that goes on with it would never end.
        let cursor = parameters.text("cursor", mayBeEmpty: false)
        try parameters.finish()
        if let cursor {
            guard let keyset = scope.keyset(cursor) else { throw Problem(.invalidCursor) }
            after = keyset
        }
    }

    /// The page after this one.
    ///
    /// - Parameter cursor: `next` of this one.
    mutating func goOn(_ cursor: String) { after = scope.keyset(cursor) }

    /// As many as a page can have.
    mutating func takeMost() { limit = 200 }

    /// Names what was asked for, without telling it.
    var place: String { scope.digest(after: after, limit: limit) }

    func statement(in generation: Generation) -> ListStatement {
        let visible = hidesInvisible ? resource.visible(visibility) : "true"
        return ListStatement(
            generation: generation, visibility: visibility, conditions: [visible] + conditions, partitions: partitions,
            sort: sort, after: after, limit: limit)
    }

    /// `{"data":[…],"next":…}`; the documents are copied as they are. One entry more than the page holds says that
    /// there is a next one.
    func body(_ entries: some RandomAccessCollection<some PageEntry>) throws(PostgresError) -> ByteBuffer {
        let page = entries.prefix(limit)
        var size = 64 + 64
        for entry in page { size += entry.withDocument { $0.count } + 1 }
        var buffer = ByteBufferAllocator().buffer(capacity: size)
        buffer.writeStaticString("{\"data\":[")
        var isFirst = true
        for entry in page {
            if !isFirst { buffer.writeStaticString(",") }
            isFirst = false
            entry.withDocument { _ = buffer.writeBytes($0) }
        }
        buffer.writeStaticString("],\"next\":")
        if entries.count > limit, let last = page.last {
            buffer.writeStaticString("\"")
            buffer.writeString(scope.cursor(try last.keyset(sort.kind)))
            buffer.writeStaticString("\"}")
        } else {
            buffer.writeStaticString("null}")
        }
        return buffer
    }
}

/// A document and its place in a list.
protocol PageEntry {
    func withDocument<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result
    func keyset(_ kind: ListSort.Kind) throws(PostgresError) -> Keyset
}

/// A row as `ListStatement` selects it: id, sort value, document.
extension Row: PageEntry {
    func withDocument<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withBytes(2) { body($0 ?? UnsafeRawBufferPointer(start: nil, count: 0)) }
    }

    func keyset(_ kind: ListSort.Kind) throws(PostgresError) -> Keyset {
        let value: Int64? =
            switch kind {
            case .time: try decode(1, as: PostgresTimestamp?.self)?.microseconds
            case .integer: try decode(1)
            }
        return Keyset(value: value, id: try decode(0))
    }
}
