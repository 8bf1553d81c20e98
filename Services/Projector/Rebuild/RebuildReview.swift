import EventSourcing
import Foundation
import Logging
import Postgres

/// What a new generation changes, counted row by row before it goes live, and judged: where it differs from the live
/// one, one of the two is wrong or the fold is another.
///
/// The first groups that differ are folded afresh from the log. A generation that is not what the log says does not go
/// live.
struct RebuildReview<P: Projection>: Sendable {
    let rebuild: Rebuild
    let old: CensusEntry
    let new: CensusEntry
    let shard: Shard
    let store: RebuildStore
    let connect: Connect
    let metrics: RebuildMetrics
    let logger: Logger

    /// Rows that are compared by one statement, about.
    private static var pageLimit: Int { 1000 }
    /// Differing rows that are logged, and differing groups that are judged.
    private static var mostNamed: Int { 100 }

    /// The rebuild's workers go through both generations, a stretch at a time, each on a connection of its own; what they
    /// find is judged here.
    ///
    /// - Throws: `RebuildEnd.failed` where the new generation is wrong.
    func run() async throws -> Logger.Metadata {
        let comparison = GenerationComparison<P>(shard: shard, old: old, new: new)
        let throttle = Throttle(share: rebuild.share, workers: rebuild.workers)
        let (total, all) = try await comparison.stretches(of: Self.pageLimit, on: store.connection)
        var counts = RebuildCounts()
        var (seen, named) = (0, 0)
        var judged: Set<GroupKey> = []
        var stretches = all.makeIterator()
        var connections: [PostgresConnection] = []
        for _ in 0..<rebuild.workers { connections.append(try await connect()) }
        try await withThrowingTaskGroup(of: (PostgresConnection, GenerationComparison<P>.Page).self) { group in
            func goOn(_ connection: PostgresConnection, after work: Duration = .zero) {
                guard let stretch = stretches.next() else { return }
                group.addTask {
                    try await Task.sleep(for: throttle.pause(after: work))
                    return (connection, try await comparison.page(stretch, on: connection))
                }
            }
            for connection in connections { goOn(connection) }
            while let (connection, page) = try await group.next() {
                seen += page.rows
                counts.add(page)
                for difference in page.differences.prefix(Self.mostNamed - named) { log(difference) }
                named = min(Self.mostNamed, named + page.differences.count)
                let suspects = Set(page.differences.map(\.group)).subtracting(judged)
                    .prefix(Self.mostNamed - judged.count)
                try await judge(Array(suspects))
                judged.formUnion(suspects)
                try await store.note(counts, of: max(total, seen), rebuild)
                metrics.show(.comparing, part: Double(seen) / Double(max(total, seen, 1)))
                try await store.check(rebuild)
                goOn(connection, after: page.work)
            }
        }
        for connection in connections { await connection.close() }
        return [
            "rows": "\(seen)", "compared": "\(counts.compared)", "different": "\(counts.different)",
            "added": "\(counts.added)", "removed": "\(counts.removed)",
        ]
    }

    /// Folds the groups afresh, up to where the new generation is, and holds its rows against that.
    private func judge(_ groups: [GroupKey]) async throws {
        guard !groups.isEmpty else { return }
        try await store.connection.transaction(isolation: .repeatableRead, readOnly: true) { connection in
            let position = try await store.position(new.generation)
            let fold = try await FreshFold<P>(shard: shard, generation: new.generation)
                .rows(of: groups, through: position, on: connection)
            if let (key, failure) = fold.failures.min(by: { $0.key < $1.key }) {
                throw RebuildEnd.failed("the item \(key.id.text) cannot be folded: \(failure)")
            }
            let wrong = try await RowComparison<P>(shard: shard, table: new.table)
                .differences(groups, fold.rows, on: connection)
            guard let first = wrong.first else { return }
            throw RebuildEnd.failed(
                """
                \(wrong.count) rows are not what the log says, the first of them \(first.row.text) \
                (\(first.kind.rawValue) \(first.columns.joined(separator: ", ")))
                """)
        }
    }

    private func log(_ difference: GenerationComparison<P>.Difference) {
        logger.warning(
            "the generations differ",
            metadata: [
                "tenant": "\(difference.group.tenant)", "row": "\(difference.row.text)",
                "difference": "\(difference.kind.rawValue)", "columns": "\(difference.columns.joined(separator: ", "))",
            ])
    }
}

extension RebuildCounts {
    fileprivate mutating func add<P>(_ page: GenerationComparison<P>.Page) {
        compared += page.compared
        for difference in page.differences {
            switch difference.kind {
            case .different: different += 1
            case .added: added += 1
            case .removed: removed += 1
            }
        }
    }
}
