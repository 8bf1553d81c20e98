import EventSourcing
import Foundation
import Postgres
import TestSupport

@testable import Projector

/// What a test asks of rebuilds, and sees of them.
extension Harness {
    struct RebuildSeen: Sendable, Equatable {
        var status: String
        var detail: String?
        var generation: Int
        var counts: RebuildCounts
        var rowsTotal: Int
    }

    /// Asks for a rebuild, as an operator does.
    func request(
        _ projection: String, share: Double = 64, batch: Int = 40, workers: Int = 2, grace: String = "1 hour"
    ) async throws {
        _ = try await administrator.query(
            """
            SELECT main.request_rebuild(
                \(projection), 'test', \(share)::real, \(Int32(batch)), \(Int32(workers)), \(grace)::text::interval)
            """)
    }

    /// The newest rebuild of a projection.
    func rebuild(_ projection: String) async throws -> RebuildSeen? {
        let rows = try await administrator.query(
            """
            SELECT status, detail, coalesce(generation, 0), rows_compared, rows_different, rows_added, rows_removed,
                   coalesce(rows_total, 0)
            FROM main.rebuilds WHERE projection = \(projection) ORDER BY requested_at DESC LIMIT 1
            """)
        guard let row = rows.first else { return nil }
        return RebuildSeen(
            status: try row.decode(0), detail: row[1], generation: try row.decode(2),
            counts: RebuildCounts(
                compared: try row.decode(3), different: try row.decode(4), added: try row.decode(5),
                removed: try row.decode(6)),
            rowsTotal: try row.decode(7))
    }

    /// Until the newest rebuild is in this status; any other end is a failure at once.
    @discardableResult
    func rebuilt(_ projection: String, _ status: String = "done") async throws -> RebuildSeen {
        var seen: RebuildSeen?
        try await eventually("the rebuild of \(projection) is \(status)") {
            seen = try await rebuild(projection)
            return seen?.status == status || ["done", "failed", "cancelled"].contains(seen?.status)
        }
        guard let seen, seen.status == status else {
            throw AnotherOutcome(description: "\(seen.map { "\($0)" } ?? "none") is not \(status)")
        }
        return seen
    }

    struct AnotherOutcome: Error, CustomStringConvertible {
        var description: String
    }

    func live(_ projection: String) async throws -> Int {
        let rows = try await administrator.query(
            "SELECT generation FROM main.generations WHERE projection = \(projection) AND status = 'live'")
        return try rows[0].decode(0)
    }

    /// Whether the table is there.
    func exists(_ table: String) async throws -> Bool {
        let rows = try await administrator.query("SELECT to_regclass(\("main." + table)) IS NOT NULL")
        return try rows[0].decode(0)
    }

    /// What `body` does with the parts of a rebuild, as the projector's role.
    func withStore<Value>(_ body: (RebuildStore) async throws -> Value) async throws -> Value {
        let connection = try await database.connect(as: "closter_projector")
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(RebuildStore(shard: .main, connection: connection)))
        } catch {
            result = .failure(error)
        }
        await connection.close()
        return try result.get()
    }
}

/// The listings, by a fold of a newer version: each row's words end with one more.
enum NewerListings: Projection {
    static let name = ListingsProjection.name
    static let foldVersion = ListingsProjection.foldVersion + 1
    static let source = ListingsProjection.source
    static let empty = ListingsProjection.empty
    static let groupColumn = ListingsProjection.groupColumn
    static let memory = ListingsProjection.memory
    static let columns = ListingsProjection.columns

    static func group(of event: LogEvent) -> UUID? { ListingsProjection.group(of: event) }
    static func begins(with event: LogEvent) -> Bool { ListingsProjection.begins(with: event) }

    static func recall(before events: [LogEvent], in group: ListingsProjection.Group) -> StreamID? {
        ListingsProjection.recall(before: events, in: group)
    }

    static func apply(_ event: LogEvent, to group: inout ListingsProjection.Group) throws(FoldFailure) {
        try ListingsProjection.apply(event, to: &group)
    }

    static func outputs(
        of group: ListingsProjection.Group, _ key: GroupKey, changedAfter position: Int64
    ) -> [ListingRow] {
        ListingsProjection.outputs(of: group, key, changedAfter: position).map { row in
            var row = row
            row.words += " zzz"
            return row
        }
    }

    static func restore(_ row: Row, into group: inout ListingsProjection.Group) throws {
        try ListingsProjection.restore(row, into: &group)
    }
}
