import EventSourcing
import Foundation
import Logging
import Postgres
import Runtime
import Synchronization

/// A read that the tables have answered, and how to ask both sides again. It holds fingerprints, never answers.
struct ShadowComparison: Sendable {
    var resource: Resource
    var subject: ReadSubject
    /// The tenant's slug.
    var tenant: String
    /// What the reader was given.
    var answered: String
    var tables: @Sendable () async throws -> String
    var projections: @Sendable () async throws -> String
}

/// Compares answers of the tables with what the projections say of the same versions of the streams, behind the backs
/// of the readers.
final class Shadow: Sendable {
    /// Waiting comparisons; more are dropped, and counted.
    static let mostWaiting = 256
    static let mostAtOnce = 4
    static let mostRounds = 4

    /// Waits, for a while, until the projection holds everything that the log holds now.
    typealias CatchUp = @Sendable (Projection) async throws -> Bool

    private struct Series: Hashable {
        var resource: ReadResource
        var outcome: ShadowOutcome
    }

    private let catchUp: CatchUp
    private let logger: Logger
    private let counts = Mutex<[Series: Int]>([:])
    private let waiting: AsyncStream<ShadowComparison>
    private let offered: AsyncStream<ShadowComparison>.Continuation

    init(catchUp: @escaping CatchUp, logger: Logger) {
        self.catchUp = catchUp
        self.logger = logger
        (waiting, offered) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.mostWaiting))
    }

    /// - Parameter patience: how long a projection may take to catch up.
    convenience init(follower: ShardFollower, patience: Duration = .seconds(5), logger: Logger) {
        self.init(
            catchUp: { projection in
                guard let view = try await follower.look() else { return false }
                return await follower.reached(view.head, by: projection, within: patience)
            }, logger: logger)
    }

    /// Takes a comparison on, if there is room; never waits.
    func offer(_ comparison: ShadowComparison) {
        if case .dropped = offered.yield(comparison) { count(.dropped, comparison) }
    }

    /// Until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            var running = 0
            for await comparison in waiting {
                if running == Self.mostAtOnce {
                    await group.next()
                    running -= 1
                }
                running += 1
                group.addTask { await self.compare(comparison) }
            }
        }
    }

    func count(of outcome: ShadowOutcome, _ resource: ReadResource) -> Int {
        counts.withLock { $0[Series(resource: resource, outcome: outcome)] ?? 0 }
    }

    private func count(_ outcome: ShadowOutcome, _ comparison: ShadowComparison) {
        guard let resource = comparison.resource.switching?.resource else { return }
        counts.withLock { $0[Series(resource: resource, outcome: outcome), default: 0] += 1 }
    }

    private func compare(_ comparison: ShadowComparison) async {
        do {
            count(try await judge(comparison), comparison)
        } catch {
            guard !Task.isCancelled else { return }
            logger.debug("shadow comparison failed: \(error)")
            count(.incomparable, comparison)
        }
    }

    private func judge(_ comparison: ShadowComparison) async throws -> ShadowOutcome {
        var verdict = ShadowVerdict(tables: comparison.answered)
        for _ in 0..<Self.mostRounds {
            guard try await catchUp(comparison.resource.projection) else { return .incomparable }
            let projection = try await comparison.projections()
            let tables = try await comparison.tables()
            guard let outcome = verdict.judge(projection: projection, tables: tables) else { continue }
            if outcome == .difference { report(comparison, tables: tables, projection: projection) }
            return outcome
        }
        return .incomparable
    }

    private func report(_ comparison: ShadowComparison, tables: String, projection: String) {
        let kind: String
        let name: String
        switch comparison.subject {
        case .one(let id): (kind, name) = ("one", TypeID(prefix: comparison.resource.prefix, uuid: id).description)
        case .list(let digest): (kind, name) = ("list", digest)
        }
        logger.warning(
            "tables and projection differ",
            metadata: [
                "tenant": "\(comparison.tenant)", "resource": "\(comparison.resource.name)",
                "kind": "\(kind)", "subject": "\(name)", "tables": "\(tables)", "projection": "\(projection)",
            ])
    }

    // MARK: What it tells

    func register(in metrics: PrometheusMetrics) {
        metrics.describe(
            MetricDefinition(
                "closter_shadow_comparisons_total", .counter,
                help: "Answers of the tables that were compared with the projections, by resource and outcome."))
        for resource in SwitchRoutes.resources {
            for outcome in ShadowOutcome.allCases {
                metrics.observe(
                    "closter_shadow_comparisons_total", .counter,
                    dimensions: [("resource", resource.rawValue), ("outcome", outcome.rawValue)]
                ) { [self] in Double(count(of: outcome, resource)) }
            }
        }
    }
}
