import Documents
import EventSourcing
import Foundation
import Postgres

/// Reads an import's state and the lines of its report, which are operational tables: current by nature.
struct ImportReader: Sendable {
    /// Lines read, and held in memory, at once.
    static let chunk = 1_000

    var pool: PostgresPool

    static func recordStatement(_ id: UUID) -> SQL {
        "SELECT a.state FROM main.aggregates a WHERE a.category = 'import' AND a.stream_id = \(id)"
    }

    static func countsStatement(_ id: UUID) -> SQL {
        "SELECT l.outcome, count(*) FROM main.import_lines l WHERE l.import_id = \(id) GROUP BY l.outcome"
    }

    static func linesStatement(_ id: UUID, after line: Int32, outcome: ImportOutcome?) -> SQL {
        let outcome: SQL = outcome.map { " AND l.outcome = \($0.rawValue)" } ?? ""
        return """
            SELECT l.line, l.outcome, l.reason, l.item_id, l.listing_id, l.correlation_id FROM main.import_lines l
            WHERE l.import_id = \(id) AND l.line > \(line)\(outcome)
            ORDER BY l.line LIMIT \(unescaped: "\(chunk)")
            """
    }

    /// nil where the tenant has no such import.
    func record(_ id: UUID, of tenant: TenantID) async throws -> ImportRecord? {
        let rows = try await pool.query(Self.recordStatement(id), tenant: tenant.uuid, lane: .fast)
        guard let bytes = rows.first?.bytes(0) else { return nil }
        return try ImportRecord(stored: bytes)
    }

    /// Lines by outcome, so far.
    func counts(_ id: UUID, of tenant: TenantID) async throws(PostgresError) -> ImportRecord.Counts {
        let rows = try await pool.query(Self.countsStatement(id), tenant: tenant.uuid, lane: .slow)
        var counts = ImportRecord.Counts()
        for row in rows {
            guard let outcome = row[0].flatMap(ImportOutcome.init(rawValue:)) else { continue }
            counts[outcome] = try row.decode(1)
        }
        return counts
    }

    /// Up to `chunk` lines after a line, in order; only those of `outcome` if it is given.
    func lines(
        _ id: UUID, of tenant: TenantID, after line: Int32, outcome: ImportOutcome?
    ) async throws(PostgresError) -> [ImportLine] {
        let rows = try await pool.query(
            Self.linesStatement(id, after: line, outcome: outcome), tenant: tenant.uuid, lane: .slow)
        var lines: [ImportLine] = []
        lines.reserveCapacity(rows.count)
        for row in rows {
            guard let outcome = row[1].flatMap(ImportOutcome.init(rawValue:)) else {
                throw PostgresError(.decoding, "a line of an import has an outcome that this program does not know")
            }
            lines.append(
                ImportLine(
                    line: Int(try row.decode(0, as: Int32.self)), outcome: outcome, reason: try row.decode(2),
                    itemID: try row.decode(3), listingID: try row.decode(4), correlationID: try row.decode(5)))
        }
        return lines
    }
}
