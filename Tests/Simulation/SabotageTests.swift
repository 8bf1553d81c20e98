import Testing

/// The simulation is watched failing: each of these breaks the log, the table or the world, and some seed notices.
@Suite struct SabotageTests {
    @Test(arguments: Sabotage.allCases)
    func `a world that is broken on purpose is noticed`(sabotage: Sabotage) async throws {
        var outcome: Simulation.Outcome?
        for seed in UInt64(1)...400 where outcome == nil {
            await Task.yield()
            let run = Simulation.run(seed: seed, sabotage: sabotage)
            if run.violation != nil { outcome = run }
        }
        let found = try #require(outcome, "no seed has noticed \(sabotage)")
        let expected: [Sabotage: Set<Violation.Kind>] = [
            .visibleOutOfOrder: [.tail], .answeredBeforeCommit: [.lost, .altered, .version],
            .halfABatch: [.forged, .doubled, .altered], .checkpointWithoutCompare: [.checkpoint],
            .forgottenKeys: [.doubled, .altered], .staleDecisions: [.version, .doubled], .sharedClaims: [.claim],
            .noPolls: [.stuck],
        ]
        let kind = try #require(found.violation?.kind)
        #expect(expected[sabotage]?.contains(kind) == true, "\(sabotage) in seed \(found.seed): \(found.violation!)")
    }
}
