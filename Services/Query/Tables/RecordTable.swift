import Documents
import Foundation
import Postgres

/// Records in the operational tables: the state of a stream that tells all of its record is the record, to the byte, and has
/// the filters' texts under their names.
enum RecordTable<Stored: ProjectedRecord>: OperationalTable {
    static func relation(withItem: Bool) -> SQL {
        let filters = Stored.filters.map { ", a.state ->> '\($0.name)' AS \($0.name)" }.joined()
        return """
            SELECT a.stream_id AS id, a.state ->> 'status' AS status,
                   (a.state ->> 'created_at')::timestamptz AS created_at\(unescaped: filters)
            FROM main.aggregates a WHERE a.category = '\(unescaped: Stored.category)'
            """
    }

    static func visible(_ visibility: Visibility) -> SQL { "true" }

    static func statement(_ ids: [UUID]) -> SQL {
        """
        SELECT a.state FROM main.aggregates a
        WHERE a.category = '\(unescaped: Stored.category)' AND a.stream_id = ANY (\(ids))
        """
    }

    static func record(_ row: Row) throws -> TabledRecord<Stored> {
        TabledRecord(record: try Stored(stored: row.bytes(0) ?? []))
    }
}

/// A record as the operational tables hold it.
struct TabledRecord<Stored: ProjectedRecord>: OperationalRecord {
    var record: Stored

    var id: UUID { record.id }
    var version: Int64 { record.version }

    func isFound(by search: SearchText.Search) -> Bool { search.finds(words: SearchText.words(of: record.texts)) }

    func isVisible(_ visibility: Visibility) -> Bool { document(visibility) != nil }

    func document(_ visibility: Visibility) -> [UInt8]? {
        switch visibility {
        case .full: record.document
        case .storefront: record.keyDocument
        }
    }
}
