import Foundation

/// Answers that are kept, against servers that have nothing but a file with the same bytes.
struct Hot: Sendable {
    let instance: Instance
    let plan: Plan
    let shop: Shop

    private var listing: String { shop.listings[0] }
    private var path: String { "/v1/listings/\(listing)" }
    private var key: String { "closter-key: \(shop.publishable)" }

    func rows() async throws -> [Row] {
        let file = try await unchanged()
        let peers = try await FileServers(instance, file: file)
        defer { peers.stop() }
        let (plain, secure) = (instance.query + path, instance.queryTLS + path)
        let http1 = H2Load(instance: instance, shape: .http1)
        let http2 = H2Load(instance: instance, shape: .http2)
        let before = try await instance.metric(Self.given)
        let one = try await plan.alternate([
            { try await load(plain, [key]) },
            { try await load("http://127.0.0.1:\(peers.nginx)/listing", []) },
        ])
        let two = try await plan.alternate([
            { try await http2.rate(secure, [key], seconds: plan.seconds) },
            { try await http2.rate("https://127.0.0.1:\(peers.nghttpd)/listing", [], seconds: plan.seconds) },
        ])
        var reached: [[Double]] = [[], []]
        func p99(_ generator: H2Load, _ url: String, _ rate: Double) async throws -> Double {
            let times = try await generator.times(url, [key], rate: rate, seconds: plan.seconds)
            reached[generator.shape == .http1 ? 0 : 1].append(Double(times.count) / Double(plan.seconds))
            return times.percentile(99)
        }
        let half = try await plan.alternate([
            { try await p99(http1, plain, one[0] / 2) }, { try await p99(http2, secure, two[0] / 2) },
        ])
        guard try await unchanged() == file else { throw Failure("the listing has changed while it was measured") }
        let answered = (one[0] + two[0]) * Double(plan.seconds * plan.rounds)
        guard try await instance.metric(Self.given) - before > answered * 0.9 else {
            throw Failure("what was measured are not kept answers")
        }
        let note = "\(file.count) bytes, the same as PostgreSQL's before and after; all 200"
        func late(_ name: String, _ number: Int) -> Row {
            Row(
                "  p99 at half load, \(name)", ours: half[number], unit: "ms", near: 2, reach: 2, isLessBetter: true,
                note: "h2load --rps, \(Table.number(reached[number].median)) answers/s")
        }
        return [
            Row(
                "hot GET of a listing, HTTP/1.1, 32 connections", ours: one[0], unit: "/s", theirs: one[1],
                peer: "nginx, the same file", near: 60_000, reach: 80_000, note: note + "; goal: 60 %"),
            late("HTTP/1.1", 0),
            Row(
                "hot GET of a listing, HTTP/2 over TLS, 4 connections, 64 in flight", ours: two[0], unit: "/s",
                theirs: two[1], peer: "nghttpd, the same file", near: 150_000, reach: 300_000,
                note: note + "; goal: 50 → 100 %"),
            late("HTTP/2 over TLS", 1),
        ]
    }

    static let given = "closter_hot_reads_total{outcome=\"given\"}"

    /// wrk, with nothing to compute for a request.
    func load(_ url: String, _ fields: [String]) async throws -> Double {
        let headers = fields.map { field in
            let parts = field.split(separator: ":", maxSplits: 1)
            return "wrk.headers[\"\(parts[0])\"] = \"\(parts[1].trimmingCharacters(in: .whitespaces))\"\n"
        }
        return try await Wrk(instance: instance).run(
            "hot.lua", headers.joined(), url: url, connections: 32, seconds: plan.seconds
        ).rate
    }

    /// The listing's bytes: what is kept and what PostgreSQL has must be the same.
    private func unchanged() async throws -> [UInt8] {
        let read = try await shop.body(listing, ["cache-control: no-cache"])
        // The second is certainly not the one that was made for the first.
        for _ in 0..<2 where try await shop.body(listing) != read {
            throw Failure("what is kept of \(listing) is not what PostgreSQL has")
        }
        return read
    }
}
