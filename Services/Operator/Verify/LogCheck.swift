import Command
import EventSourcing
import Foundation
import Postgres

/// What the log holds, and whether it is whole: positions without a gap from 1 on.
///
/// Versions are checked where the streams are folded; here only those of categories that this program has no fold of.
struct LogCheck: Sendable {
    /// Of the whole log.
    private(set) var events = 0
    private(set) var head: Int64 = 0
    /// In scope.
    private(set) var selected = 0
    private(set) var items = 0
    private var ofOtherCategories = 0

    init(_ scope: Scope, on connection: PostgresConnection) async throws {
        let known = StoredFold.categories
        let rows = try await connection.query(
            """
            SELECT count(*), coalesce(max(position), 0), count(*) FILTER (WHERE \(scope.streams)),
                   count(*) FILTER (WHERE category = 'item' AND version = 1 AND \(scope.streams)),
                   count(*) FILTER (WHERE category <> ALL (\(known)))
            FROM main.events
            """)
        guard let row = rows.first else { return }
        events = try row.decode(0)
        head = try row.decode(1)
        selected = try row.decode(2)
        items = try row.decode(3)
        ofOtherCategories = try row.decode(4)
    }

    func check(_ scope: Scope, on connection: PostgresConnection, _ report: (Finding) -> Void) async throws {
        if Int64(events) != head { try await reportGaps(on: connection, report) }
        if ofOtherCategories > 0 { try await reportVersions(scope, on: connection, report) }
    }

    private func reportGaps(on connection: PostgresConnection, _ report: (Finding) -> Void) async throws {
        let gaps = try await connection.query(
            """
            SELECT before + 1, position - 1 FROM (
                SELECT position, lag(position, 1, 0::bigint) OVER (ORDER BY position) AS before FROM main.events
            ) e WHERE position <> before + 1 ORDER BY position LIMIT \(Findings.mostTold + 1)
            """)
        for gap in gaps {
            let first: Int64 = try gap.decode(0)
            let last: Int64 = try gap.decode(1)
            let says = first == last ? "position \(first) is missing" : "positions \(first) to \(last) are missing"
            report(Finding(place: .log, says: says))
        }
    }

    private func reportVersions(
        _ scope: Scope, on connection: PostgresConnection, _ report: (Finding) -> Void
    ) async throws {
        let streams = try await connection.query(
            """
            SELECT tenant_id, category, stream_id FROM main.events
            WHERE category <> ALL (\(StoredFold.categories)) AND \(scope.streams)
            GROUP BY tenant_id, category, stream_id HAVING min(version) <> 1 OR max(version) <> count(*)
            LIMIT \(Findings.mostTold + 1)
            """)
        for row in streams {
            let stream = StreamID(category: try row.decode(1), id: try row.decode(2))
            report(
                Finding(
                    place: .log, tenant: TenantID(try row.decode(0, as: UUID.self)), id: "\(stream)",
                    says: "versions are missing"))
        }
    }
}
