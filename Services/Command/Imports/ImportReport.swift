import Documents
import EventSourcing
import Foundation
import Postgres

/// What became of one line.
struct ReportedLine: Sendable {
    var number: Int
    var outcome: ImportOutcome
    var reason: String?
    var item: UUID?
    var listing: UUID?
    var correlationID: UUID
    /// It is rejected only as another item has its SKU.
    var wantsTakenSKU = false
}

/// The report of an import, line by line, beside its stream.
struct ImportReport: Sendable {
    let pool: PostgresPool
    let tenant: TenantID
    let id: UUID

    /// A line that is reported again keeps its first report.
    func add(_ lines: [ReportedLine]) async throws(PostgresError) {
        guard !lines.isEmpty else { return }
        try await pool.execute(
            [
                """
                SELECT main.report_import_lines(
                    \(id), \(lines.map { Int32($0.number) }), \(lines.map(\.outcome.rawValue)), \(lines.map(\.reason)),
                    \(lines.map(\.item)), \(lines.map(\.listing)), \(lines.map(\.correlationID)))
                """
            ], tenant: tenant.uuid)
    }

    /// The lines that are reported, and whether each was rejected.
    func rejections() async throws(PostgresError) -> [Int: Bool] {
        let rows = try await pool.query(
            "SELECT line, outcome = 'rejected' FROM main.import_lines WHERE tenant_id = \(tenant.uuid) AND import_id = \(id)",
            tenant: tenant.uuid, lane: .slow, deadline: .seconds(30))
        var rejections = [Int: Bool](minimumCapacity: rows.count)
        for row in rows { rejections[try row.decode(0, as: Int.self)] = try row.decode(1, as: Bool.self) }
        return rejections
    }

    func counts() async throws(PostgresError) -> ImportRecord.Counts {
        let rows = try await pool.query(
            """
            SELECT outcome, count(*) FROM main.import_lines
            WHERE tenant_id = \(tenant.uuid) AND import_id = \(id) GROUP BY outcome
            """, tenant: tenant.uuid, lane: .slow, deadline: .seconds(30))
        var counts = ImportRecord.Counts()
        for row in rows {
            let count = try row.decode(1, as: Int64.self)
            switch ImportOutcome(rawValue: try row.decode(0, as: String.self)) {
            case .created: counts.created = count
            case .changed: counts.changed = count
            case .unchanged: counts.unchanged = count
            case .rejected: counts.rejected = count
            case .noted: counts.noted = count
            case nil: break
            }
        }
        return counts
    }
}
