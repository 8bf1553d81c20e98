package import EventSourcing
import Foundation
import Postgres

/// Which groups of a projection are looked at.
package struct GroupSelection: Sendable, Equatable {
    /// nil: of every tenant.
    package var tenant: TenantID?
    /// Of a million groups, about so many, chosen by a hash of their keys: the same ones for the same seed.
    package var share: Int
    package var seed: Int64

    package init(tenant: TenantID? = nil, share: Int = everyOne, seed: Int64 = 0) {
        self.tenant = tenant
        self.share = share
        self.seed = seed
    }

    package static let everyOne = 1_000_000
    package static let all = GroupSelection()
}

/// Goes through the groups of a generation in the order of their keys, and holds each against a fresh fold.
///
/// The groups are the items of the log, or a category's streams, so that missing rows are noticed, and whatever else the table has rows of, so
/// that those which should not be there are. All statements of a page belong into one snapshot with the checkpoint.
struct GroupWalk<P: Projection>: GroupWalking {
    private let shard: Shard
    private let table: String
    private let selection: GroupSelection
    private let fold: FreshFold<P>
    private let comparison: RowComparison<P>

    /// A tenant with millions of groups, of which few are selected, takes longest.
    private static var deadline: Duration { .seconds(60) }

    init(_ live: LiveGeneration, shard: Shard, _ selection: GroupSelection) {
        self.shard = shard
        table = shard.table(live.table)
        self.selection = selection
        fold = FreshFold<P>(shard: shard, generation: live.generation)
        comparison = RowComparison<P>(shard: shard, table: live.table)
    }

    func page(
        from place: GroupPlace, _ most: Int, through position: Int64, on connection: PostgresConnection
    ) async throws -> GroupPage {
        let keys = try await keys(from: place, most, on: connection)
        let fresh = try await fold.rows(of: keys, through: position, on: connection)
        let comparable = keys.filter { fresh.failures[$0] == nil }
        let differences = try await comparison.differences(comparable, fresh.rows, on: connection)
        var page = GroupPage(groups: keys.count, differences: differences)
        page.failures = keys.compactMap { key in fresh.failures[key].map { (key.tenant, key.id, $0.description) } }
        if let last = keys.last, keys.count == most {
            page.next = GroupPlace(tenant: last.tenant, group: last.id)
        } else {
            page.next = try await tenant(after: place.tenant, on: connection).map { GroupPlace(tenant: $0) }
        }
        return page
    }

    func first(on connection: PostgresConnection) async throws -> GroupPlace? {
        if let tenant = selection.tenant { return GroupPlace(tenant: tenant) }
        return try await tenant(after: GroupPlace.lowest, on: connection).map { GroupPlace(tenant: $0) }
    }

    private func keys(
        from place: GroupPlace, _ most: Int, on connection: PostgresConnection
    ) async throws -> [GroupKey] {
        let group = P.groupColumn
        let isSelected = "AND (uuid_hash_extended(s.id, $4) & 2147483647) % 1000000 < $5"
        let rows = try await connection.query(
            SQL(
                """
                SELECT k.id FROM (
                    (SELECT s.id FROM (
                        SELECT stream_id AS id FROM \(shard.table("events"))
                        WHERE tenant_id = $1 AND category = '\(P.source.category)' AND stream_id > $2 AND version = 1
                    ) s WHERE true \(isSelected) ORDER BY s.id LIMIT $3)
                    UNION
                    (SELECT DISTINCT s.id FROM (
                        SELECT \(group) AS id FROM \(table) WHERE tenant_id = $1 AND \(group) > $2
                    ) s WHERE true \(isSelected) ORDER BY s.id LIMIT $3)
                ) k ORDER BY k.id LIMIT $3
                """, [place.tenant.uuid, place.group, most, selection.seed, selection.share]),
            deadline: Self.deadline)
        return try rows.map { GroupKey(tenant: place.tenant, id: try $0.decode(0, as: UUID.self)) }
    }

    /// The next tenant that has events, or rows.
    private func tenant(after tenant: TenantID, on connection: PostgresConnection) async throws -> TenantID? {
        guard selection.tenant == nil else { return nil }
        let rows = try await connection.query(
            SQL(
                """
                SELECT least(
                    (SELECT tenant_id FROM \(shard.table("events")) WHERE tenant_id > $1 ORDER BY tenant_id LIMIT 1),
                    (SELECT tenant_id FROM \(table) WHERE tenant_id > $1 ORDER BY tenant_id LIMIT 1))
                """, [tenant.uuid]), deadline: Self.deadline)
        return try rows.first?.decode(0, as: UUID?.self).map(TenantID.init)
    }
}

/// A walk, whatever its projection.
protocol GroupWalking: Sendable {
    /// Where it begins; nil where there is nothing.
    func first(on connection: PostgresConnection) async throws -> GroupPlace?

    /// Looks at the next groups, at most so many; fewer, or none, where a tenant ends.
    ///
    /// - Parameter position: the generation's checkpoint, in the snapshot of the connection's transaction.
    func page(
        from place: GroupPlace, _ most: Int, through position: Int64, on connection: PostgresConnection
    ) async throws -> GroupPage
}

extension Projection {
    static func walk(_ live: LiveGeneration, _ shard: Shard, _ selection: GroupSelection) -> any GroupWalking {
        GroupWalk<Self>(live, shard: shard, selection)
    }
}

/// Everything of a tenant up to and including a group has been looked at.
struct GroupPlace: Sendable, Equatable {
    var tenant: TenantID
    /// No group has the lowest UUID.
    var group = UUID(bits: 0)

    /// Before every tenant.
    static let lowest = TenantID(UUID(bits: 0))
}

/// What came of a few groups.
struct GroupPage: Sendable {
    var groups: Int
    var differences: [RowDifference]
    /// The groups that could not be folded, and why.
    var failures: [(tenant: TenantID, group: UUID, reason: String)] = []
    /// nil at the end.
    var next: GroupPlace?
}
