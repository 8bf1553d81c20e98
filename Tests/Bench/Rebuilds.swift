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
        return rows + [try await reads.beside { try await instance.rebuild("listings", ["--share", "0.25"]) }]
    }

    /// Events a second, by the database's clock, from the request until the new generation is live, without a limit on its
    /// load, and with nothing else that the server has to do.
    func rate(_ projection: String) async throws -> Double {
        try await instance.rested()
        let head = try await instance.head()
        try await instance.rebuild(projection)
        let seconds = try await instance.database.query(
            """
            SELECT extract(epoch FROM r.ended_at - r.requested_at)::float8 FROM main.rebuilds r
            WHERE r.projection = \(projection) AND r.status = 'done' ORDER BY r.ended_at DESC LIMIT 1
            """)[0].decode(0, as: Double.self)
        return Double(head) / seconds
    }
}
