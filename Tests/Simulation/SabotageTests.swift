import Testing

/// The simulation is watched failing: each of these breaks the log, the table or the world, and some seed notices.
@Suite struct SabotageTests {
    @Test(arguments: Sabotage.allCases)
    func `a world that is broken on purpose is noticed`(sabotage: Sabotage) throws {
        let outcome = (UInt64(1)...400).lazy.map { Simulation.run(seed: $0, sabotage: sabotage) }
            .first { $0.violation != nil }
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
