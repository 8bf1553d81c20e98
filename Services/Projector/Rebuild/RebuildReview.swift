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

    /// Rows that are compared by one statement.
    private static var pageLimit: Int { 1000 }
    /// Differing rows that are logged, and differing groups that are judged.
    private static var mostNamed: Int { 100 }

    /// A share of the keys, on a connection of its own.
    private struct Walk: Sendable {
        let connection: PostgresConnection
        var after: GenerationComparison<P>.RowKey?
        let last: GenerationComparison<P>.RowKey?
    }

    /// The rebuild's workers each walk through a part of the keys; what they find is judged here, page by page.
    ///
    /// - Throws: `RebuildEnd.failed` where the new generation is wrong.
    func run() async throws -> Logger.Metadata {
        let comparison = GenerationComparison<P>(shard: shard, old: old, new: new)
        let throttle = Throttle(share: rebuild.share, workers: rebuild.workers)
        let total = try await store.count(new.table)
        var counts = RebuildCounts()
        var (seen, named) = (0, 0)
        var judged: Set<GroupKey> = []
        var walks = try await walks(comparison, over: total)
        try await withThrowingTaskGroup(of: (Int, GenerationComparison<P>.Page).self) { group in
            func goOn(_ number: Int, after work: Duration = .zero) {
                let walk = walks[number]
                group.addTask {
                    try await Task.sleep(for: throttle.pause(after: work))
                    let page = try await comparison.page(
                        after: walk.after, through: walk.last, limit: Self.pageLimit, on: walk.connection)
                    return (number, page)
                }
            }
            for number in walks.indices { goOn(number) }
            while let (number, page) = try await group.next() {
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
                guard page.rows == Self.pageLimit else { continue }
                walks[number].after = page.last
                try await store.check(rebuild)
                goOn(number, after: page.work)
            }
        }
        for walk in walks { await walk.connection.close() }
        return [
            "rows": "\(seen)", "compared": "\(counts.compared)", "different": "\(counts.different)",
            "added": "\(counts.added)", "removed": "\(counts.removed)",
        ]
    }

    /// As many walks as the rebuild has workers, side by side through all keys.
    private func walks(_ comparison: GenerationComparison<P>, over total: Int) async throws -> [Walk] {
        var walks: [Walk] = []
        var after: GenerationComparison<P>.RowKey?
        for number in 1...rebuild.workers {
            let last =
                number < rebuild.workers
                ? try await comparison.key(total * number / rebuild.workers, on: store.connection) : nil
            walks.append(Walk(connection: try await connect(), after: after, last: last))
            // Without a place to divide at, this one goes through all the rest.
            guard let last else { break }
            after = last
        }
        return walks
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
