import Foundation
import JSON
import Postgres
import Synchronization

/// GETs against primary-key selects.
final class Reads: Sendable {
    private let instance: Instance
    private let peer: Peer
    private let plan: Plan
    private let listings = Mutex<[(slug: Int, id: String)]>([])

    init(instance: Instance, peer: Peer, plan: Plan) async throws {
        self.instance = instance
        self.peer = peer
        self.plan = plan
        try await refresh()
    }

    /// Picks the listings that are asked for: of every tenant, by chance.
    func refresh() async throws {
        let table = try await instance.liveTable("listings")
        let rows = try await instance.database.query(
            SQL(
                """
                SELECT substring(t.slug FROM 7)::int8, g.document::jsonb ->> 'id'
                FROM closter.tenants t
                CROSS JOIN LATERAL (
                    SELECT document FROM main.\(table) l WHERE l.tenant_id = t.tenant_id AND l.status = 'published'
                    ORDER BY l.created_at DESC LIMIT 100
                ) g
                WHERE t.slug LIKE 'bench-%' ORDER BY md5(g.document)
                """, []))
        var picked: [(slug: Int, id: String)] = []
        for row in rows { picked.append((try row.decode(0), try row.decode(1))) }
        guard !picked.isEmpty else { throw Failure("there are no listings to read") }
        listings.withLock { [picked] in $0 = picked }
        // wrk counts answers and does not read them: each is read once before.
        for number in 0..<min(500, picked.count) { _ = try await readOne(number, .now) }
    }

    /// Reads that Postgres answers: what is kept is refused.
    private func script(oneTenant: Bool, page: String?) -> String {
        let all = listings.withLock { $0 }
        let first = all.first?.slug
        let chosen = oneTenant ? all.filter { $0.slug == first } : all
        let paths = chosen.map {
            "{\"bench-\($0.slug)\",\"\(page ?? "/\($0.id)")\"}"
        }
        return """
            local wanted = { \(paths.joined(separator: ",")) }
            local number = 0
            local requests = {}
            for i, w in ipairs(wanted) do
                requests[i] = wrk.format("GET", "/v1/listings" .. w[2],
                    { ["Authorization"] = "Bearer \(instance.token)", ["Closter-Tenant"] = w[1],
                      ["Cache-Control"] = "no-cache" })
            end
            request = function()
                number = number % #requests + 1
                return requests[number]
            end
            """
    }

    private func get(oneTenant: Bool, page: String? = nil, connections: Int) async throws -> Wrk.Result {
        try await Wrk(instance: instance).run(
            "get.lua", script(oneTenant: oneTenant, page: page), url: instance.query, connections: connections,
            seconds: plan.seconds)
    }

    func rate() async throws -> Double { try await get(oneTenant: false, connections: 32).rate }

    /// Without another filter: a small catalogue too has as many rows.
    func pageRate() async throws -> Double {
        try await get(oneTenant: false, page: "?limit=50&status=published", connections: 16).rate
    }

    func byID() async throws -> [Row] {
        var rows: [Row] = []
        for (isOne, near, reach) in [(true, 15_000.0, 30_000.0), (false, 10_000, 20_000)] {
            var p99: [Double] = []
            let rates = try await plan.alternate([
                { [self] in
                    let result = try await get(oneTenant: isOne, connections: 32)
                    p99.append(result.p99)
                    return result.rate
                }, { [self] in try await peer.selects(seconds: plan.seconds) },
            ])
            rows.append(
                Row(
                    "GET a listing by id, \(isOne ? "one tenant" : "100 tenants mixed")", ours: rates[0], unit: "/s",
                    theirs: rates[1], peer: "pgbench select", near: near, reach: reach,
                    note: "p99 \(Table.number(p99.median)) ms"))
        }
        return rows
    }

    func page() async throws -> [Row] {
        var p99: [Double] = []
        let rates = try await plan.alternate([
            { [self] in
                let result = try await get(
                    oneTenant: false, page: "?limit=50&status=published&brand=Nordhem", connections: 16)
                p99.append(result.p99)
                return result.rate
            }, { [self] in try await peer.pages(seconds: plan.seconds) },
        ])
        return [
            Row(
                "GET a page of 50, by status and brand, 100 tenants mixed", ours: rates[0], unit: "/s",
                theirs: rates[1], peer: "pgbench, the same rows", near: 1_500, reach: 3_000,
                note: "p99 \(Table.number(p99.median)) ms")
        ]
    }

    /// The p99 of reads at a steady rate while something else goes on, against the p99 before it.
    func beside(_ work: @escaping @Sendable () async throws -> Void) async throws -> Row {
        let rate = 1_000
        func times(while isWanted: () -> Bool) async throws -> [Double] {
            var times: [Double] = []
            repeat { times += try await Pace(rate: rate).run(seconds: 2, readOne) } while isWanted()
            return times
        }
        var rounds = plan.seconds / 2
        let before = try await times {
            rounds -= 1
            return rounds > 0
        }
        let isDone = Mutex(false)
        let task = Task {
            defer { isDone.withLock { $0 = true } }
            try await work()
        }
        let during = try await times { isDone.withLock { !$0 } }
        try await task.value
        func spread(_ times: [Double]) -> String {
            "p50 \(Table.number(times.percentile(50))), p90 \(Table.number(times.percentile(90))) ms"
        }
        return Row(
            "p99 of GETs at \(rate)/s while listings are rebuilt with a quarter of a core", ours: during.percentile(99),
            unit: "ms", theirs: before.percentile(99), peer: "before it", isLessBetter: true,
            note: "\(spread(during)), before it \(spread(before)); of \(during.count); goal: 120 %")
    }

    @Sendable private func readOne(_ number: Int, _ due: ContinuousClock.Instant) async throws -> Double? {
        let all = listings.withLock { $0 }
        let (slug, id) = all[number % all.count]
        let document = try await instance.get(
            "/v1/listings/\(id)", tenant: Instance.slug(slug), ["Cache-Control": "no-cache"])
        guard document["id"]?.stringValue == id else { throw Failure("\(id) reads \(document.text)") }
        return (.now - due) / .milliseconds(1)
    }
}
