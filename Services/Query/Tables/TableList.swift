import Documents
import Edge
import Foundation
import Postgres

/// A list of one resource out of the operational tables, within a transaction that sees one snapshot.
///
/// First the places (id and sort value) of what the filters keep, in order; then, for those that are needed, the
/// records. The tables have no index over what is in a state, so the first step reads every state of the tenant's:
/// a fraction of a second for some ten thousand things, and past a few hundred thousand longer than the statement may
/// take. A search also decodes what it passes over.
struct TableList<Table: OperationalTable> {
    var list: ListRequest
    var transaction: Transaction

    /// Records that a search holds in memory at once.
    private static var chunk: Int { 250 }

    /// How long a search may go on.
    private static var patience: Duration { .seconds(10) }

    /// One page, and one more where there is a next one.
    func walked() async throws -> [TableEntry] {
        let places = try await run(allPlaces + " LIMIT \(Int64(list.limit + 1))")
        return try await entries(at: places) { _ in true }
    }

    /// As `walked`, of what the search finds: a cursor gives the places in order, as many as it takes.
    func found(by search: SearchText.Search) async throws -> [TableEntry] {
        let start = ContinuousClock.now
        _ = try await run("DECLARE places NO SCROLL CURSOR FOR " + allPlaces)
        var entries: [TableEntry] = []
        while entries.count <= list.limit {
            guard ContinuousClock.now - start < Self.patience else {
                throw Problem(.unavailable, "the search took too long: narrow it by a filter")
            }
            let places = try await transaction.query(SQL(unescaped: "FETCH \(Self.chunk) FROM places"))
            entries += try await self.entries(at: places) { $0.isFound(by: search) }
            guard places.count == Self.chunk else { break }
        }
        return Array(entries.prefix(list.limit + 1))
    }

    /// Id and sort value of everything that the list holds after its cursor, in order.
    private var allPlaces: SQL {
        let visible = list.hidesInvisible ? Table.visible(list.visibility) : "true"
        let conditions = [visible] + list.conditions + list.sort.place(after: list.after)
        return """
            SELECT t.id, t.\(unescaped: list.sort.column) AS sort
            FROM (\(Table.relation(withItem: list.filtersByItem))) t WHERE \(.joined(conditions, " AND "))
            """ + list.sort.order("t", list.sort.column)
    }

    /// The planner takes every condition on a state for a rare one, and would join what it thinks are a few rows by
    /// comparing each with each.
    private func run(_ statement: SQL) async throws(PostgresError) -> Rows {
        let results = try await transaction.execute([
            "SELECT set_config('enable_nestloop', 'off', true)", statement,
            "SELECT set_config('enable_nestloop', 'on', true)",
        ])
        return results.count == 3 ? results[1] : .empty
    }

    private func entries(at places: Rows, where isWanted: (Table.Record) -> Bool) async throws -> [TableEntry] {
        guard !places.isEmpty else { return [] }
        let keysets = try places.map { try $0.keyset(list.sort.kind) }
        var documents: [UUID: [UInt8]] = [:]
        for row in try await transaction.query(Table.statement(keysets.map(\.id))) {
            let record = try Table.record(row)
            if isWanted(record) { documents[record.id] = record.document(list.visibility) }
        }
        return keysets.compactMap { place in documents[place.id].map { TableEntry(place: place, document: $0) } }
    }
}
