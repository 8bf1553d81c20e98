import Foundation
import Postgres

/// What the same work costs at a hundred times the events.
struct Growth: Sendable {
    let instance: Instance
    let plan: Plan
    let writes: Writes
    let reads: Reads

    private struct Rates {
        var intents: Double
        var gets: Double
        var pages: Double
        var rebuild: Double
    }

    func rows(items: Int, scripts: String) async throws -> [Row] {
        let before = try await instance.head()
        let few = try await rates()
        try await instance.fill(items: items * 99, scripts: scripts, rebuilt: ["items", "listings"])
        try await reads.refresh()
        let after = try await instance.head()
        let many = try await rates()
        func row(_ what: String, _ rate: KeyPath<Rates, Double>) -> Row {
            Row(
                "cost of \(what), \(after) events against \(before)", ours: few[keyPath: rate] / many[keyPath: rate],
                unit: "×", near: 1.3, reach: 1.2, isLessBetter: true,
                note: "\(Table.number(few[keyPath: rate])) → \(Table.number(many[keyPath: rate])) /s")
        }
        return [
            row("an intent", \.intents), row("a GET by id", \.gets), row("a page of 50", \.pages),
            row("an event of a rebuild", \.rebuild),
        ]
    }

    private func rates() async throws -> Rates {
        // Before anything is posted: of what that writes a rebuild of listings has only to read, and a small log is half of it.
        let rebuild = try await rebuildRate()
        // The first round fills caches.
        _ = try await reads.rate()
        let rates = try await plan.alternate([
            { try await writes.post().rate }, { try await reads.rate() }, { try await reads.pageRate() },
        ])
        return Rates(intents: rates[0], gets: rates[1], pages: rates[2], rebuild: rebuild)
    }

    /// The median of those rounds that begin within half a minute.
    private func rebuildRate() async throws -> Double {
        var rates: [Double] = []
        let started = ContinuousClock.now
        while rates.count < plan.rounds, rates.isEmpty || .now - started < .seconds(30) {
            rates.append(try await Rebuilds(instance: instance).rate("listings"))
        }
        return rates.median
    }
}
