import Foundation
import Postgres

/// Intents over HTTP against what PostgreSQL makes of a bare insert.
struct Writes: Sendable {
    let instance: Instance
    let peer: Peer
    let plan: Plan

    /// - Parameter isKeyed: whether each has an idempotency key of its own, as those of careful clients have.
    private func script(isKeyed: Bool) -> String {
        """
        local tenants = \(Instance.tenants)
        local number = math.random(1, 1000000000)
        local run = os.time()
        local headers = { ["Authorization"] = "Bearer \(instance.token)", ["Content-Type"] = "application/json" }
        request = function()
            number = number + 1
            headers["Closter-Tenant"] = "bench-" .. (number % tenants)
            \(isKeyed ? #"headers["Idempotency-Key"] = run .. "-" .. number"# : "")
            local body = '{"title":"Nordhem coat ' .. number .. '","condition":"good","brand":"Nordhem","category":"Coats","size":"38","description":"Worn a few times, cleaned and checked. The seams are firm, the lining is whole, all buttons are there.","photos":["https://cdn.example.com/1.jpg"],"attributes":{"tags":["second-hand"]}}'
            return wrk.format("POST", "/v1/items", headers, body)
        end
        """
    }

    /// What was acknowledged must be in the log afterwards.
    func post(isKeyed: Bool = false) async throws -> Wrk.Result {
        let before = try await instance.head()
        let result = try await Wrk(instance: instance).run(
            "post.lua", script(isKeyed: isKeyed), url: instance.command, connections: 64, seconds: plan.seconds)
        let appended = try await instance.head() - before
        guard appended >= result.requests else {
            throw Failure("\(result.requests) intents were acknowledged, and the log has \(appended) more events")
        }
        return result
    }

    func rows() async throws -> [Row] {
        var results: [Wrk.Result] = []
        let rates = try await plan.alternate([
            {
                results.append(try await post())
                return results.last?.rate ?? .nan
            },
            { try await peer.inserts(seconds: plan.seconds) },
            { try await peer.insertsWithNotify(seconds: plan.seconds) },
            { try await post(isKeyed: true).rate },
        ])
        let lag = try await instance.settled() / .seconds(1)
        return [
            Row(
                "intents over HTTP: POST /v1/items, 64 in flight, 100 tenants, projector on", ours: rates[0],
                unit: "/s", theirs: rates[1], peer: "pgbench insert", near: 5_000, reach: 10_000,
                note: "p50 \(Table.number(results.map(\.p50).median)) ms; projected \(Table.number(lag)) s after it"),
            Row(
                "  the same", ours: rates[0], unit: "/s", theirs: rates[2], peer: "pgbench insert + NOTIFY"),
            Row(
                "  the same, each with an Idempotency-Key", ours: rates[3], unit: "/s", theirs: rates[0],
                peer: "without"),
            Row("  its p99", ours: results.map(\.p99).median, unit: "ms", near: 50, reach: 25, isLessBetter: true),
        ]
    }
}
