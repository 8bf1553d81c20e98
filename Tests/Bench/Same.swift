import Foundation
import JSON
import Postgres

/// Whether what is kept and what PostgreSQL has are the same, for all that can be asked.
struct Same: Sendable {
    let instance: Instance
    let shop: Shop
    /// Each is asked twice.
    let count: Int

    private static let compared: [StaticString] = [
        "etag", "content-type", "content-encoding", "content-length", "vary", "cache-control", "closter-source",
    ]

    func rows() async throws -> [Row] {
        let asks = try await asks()
        let head = try await instance.head()
        let before = try await instance.metric(Hot.given)
        let (port, count) = (shop.port, count)
        let result = try await onThread { try Self.compare(count, of: asks, port: port) }
        let given = try await instance.metric(Hot.given) - before
        guard try await instance.head() == head else { throw Failure("the catalogue was not quiet") }
        let statuses = result.statuses.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" }
        return [
            Row(
                "differences between kept and unkept answers, of \(count) mixed GETs and HEADs, each asked both ways",
                ours: Double(result.differences.count), unit: "", near: 0, reach: 0, isLessBetter: true,
                note: "\(Table.number(given / Double(count) * 100)) % were kept; \(statuses.joined(separator: ", "))"
                    + (result.differences.first.map { "; the first: \($0)" } ?? ""))
        ]
    }

    // MARK: Asking

    private struct Ask: Sendable {
        var isHead: Bool
        var kept: [UInt8]
        var unkept: [UInt8]
        var text: String
    }

    private struct Outcome: Sendable {
        var differences: [String] = []
        var statuses: [Int: Int] = [:]
    }

    private struct Taken: Equatable {
        var status: Int
        var fields: [String?]
        var body: [UInt8]

        var text: String { "\(status) \(fields.map { $0 ?? "-" }) and \(body.count) bytes" }
    }

    private static func compare(_ count: Int, of asks: [Ask], port: Int) throws -> Outcome {
        let connection = try Loopback(port: port)
        var outcome = Outcome()
        var random = Sequence(state: 1)
        var rest = count
        while rest > 0 {
            let batch = (0..<min(16, rest)).map { _ in asks[random.below(asks.count)] }
            rest -= batch.count
            try connection.send(batch.flatMap { $0.kept + $0.unkept })
            for ask in batch {
                func taken() throws -> Taken {
                    try connection.receive(isHead: ask.isHead) { answer in
                        Taken(
                            status: answer.status, fields: Self.compared.map { answer.field($0) },
                            body: Array(answer.body))
                    }
                }
                let (kept, unkept) = (try taken(), try taken())
                outcome.statuses[unkept.status, default: 0] += 1
                if kept != unkept {
                    outcome.differences.append(
                        "\(ask.text): kept \(kept.text), otherwise \(unkept.text)")
                }
            }
        }
        return outcome
    }

    /// The same numbers each time (SplitMix64).
    private struct Sequence {
        var state: UInt64

        mutating func below(_ limit: Int) -> Int {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            return Int((mixed ^ (mixed >> 31)) % UInt64(limit))
        }
    }

    // MARK: What is asked

    /// Every target by every caller in every form.
    private func asks() async throws -> [Ask] {
        let callers = [
            ["closter-key: \(shop.publishable)"], ["closter-key: \(shop.secret)"],
            ["authorization: Bearer \(instance.token)", "closter-tenant: \(shop.tenant)"],
        ]
        let tag = try await tag()
        let forms: [[String]] = [
            [], [], ["accept-encoding: gzip"], ["if-none-match: \(tag)"], ["if-none-match: \"0-0\", W/\(tag)"],
            ["if-none-match: *", "accept-encoding: gzip"],
        ]
        var asks: [Ask] = []
        for target in try await targets() {
            for caller in callers {
                for form in forms {
                    for method in ["GET", "HEAD"] {
                        // What an answer says of its own request is the same for both.
                        let fields = caller + form + ["x-correlation-id: 00000000-0000-4000-8000-000000000001"]
                        asks.append(
                            Ask(
                                isHead: method == "HEAD", kept: Shop.request(method, target, fields),
                                unkept: Shop.request(method, target, fields + ["cache-control: no-cache"]),
                                text: "\(method) \(target) \(form)"))
                    }
                }
            }
        }
        return asks
    }

    private func tag() async throws -> String {
        let (port, request) = (
            shop.port,
            Shop.request("GET", "/v1/listings/\(shop.listings[0])", ["closter-key: \(shop.publishable)"])
        )
        return try await onThread {
            let connection = try Loopback(port: port)
            try connection.send(request)
            return try connection.receive { $0.field("etag") ?? "" }
        }
    }

    private func targets() async throws -> [String] {
        let table = try await instance.liveTable("listings")
        let foreign = try await instance.database.query(
            SQL(
                """
                SELECT l.document::jsonb ->> 'id' FROM main.\(table) l JOIN closter.tenants t USING (tenant_id)
                WHERE t.slug = '\(Instance.slug(1))' LIMIT 5
                """, []))
        let page = try await instance.get("/v1/listings?limit=3", tenant: shop.tenant)
        let cursor = page["next"]?.stringValue ?? ""
        var targets =
            shop.listings.prefix(40).map { "/v1/listings/\($0)" } + shop.items.prefix(40).map { "/v1/items/\($0)" }
        // Oftener than others: the tag that is sent is its own.
        targets += Array(repeating: targets[0], count: 10)
        for row in foreign { targets.append("/v1/listings/\(try row.decode(0, as: String.self))") }
        targets += (1...10).map { "/v1/listings?limit=\($0)" } + (1...10).map { "/v1/items?limit=\($0)" }
        for resource in ["items", "listings"] {
            targets += [
                "", "?brand=Nordhem", "?category=Coats&size=38", "?condition=good&limit=5", "?q=nordhem", "?q=coat%201",
                "?q=%C5%BBakiet", "?status=published", "?limit=0", "?limit=many", "?nothing=1", "?sort=sideways",
                "?cursor=0", "?limit=1&limit=2", "?q=", "/", "/nothing", "/%FF", "?status=lost", "?%",
            ].map { "/v1/\(resource)\($0)" }
        }
        return targets + [
            "/v1/listings?sort=price&limit=7", "/v1/listings?sort=-price&limit=7", "/v1/listings?sort=-published_at",
            "/v1/listings?price_min=100&price_max=30000", "/v1/listings?price_min=9&price_max=1",
            "/v1/listings?price_min=much", "/v1/listings?limit=3&cursor=\(cursor)",
            "/v1/listings?limit=9&cursor=\(cursor)",
            "/v1/listing", "/v1/events?limit=2", "/v1/read-switches",
        ]
    }
}
