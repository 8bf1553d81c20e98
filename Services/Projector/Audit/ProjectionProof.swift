package import EventSourcing
package import Foundation
package import Postgres

/// Holds the live generation of a projection against the log, for whoever proves that nothing has drifted.
///
/// Everything is read in the snapshot of one REPEATABLE READ transaction of the connection, with the checkpoint.
package struct ProjectionProof: Sendable {
    /// What came of the next few groups.
    package struct Page: Sendable {
        package var groups: Int
        package var differences: [RowDifference]
        /// The groups that could not be folded, and why.
        package var failures: [(tenant: TenantID, group: UUID, reason: String)]
    }

    /// The projections of this program.
    package static let projections = ProjectorEngine.all.map { $0.name }

    package let projection: String
    package let generation: Int
    /// The generation's checkpoint: as far as the log is folded.
    package let position: Int64
    /// The prefix of its rows' public identifiers, whose plural is its name.
    package var rowPrefix: String { String(projection.dropLast()) }
    /// The prefix of its groups' public identifiers.
    package let groupPrefix: String
    private let walk: any GroupWalking
    private var place: GroupPlace?
    private var hasBegun = false

    /// Groups in a page.
    private static let portion = 300

    /// - Throws: `Unprovable` where the projection has no live generation, or one that another fold fills.
    package init(
        _ projection: String, _ selection: GroupSelection, on connection: PostgresConnection
    ) async throws {
        let shard = Shard.main
        guard let type = ProjectorEngine.all.first(where: { $0.name == projection }) else {
            throw Unprovable("this program has no such projection")
        }
        let generations = try await LiveGeneration.all(shard, on: connection)
        guard let live = generations.first(where: { $0.generation.projection == projection }) else {
            throw Unprovable("it has no live generation")
        }
        guard type.isFold(of: live) else {
            throw Unprovable(
                "its live generation is of fold version \(live.foldVersion), this program's is \(type.foldVersion)")
        }
        self.projection = projection
        generation = live.generation.number
        position = live.position
        groupPrefix = type.source.category
        walk = type.walk(live, shard, selection)
    }

    package struct Unprovable: Error, Equatable {
        package let reason: String

        init(_ reason: String) { self.reason = reason }
    }

    /// nil at the end.
    package mutating func next(on connection: PostgresConnection) async throws -> Page? {
        if !hasBegun {
            place = try await walk.first(on: connection)
            hasBegun = true
        }
        guard let from = place else { return nil }
        let page = try await walk.page(from: from, Self.portion, through: position, on: connection)
        place = page.next
        return Page(groups: page.groups, differences: page.differences, failures: page.failures)
    }
}
