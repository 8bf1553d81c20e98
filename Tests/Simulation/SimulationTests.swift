import Foundation
import Synchronization
import Testing

/// The product's appender, doorbell, tail, bus, runner and leader in a world of one thread and one seed.
///
/// `CLOSTER_SIMULATION_SEEDS` says how many seeds; `CLOSTER_SIMULATION_SEED` runs one, and prints its steps.
@Suite struct SimulationTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let seeds: ClosedRange<UInt64> =
        environment["CLOSTER_SIMULATION_SEED"].flatMap(UInt64.init).map { $0...$0 }
        ?? 1...(environment["CLOSTER_SIMULATION_SEEDS"].flatMap(UInt64.init) ?? 10_000)

    @Test func `every promise is kept in every seed`() async throws {
        let (failed, events) = await Self.first(in: Self.seeds)
        if let failed { Issue.record("\(report(failed))") }
        if failed == nil, Self.seeds.count > 100 {
            #expect(events > Self.seeds.count * 5, "the runs have done something")
        }
        if Self.seeds.count == 1 {
            let outcome = Simulation.run(seed: Self.seeds.lowerBound, isTraced: true)
            print(outcome.trace.joined(separator: "\n"))
        }
    }

    @Test(arguments: PinnedSeed.all)
    func `a seed that has found something stays found`(pinned: PinnedSeed) {
        let outcome = Simulation.run(seed: pinned.seed)
        if outcome.violation != nil { Issue.record("\(pinned.found)\n\(report(outcome))") }
    }

    @Test func `the seeds go through all there is to go through`() async {
        var met: Set<Encounter> = []
        var seed: UInt64 = 0
        while met.count < Encounter.allCases.count, seed < 500 {
            seed += 1
            await Task.yield()
            met.formUnion(Simulation.run(seed: seed).met)
        }
        #expect(Encounter.allCases.filter { !met.contains($0) } == [], "in \(seed) seeds")
    }

    @Test func `a seed replays exactly`() async {
        for seed in UInt64(1)...50 {
            await Task.yield()
            let first = Simulation.run(seed: seed, isTraced: true)
            let second = Simulation.run(seed: seed, isTraced: true)
            #expect(first.trace == second.trace)
            #expect(Simulation.run(seed: seed).digest == first.digest, "being watched changes nothing")
        }
    }

    /// The first seed that fails, and the events of all before it; both cores take part.
    private static func first(in seeds: ClosedRange<UInt64>) async -> (Simulation.Outcome?, events: Int) {
        let lanes: UInt64 = 2
        let lowest = LowestSeed()
        return await withTaskGroup(of: (Simulation.Outcome?, Int).self) { group in
            for lane in 0..<lanes {
                group.addTask {
                    var events = 0
                    for seed in seeds where seed % lanes == lane {
                        guard seed < lowest.value else { break }
                        // Other suites share the threads, and wait for things that happen in time.
                        await Task.yield()
                        let outcome = Simulation.run(seed: seed)
                        events += outcome.events
                        guard outcome.violation == nil else {
                            lowest.take(seed)
                            return (outcome, events)
                        }
                    }
                    return (nil, events)
                }
            }
            var failed: [Simulation.Outcome] = []
            var events = 0
            for await (outcome, count) in group {
                if let outcome { failed.append(outcome) }
                events += count
            }
            return (failed.min { $0.seed < $1.seed }, events)
        }
    }

    private func report(_ outcome: Simulation.Outcome) -> String {
        let trace = Simulation.run(seed: outcome.seed, isTraced: true).trace
        return """
            \(outcome.violation.map { "\($0)" } ?? "nothing")
            the last steps:
            \(trace.suffix(60).joined(separator: "\n"))
            replay: CLOSTER_SIMULATION_SEED=\(outcome.seed) swift test --filter SimulationTests
            """
    }
}

/// The lowest seed that has failed so far.
private final class LowestSeed: Sendable {
    private let seed = Mutex(UInt64.max)

    var value: UInt64 { seed.withLock { $0 } }

    func take(_ seed: UInt64) { self.seed.withLock { $0 = min($0, seed) } }
}

/// A seed that has found a bug, and what it was.
struct PinnedSeed: Sendable, CustomTestStringConvertible {
    var seed: UInt64
    var found: String

    var testDescription: String { "\(seed): \(found)" }

    static let all = [
        PinnedSeed(
            seed: 50,
            found: """
                A batch is lost with its connection and sent again; the second is answered that a name is taken, and the \
                first arrives late, when the name is free again: refused, and there.
                """),
        PinnedSeed(
            seed: 3,
            found: "An append has taken effect, its answer cannot be read, and the client is told that it was refused."),
        PinnedSeed(
            seed: 1796,
            found: """
                A projector has lost its connection a few times; then one answer that it cannot read makes it stop for good, \
                as if it had tried six times.
                """),
        PinnedSeed(
            seed: 5317,
            found: """
                A leader has tried a poisoned event five times; then one answer that it cannot read makes it stop for good.
                """),
    ]
}
