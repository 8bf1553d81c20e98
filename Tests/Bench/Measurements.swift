import AsyncHTTPClient
import Foundation
import JSON
import NIOCore
import NIOHTTP1
import Postgres
import Synchronization

/// Intents over HTTP against what PostgreSQL makes of a bare insert.
struct Writes: Sendable {
    let instance: Instance
    let peer: Peer
    let plan: Plan

    private var script: String {
        """
        local tenants = \(Instance.tenants)
        local number = math.random(1, 1000000000)
        local headers = { ["Authorization"] = "Bearer \(instance.token)", ["Content-Type"] = "application/json" }
        request = function()
            number = number + 1
            headers["Closter-Tenant"] = "bench-" .. (number % tenants)
            local body = '{"title":"Nordhem coat ' .. number .. '","condition":"good","brand":"Nordhem","category":"Coats","size":"38","description":"Worn a few times, cleaned and checked. The seams are firm, the lining is whole, all buttons are there.","photos":["https://cdn.example.com/1.jpg"],"attributes":{"tags":["second-hand"]}}'
            return wrk.format("POST", "/v1/items", headers, body)
        end
        """
    }

    private func post() async throws -> Wrk.Result {
        try await Wrk(instance: instance).run(
            "post.lua", script, url: instance.command, connections: 64, seconds: plan.seconds)
    }

    func rate() async throws -> Double { try await post().rate }

    func intents() async throws -> [Row] {
        var results: [Wrk.Result] = []
        let (ours, theirs) = try await plan.alternate {
            results.append(try await post())
            return results.last?.rate ?? .nan
        } _: {
            try await peer.inserts(seconds: plan.seconds)
        }
        let notify = try await peer.insertsWithNotify(seconds: plan.seconds)
        let p99 = results.map(\.p99).median
        let lag = try await lag()
        return [
            Row(
                "POST /v1/items, 64 in flight, 100 tenants, projector on", ours: ours, unit: "/s", theirs: theirs,
                peer: "pgbench insert", near: 5_000, reach: 10_000,
                note:
                    "p50 \(Table.number(results.map(\.p50).median)) ms; insert + NOTIFY \(Table.number(notify))/s; caught up \(Table.number(lag)) s after it"
            ),
            Row("  its p99", ours: p99, unit: "ms", near: 50, reach: 25, isLessBetter: true),
        ]
    }

    /// How long the projections need, after the load, to come to the head.
    private func lag() async throws -> Double {
        let clock = ContinuousClock()
        let started = clock.now
        let head = try await instance.database.query("SELECT main.head()")[0].decode(0, as: Int64.self)
        while true {
            let rows = try await instance.database.query(
                """
                SELECT min((SELECT coalesce(max(c.position), 0) FROM main.checkpoints c
                            WHERE c.projection = g.projection AND c.generation = g.generation))
                FROM main.generations g WHERE g.status = 'live'
                """)
            if try rows[0].decode(0, as: Int64.self) >= head { return (clock.now - started) / .seconds(1) }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

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
        let table = try await instance.database.query(
            "SELECT table_name FROM main.generations WHERE projection = 'listings' AND status = 'live'")[0]
            .decode(0, as: String.self)
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
    }

    private func script(oneTenant: Bool, page: Bool) -> String {
        let all = listings.withLock { $0 }
        let first = all.first?.slug
        let chosen = oneTenant ? all.filter { $0.slug == first } : all
        let paths = chosen.map {
            "{\"bench-\($0.slug)\",\"\(page ? "?limit=50&status=published&brand=Nordhem" : "/\($0.id)")\"}"
        }
        return """
            local wanted = { \(paths.joined(separator: ",")) }
            local number = 0
            local requests = {}
            for i, w in ipairs(wanted) do
                requests[i] = wrk.format("GET", "/v1/listings" .. w[2],
                    { ["Authorization"] = "Bearer \(instance.token)", ["Closter-Tenant"] = w[1] })
            end
            request = function()
                number = number % #requests + 1
                return requests[number]
            end
            """
    }

    private func get(oneTenant: Bool, page: Bool, connections: Int) async throws -> Wrk.Result {
        try await Wrk(instance: instance).run(
            "get.lua", script(oneTenant: oneTenant, page: page), url: instance.query, connections: connections,
            seconds: plan.seconds)
    }

    func rate() async throws -> Double { try await get(oneTenant: false, page: false, connections: 32).rate }

    func byID() async throws -> [Row] {
        var rows: [Row] = []
        for (isOne, near, reach) in [(true, 15_000.0, 30_000.0), (false, 10_000, 20_000)] {
            var p99: [Double] = []
            let (ours, theirs) = try await plan.alternate {
                let result = try await get(oneTenant: isOne, page: false, connections: 32)
                p99.append(result.p99)
                return result.rate
            } _: {
                try await peer.selects(seconds: plan.seconds)
            }
            rows.append(
                Row(
                    "GET a listing by id, \(isOne ? "one tenant" : "100 tenants mixed")", ours: ours, unit: "/s",
                    theirs: theirs, peer: "pgbench select", near: near, reach: reach,
                    note: "p99 \(Table.number(p99.median)) ms"))
        }
        return rows
    }

    func page() async throws -> [Row] {
        var results: [Wrk.Result] = []
        for _ in 0..<plan.rounds { results.append(try await get(oneTenant: false, page: true, connections: 16)) }
        return [
            Row(
                "GET a page of 50, by status and brand", ours: results.map(\.rate).median, unit: "/s", near: 1_500,
                reach: 3_000, note: "p99 \(Table.number(results.map(\.p99).median)) ms")
        ]
    }
}

/// From the answer of a write to the first read that has it, at a steady rate: requests are sent by the clock, whether
/// the ones before them have been answered or not.
struct Visibility: Sendable {
    let instance: Instance
    let plan: Plan

    func rows() async throws -> [Row] {
        var rows: [Row] = []
        for (rate, near, reach) in [(100, nil, nil), (500, 50.0, nil), (1_000, nil, 20.0)] as [(Int, Double?, Double?)]
        {
            let times = try await measure(rate: rate)
            rows.append(
                Row(
                    "append → readable at \(rate)/s, p99", ours: times.percentile(99), unit: "ms", near: near,
                    reach: reach,
                    isLessBetter: true,
                    note: "p50 \(Table.number(times.percentile(50))) ms, of \(times.count)"))
        }
        return rows
    }

    /// Milliseconds from the moment the write was answered until a read with its token was.
    private func measure(rate: Int) async throws -> [Double] {
        let clock = ContinuousClock()
        let interval = Duration.seconds(1) / rate
        let count = rate * plan.seconds
        let started = clock.now
        return try await withThrowingTaskGroup(of: Double?.self) { group in
            for number in 0..<count {
                try await Task.sleep(until: started + interval * number, clock: clock)
                // Every tenth is followed to its reader: more would measure the reads.
                group.addTask { try await one(number, isFollowed: number % 10 == 0) }
            }
            return try await group.reduce(into: []) { if let time = $1 { $0.append(time) } }
        }
    }

    private func one(_ number: Int, isFollowed: Bool) async throws -> Double? {
        let slug = Instance.slug(number % Instance.tenants)
        let (response, body) = try await instance.post(
            "/v1/items", ["title": .string("Coat \(number)"), "condition": "good", "brand": "Nordhem"], tenant: slug)
        guard response.status == .created, let id = body["id"]?.stringValue else {
            throw Failure("a write failed: \(response.status) \(body.text)")
        }
        guard isFollowed else { return nil }
        let clock = ContinuousClock()
        let written = clock.now
        var request = HTTPClientRequest(url: "\(instance.query)/v1/items/\(id)")
        request.headers.add(name: "Authorization", value: "Bearer \(instance.token)")
        request.headers.add(name: "Closter-Tenant", value: slug)
        request.headers.add(name: "Closter-After", value: response.headers.first(name: "Closter-Position") ?? "")
        request.headers.add(name: "Prefer", value: "wait=10")
        let read = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        _ = try await read.body.collect(upTo: 1 << 20)
        guard read.status == .ok else { throw Failure("a read failed: \(read.status)") }
        return (clock.now - written) / .milliseconds(1)
    }
}

/// Rebuilds without a limit on their load.
struct Rebuilds: Sendable {
    let instance: Instance

    func rows() async throws -> [Row] {
        let head = try await instance.database.query("SELECT main.head()")[0].decode(0, as: Int64.self)
        var rows: [Row] = []
        for projection in ["items", "listings"] {
            let clock = ContinuousClock()
            let started = clock.now
            _ = try await instance.run(
                "\(instance.settings["CLOSTER_BIN"] ?? "")/closter",
                ["rebuild", projection, "--share", "64", "--grace", "0s", "--json"], environment: instance.settings)
            let seconds = (clock.now - started) / .seconds(1)
            rows.append(
                Row(
                    "rebuild of \(projection), \(head) events", ours: Double(head) / seconds, unit: "events/s",
                    near: 40_000,
                    reach: 100_000, note: "\(Table.number(seconds)) s from request to live"))
        }
        return rows
    }
}

/// Resident memory of each service, from /proc.
enum Memory {
    static func rows(of instance: Instance, _ state: String) throws -> [Row] {
        let (near, reach) = state == "idle" ? (60.0, 40.0) : (250.0, 150.0)
        return try ["command", "query", "projector"].map { service in
            let pid = try String(contentsOfFile: "\(instance.data)/run/\(service).pid", encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            // Files of /proc have no size, so what reads by size reads nothing.
            let file = try FileHandle(forReadingFrom: URL(filePath: "/proc/\(pid)/status"))
            let text = String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
            try file.close()
            let kilobytes = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
                .flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Double($0) }
            return Row(
                "memory of \(service), \(state)", ours: (kilobytes ?? .nan) / 1024, unit: "MB", near: near,
                reach: reach,
                isLessBetter: true)
        }
    }
}
