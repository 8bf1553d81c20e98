import Postgres

/// A column to sort by; the id breaks ties in the same direction.
struct SortOrder: Sendable, Equatable {
    enum Kind: Sendable { case time, integer }

    /// As the parameter `sort` names it: `-published_at`.
    var name: String
    var column: String
    var isDescending: Bool
    var kind: Kind

    fileprivate var direction: String { isDescending ? " DESC" : "" }

    fileprivate func value(_ value: Int64) -> SQL {
        switch kind {
        case .time: "\(PostgresTimestamp(microseconds: value))"
        case .integer: "\(value)"
        }
    }

    /// Rows after `keyset`, as parts that follow one upon the other. Rows without a value come first (descending only).
    fileprivate func parts(after keyset: Keyset?) -> [SQL] {
        guard let keyset else { return ["true"] }
        guard let value = keyset.value else {
            return [
                "t.\(unescaped: column) IS NULL AND t.id < \(keyset.id)",
                "t.\(unescaped: column) IS NOT NULL",
            ]
        }
        return [
            "(t.\(unescaped: column), t.id) \(unescaped: isDescending ? "<" : ">") (\(self.value(value)), \(keyset.id))"
        ]
    }
}

/// One page of a resource's rows: id, sort value and ready document, and at least one row more than the page holds, if there is one.
struct ListStatement: Sendable {
    /// More matches than these are not gathered by id: see `walking`.
    static let mostFound = 5_000

    var generation: Generation
    var visibility: Visibility
    /// All must hold. They speak of the row as `t`.
    var conditions: [SQL]
    /// Conditions of which exactly one holds for every row: each has an index in this sort order, all together have
    /// none. Their pages are merged.
    var partitions: [SQL] = []
    var sort: SortOrder
    var after: Keyset?
    var limit: Int

    /// Part of the text and not a value, because the planner has to know it; a few sizes, because each text is
    /// prepared once per connection.
    private var fetched: Int { ([10, 25, 50, 100, 200].first { $0 >= limit } ?? limit) + 1 }

    private var columns: SQL {
        "SELECT t.id, t.\(unescaped: sort.column) AS sort, t.\(unescaped: visibility.documentColumn) AS body"
    }

    private func order(_ table: String, _ column: String) -> SQL {
        SQL(" ORDER BY \(table).\(column)\(sort.direction), \(table).id\(sort.direction) LIMIT \(fetched)")
    }

    private func condition(_ more: [SQL]) -> SQL {
        var all: SQL = ""
        for (index, part) in (conditions + more).enumerated() {
            if index > 0 { all += " AND " }
            all += part
        }
        return all
    }

    /// Walks an index in sort order. With `search`, rows that do not match are passed over: quick where many match.
    func walking(search: String? = nil) -> SQL {
        // A bare `@@` would be taken for rare, and every row gathered and sorted; a CASE is taken for a coin toss.
        let matches: [SQL] = search.map { ["CASE WHEN t.search @@ \($0)::tsquery THEN true ELSE false END"] } ?? []
        let partitions = partitions.isEmpty ? ["true"] : partitions
        let pages = partitions.flatMap { partition in
            sort.parts(after: after).map { part -> SQL in
                columns + " FROM \(unescaped: generation.table) t WHERE "
                    + condition([partition, part] + matches) + order("t", sort.column)
            }
        }
        guard pages.count > 1 else { return pages[0] }
        var union: SQL = "SELECT p.id, p.sort, p.body FROM ("
        for (index, page) in pages.enumerated() {
            if index > 0 { union += " UNION ALL " }
            union += "(" + page + ")"
        }
        return union + ") p" + order("p", "sort")
    }

    /// Gathers the matches by the search index, then sorts them: quick where few match.
    ///
    /// The fourth column is the number of matches, and there is always a row to carry it: where it exceeds
    /// `mostFound` nothing else is in it, and `walking(search:)` has to answer.
    func finding(_ search: String) -> SQL {
        let parts = sort.parts(after: after)
        var place: SQL = "("
        for (index, part) in parts.enumerated() {
            if index > 0 { place += " OR " }
            place += part
        }
        let page =
            columns + " FROM \(unescaped: generation.table) t WHERE t.id IN (SELECT f.id FROM found f) AND "
            + condition([place + ")"]) + order("t", sort.column)
        return """
            WITH found AS MATERIALIZED (
                SELECT s.id FROM main.search(\(generation.tableName), \(search), \(unescaped: "\(Self.mostFound + 1)")) s (id)
            ), number AS (SELECT count(*) AS number FROM found)
            SELECT r.id, r.sort, r.body, n.number
            FROM number n LEFT JOIN LATERAL (\(page)) r ON n.number <= \(unescaped: "\(Self.mostFound)")
            """
                + SQL(
                    " ORDER BY r.sort\(sort.direction)\(sort.isDescending ? " NULLS FIRST" : ""), r.id\(sort.direction)"
                )
    }
}
