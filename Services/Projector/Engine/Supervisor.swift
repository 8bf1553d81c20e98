import Foundation
import Logging
import Postgres

/// Starts a runner for every generation that this program has the fold of, and stops it when the generation is gone
/// or nobody wants it any more.
struct Supervisor: Sendable {
    let projections: [any Projection.Type]
    let census: Census
    let surroundings: Surroundings
    let interval: Duration

    /// Until the task is cancelled; then until all runners have ended.
    func run() async {
        var runners: [GenerationID: Task<Void, Never>] = [:]
        var gauges: [GenerationID: GenerationGauges] = [:]
        var isReachable = true
        while !Task.isCancelled {
            do {
                let entries = try await census.take()
                if !isReachable { surroundings.logger.info("the database is back") }
                isReachable = true
                surroundings.status.refresh(entries.filter { $0.status != .filling })
                for (generation, state) in surroundings.status.generations {
                    let gauge = gauges[generation] ?? GenerationGauges(generation)
                    gauges[generation] = gauge
                    gauge.show(state)
                }
                for (generation, gauge) in gauges where surroundings.status.generations[generation] == nil {
                    gauge.show(ProjectorStatus.Generation())
                    gauges[generation] = nil
                }
                let tailing = entries.filter { $0.status != .filling && !$0.isExpired }
                for entry in tailing where runners[entry.generation] == nil {
                    runners[entry.generation] = start(entry)
                }
                let known = Set(tailing.map(\.generation))
                for (generation, runner) in runners where !known.contains(generation) {
                    runner.cancel()
                    runners[generation] = nil
                }
            } catch {
                if isReachable, !Task.isCancelled {
                    surroundings.logger.warning("cannot ask the database", metadata: ["error": "\(error)"])
                }
                isReachable = false
            }
            // A cancelled sleep ends the loop.
            try? await Task.sleep(for: interval)
        }
        for runner in runners.values { runner.cancel() }
        for runner in runners.values { await runner.value }
    }

    private func start(_ entry: CensusEntry) -> Task<Void, Never> {
        for projection in projections
        where projection.name == entry.generation.projection && projection.foldVersion == entry.foldVersion {
            return run(projection, entry)
        }
        surroundings.logger.warning(
            "a generation is left alone: its fold is not of this program",
            metadata: ["generation": "\(entry.generation)", "fold_version": "\(entry.foldVersion)"])
        return Task {}
    }

    private func run<P: Projection>(_ projection: P.Type, _ entry: CensusEntry) -> Task<Void, Never> {
        let runner = GenerationRunner<P>(entry.generation, table: entry.table, surroundings)
        return Task { await runner.run() }
    }
}
