import AsyncHTTPClient
import Foundation
import JSON
import NIOCore
import NIOHTTP1

/// From the answer of a write to the first read that has it, at a steady rate. Every answer is read and checked.
struct Visibility: Sendable {
    let instance: Instance
    let plan: Plan
    /// Whether the services ring for one another; without, only their polls find out.
    var rings = true

    func rows() async throws -> [Row] {
        var rows: [Row] = []
        for rate in [100, 500, 1_000] {
            note("  \(rate) a second, NOTIFY \(rings ? "on" : "off")")
            let times = try await Pace(rate: rate).run(seconds: plan.seconds) { number, _ in
                // At most a hundred a second are followed to their reader: more would measure the reads.
                try await one(number, isFollowed: number % max(1, rate / 100) == 0)
            }
            var row = Row(
                "append → readable at \(rate)/s\(rings ? "" : ", NOTIFY off"), p99", ours: times.percentile(99),
                unit: "ms", isLessBetter: true,
                note: "p50 \(Table.number(times.percentile(50))) ms, of \(times.count)")
            switch (rings, rate) {
            case (true, 500): row.near = 50
            case (true, 1_000): row.reach = 20
            case (false, _): row.reach = Double(Self.poll + 25)
            default: break
            }
            rows.append(row)
        }
        return rows
    }

    /// Milliseconds: what `CLOSTER_POLL_MS` is unless told otherwise.
    private static let poll = 250

    /// Milliseconds from the moment the write was answered until a read with its token was.
    private func one(_ number: Int, isFollowed: Bool) async throws -> Double? {
        let slug = Instance.slug(number % Instance.tenants)
        let title = "Coat \(number)"
        let (response, body) = try await instance.post(
            "/v1/items", ["title": .string(title), "condition": "good", "brand": "Nordhem"], tenant: slug)
        guard response.status == .created, let id = body["id"]?.stringValue, body["version"] == 1 else {
            throw Failure("a write failed: \(response.status) \(body.text)")
        }
        guard isFollowed else { return nil }
        let written = ContinuousClock.now
        let read = try await instance.get(
            "/v1/items/\(id)", tenant: slug,
            ["Closter-After": response.headers.first(name: "Closter-Position") ?? "", "Prefer": "wait=10"])
        let time = (.now - written) / .milliseconds(1)
        guard read["id"]?.stringValue == id, read["title"]?.stringValue == title else {
            throw Failure("what was written reads otherwise: \(read.text)")
        }
        return time
    }
}
