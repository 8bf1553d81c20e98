import EventSourcing
import Foundation
import Metrics
import Postgres

/// Puts groups of rows right that somebody has asked for, by a fresh fold of the log: what the leader of a generation
/// does between two batches, while no write is under way.
struct Repairs<P: Projection>: Sendable {
    private enum Outcome: String {
        case mended, right, failed
    }

    private struct Request: Sendable {
        var id: Int64
        var key: GroupKey
    }

    private let shard: Shard
    private let generation: GenerationID
    private let table: String
    private let fold: FreshFold<P>
    private let comparison: RowComparison<P>

    /// The most that are done before the next batch.
    private static var portion: Int { 50 }
    /// The longest a statement may take; a group takes milliseconds.
    private static var deadline: Duration { .seconds(30) }

    init(shard: Shard, generation: GenerationID, table: String) {
        self.shard = shard
        self.generation = generation
        self.table = shard.table(table)
        fold = FreshFold<P>(shard: shard, generation: generation)
        comparison = RowComparison<P>(shard: shard, table: table)
    }

    /// Does the oldest open requests: each in a transaction of its own, whole or not at all, and not unless the
    /// checkpoint is still `position` and this leader's.
    ///
    /// - Returns: how many were done, mended or not.
    /// - Throws: `BatchFailure.fenced` where somebody else leads; what the database says where it is away. A group that
    ///   cannot be folded or written is no error: its request is marked as failed.
    func run(_ store: ProjectionStore<P>, at position: Int64) async throws -> Int {
        let requests = try await open(store.connection)
        for request in requests {
            let outcome = try await perform(request, store, at: position)
            Counter(
                label: "closter_repairs_total",
                dimensions: [("projection", generation.projection), ("outcome", outcome.rawValue)]
            ).increment()
        }
        return requests.count
    }

    private func open(_ connection: PostgresConnection) async throws -> [Request] {
        let rows = try await connection.query(
            SQL(
                """
                SELECT repair_id, tenant_id, group_id FROM \(shard.table("repairs"))
                WHERE projection = $1 AND generation = $2::int AND done_at IS NULL ORDER BY repair_id LIMIT $3
                """, [generation.projection, Int32(generation.number), Self.portion]), deadline: Self.deadline)
        return try rows.map { row in
            Request(
                id: try row.decode(0),
                key: GroupKey(tenant: TenantID(try row.decode(1, as: UUID.self)), id: try row.decode(2)))
        }
    }

    private func perform(
        _ request: Request, _ store: ProjectionStore<P>, at position: Int64
    ) async throws -> Outcome {
        do {
            return try await store.transaction(at: position) { connection in
                let (outcome, detail) = try await mend(request.key, store, at: position, on: connection)
                try await close(request, outcome, detail, on: connection)
                return outcome
            }
        } catch {
            // What the server refuses would be refused for ever; everything else is tried again.
            guard case .poisoned(let reason) = BatchFailure(error) else { throw error }
            try await store.transaction(at: position) { connection in
                try await close(request, .failed, reason, on: connection)
            }
            return .failed
        }
    }

    private func mend(
        _ key: GroupKey, _ store: ProjectionStore<P>, at position: Int64, on connection: PostgresConnection
    ) async throws -> (Outcome, detail: String?) {
        let fresh = try await fold.rows(of: [key], through: position, on: connection)
        if let failure = fresh.failures[key] { return (.failed, failure.description) }
        let differences = try await comparison.differences([key], fresh.rows, on: connection)
        guard !differences.isEmpty else { return (.right, nil) }
        try await store.put(fresh.rows, at: position)
        let extra = differences.filter { $0.kind == .extra }.map(\.row)
        if !extra.isEmpty {
            try await connection.execute(
                [
                    SQL("DELETE FROM \(table) WHERE tenant_id = $1 AND id = ANY ($2)", [key.tenant.uuid, extra]),
                    store.changed(ChangedRows(extra, of: key.tenant), at: position),
                ], deadline: Self.deadline, cancellable: false)
        }
        return (.mended, differences.summary)
    }

    private func close(
        _ request: Request, _ outcome: Outcome, _ detail: String?, on connection: PostgresConnection
    ) async throws {
        _ = try await connection.query(
            SQL(
                """
                UPDATE \(shard.table("repairs")) SET done_at = clock_timestamp(), outcome = $2, detail = $3
                WHERE repair_id = $1 AND done_at IS NULL
                """, [request.id, outcome.rawValue, detail]), deadline: Self.deadline, cancellable: false)
    }
}

extension [RowDifference] {
    /// `2 different (price, record), 1 missing`
    var summary: String {
        let kinds: [RowDifference.Kind] = [.different, .missing, .extra]
        return kinds.compactMap { kind in
            let found = filter { $0.kind == kind }
            guard !found.isEmpty else { return nil }
            let columns = Set(found.flatMap(\.columns)).sorted().joined(separator: ", ")
            return "\(found.count) \(kind.rawValue)" + (columns.isEmpty ? "" : " (\(columns))")
        }.joined(separator: ", ")
    }
}
