import Foundation
import Postgres

/// How fast generations are filled, and what reads feel of it.
struct Rebuilds: Sendable {
    let instance: Instance

    func rows(beside reads: Reads) async throws -> [Row] {
        let head = try await instance.head()
        var rows: [Row] = []
        for projection in ["items", "listings"] {
            let rate = try await rate(projection)
            rows.append(
                Row(
                    "rebuild of \(projection), unthrottled", ours: rate, unit: "events/s", near: 40_000,
                    reach: 100_000,
                    note: "\(head) events in \(Table.number(Double(head) / rate)) s from request to live"))
        }
        return rows + [try await reads.beside { try await rebuild("listings", ["--share", "0.25"]) }]
    }

    /// Events a second, from the request until the new generation is live, without a limit on its load.
    func rate(_ projection: String) async throws -> Double {
        let head = try await instance.head()
        let started = ContinuousClock.now
        try await rebuild(projection, ["--share", "64"])
        return Double(head) / ((.now - started) / .seconds(1))
    }

    private func rebuild(_ projection: String, _ options: [String]) async throws {
        _ = try await instance.run(
            "\(instance.settings["CLOSTER_BIN"] ?? "")/closter",
            ["rebuild", projection, "--grace", "0s", "--json"] + options, environment: instance.settings)
    }
}
