import Postgres

/// A column to sort by; the id breaks ties in the same direction.
struct ListSort: Sendable, Equatable {
    enum Kind: Sendable { case time, integer }

    /// As the parameter `sort` names it: `-published_at`.
    var name: String
    var column: String
    var isDescending: Bool
    var kind: Kind

    var direction: String { isDescending ? " DESC" : "" }

    private func value(_ value: Int64) -> SQL {
        switch kind {
        case .time: "\(PostgresTimestamp(microseconds: value))"
        case .integer: "\(value)"
        }
    }

    /// Rows after `keyset`, as parts that follow one upon the other; one part where nothing has to be said. Rows
    /// without a value come first (descending only).
    fileprivate func parts(after keyset: Keyset?) -> [[SQL]] {
        guard let keyset else { return [[]] }
        guard let value = keyset.value else {
            return [
                ["t.\(unescaped: column) IS NULL AND t.id < \(keyset.id)"],
                ["t.\(unescaped: column) IS NOT NULL"],
            ]
        }
        let comparison = isDescending ? "<" : ">"
        return [["(t.\(unescaped: column), t.id) \(unescaped: comparison) (\(self.value(value)), \(keyset.id))"]]
    }

    /// The same as one condition; none where nothing has to be said.
    func place(after keyset: Keyset?) -> [SQL] {
        let parts = parts(after: keyset)
        return parts.count == 1 ? parts[0] : ["(" + .joined(parts.map { .joined($0, " AND ") }, " OR ") + ")"]
    }

    func order(_ table: String, _ column: String) -> SQL {
        SQL(unescaped: " ORDER BY \(table).\(column)\(direction), \(table).id\(direction)")
    }
}

/// One page of a resource's rows: id, sort value and ready document, and at least one row more than the page holds, if
/// there is one.
struct ListStatement: Sendable {
    /// More matches than these are not gathered by id: see `walking`.
    static let mostFound = 5_000

    /// Rows that a search looks at before it asks the index.
    static let mostGlanced = 1_000

    var generation: Generation
    var visibility: Visibility
    /// All must hold. They speak of the row as `t`.
    var conditions: [SQL]
    /// Conditions of which exactly one holds for every row: each has an index in this sort order, all together have
    /// none. Their pages are merged.
    var partitions: [SQL] = []
    var sort: ListSort
    var after: Keyset?
    var limit: Int

    /// Part of the text and not a value, because the planner has to know it; a few sizes, because each text is
    /// prepared once per connection.
    private var fetched: Int { ([10, 25, 50, 100, 200].first { $0 >= limit } ?? limit) + 1 }

    private var columns: SQL {
        "SELECT t.id, t.\(unescaped: sort.column) AS sort, t.\(unescaped: visibility.documentColumn) AS body"
    }

    private func order(_ table: String, _ column: String, _ most: Int) -> SQL {
        sort.order(table, column) + SQL(unescaped: " LIMIT \(most)")
    }

    private func page(_ columns: SQL, _ more: [SQL], _ most: Int) -> SQL {
        columns + " FROM \(unescaped: generation.table) t WHERE " + .joined(conditions + more, " AND ")
            + order("t", sort.column, most)
    }

    /// Rows in sort order, without a sort: the pages of the parts, merged.
    private func walk(_ columns: SQL, _ names: String, _ more: [SQL], _ most: Int) -> SQL {
        let partitions = partitions.isEmpty ? [[]] : partitions.map { [$0] }
        let pages = partitions.flatMap { partition in
            sort.parts(after: after).map { part in page(columns, partition + part + more, most) }
        }
        if pages.count == 1 { return pages[0] }
        return "SELECT \(unescaped: names) FROM (" + .joined(pages.map { "(\($0))" }, " UNION ALL ") + ") p"
            + order("p", "sort", most)
    }

    /// Walks an index in sort order. With `search`, rows that do not match are passed over: quick where many match.
    func walking(search: String? = nil) -> SQL {
        // A bare `@@` would be taken for rare, and every row gathered and sorted; a CASE is taken for a coin toss.
        let matches: [SQL] = search.map { ["CASE WHEN t.search @@ \($0)::tsquery THEN true ELSE false END"] } ?? []
        return walk(columns, "p.id, p.sort, p.body", matches, fetched)
    }

    /// Looks for matches among the next `mostGlanced` rows in sort order. A common word fills its page there, and the
    /// search index, which has to gather every match before it gives one, is not asked. Fewer rows than a page and one
    /// more say nothing.
    func glancing(_ search: String) -> SQL {
        let rows = walk(
            columns + ", t.search @@ \(search)::tsquery AS matches", "p.id, p.sort, p.body, p.matches", [],
            Self.mostGlanced)
        return "SELECT g.id, g.sort, g.body FROM (\(rows)) g WHERE g.matches" + order("g", "sort", fetched)
    }

    /// Gathers the matches by the search index, then sorts them: quick where few match.
    ///
    /// The fourth column is the number of matches, and there is always a row to carry it: where it exceeds
    /// `mostFound` nothing else is in it, and `walking(search:)` has to answer.
    func finding(_ search: String) -> SQL {
        let found = page(columns, ["t.id IN (SELECT f.id FROM found f)"] + sort.place(after: after), fetched)
        let direction = sort.direction
        return """
            WITH found AS MATERIALIZED (
                SELECT s.id FROM main.search(\(generation.tableName), \(search), \(unescaped: "\(Self.mostFound + 1)")) s (id)
            ), number AS (SELECT count(*) AS number FROM found)
            SELECT r.id, r.sort, r.body, n.number
            FROM number n LEFT JOIN LATERAL (\(found)) r ON n.number <= \(unescaped: "\(Self.mostFound)")
            ORDER BY r.sort\(unescaped: direction), r.id\(unescaped: direction)
            """
    }
}

extension SQL {
    static func joined(_ parts: [SQL], _ separator: String) -> SQL {
        var all: SQL = ""
        for (index, part) in parts.enumerated() {
            if index > 0 { all += SQL(unescaped: separator) }
            all += part
        }
        return all
    }
}
