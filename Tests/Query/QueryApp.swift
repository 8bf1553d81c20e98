import AsyncHTTPClient
import EventSourcing
import Foundation
import Identity
import JSON
import Logging
import NIOCore
import NIOHTTP1
import Postgres
import Query
import ServiceLifecycle
import TestSupport
import Testing

@testable import Runtime

/// The real service on a database and a port of its own.
struct QueryApp: Sendable {
    enum Reader { case member, storefront, backEnd, nobody }

    /// A tenant with a member, a publishable and a secret key.
    struct Shop: Sendable {
        var slug: String
        var id: TenantID
        var headers: [Headers]
        var catalogue: Catalogue

        struct Headers: Sendable {
            var reader: Reader
            var fields: [(String, String)]
        }
    }

    struct Answer: Sendable {
        var status: Int
        var headers: HTTPHeaders
        var body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
        var data: [JSONValue] { json["data"]?.arrayValue ?? [] }
        var ids: [String] { data.compactMap { $0["id"]?.stringValue } }
        var next: String? { json["next"]?.stringValue }
        var code: String? { json["code"]?.stringValue }
        /// Which parameters a problem complains of.
        var pointers: [String] { (json["errors"]?.arrayValue ?? []).compactMap { $0["pointer"]?.stringValue } }

        subscript(header: String) -> String? { headers.first(name: header) }
    }

    let database: TestDatabase
    let administrator: PostgresConnection
    let port: Int
    /// The same service, answering everything from the operational tables.
    let tablesPort: Int?
    /// The file of the read switches.
    let switches: URL
    let issuer: DevelopmentIssuer
    let metrics: PrometheusMetrics

    var log: Log { Log(connection: administrator) }

    /// - Parameters:
    ///   - comparing: a second service answers from the operational tables, and every answer of the first for items and
    ///     listings is compared with its own, byte for byte.
    ///   - switches: what the file of the read switches says; nil: there is none.
    ///   - variables: of the services' environment, besides those that they cannot do without.
    static func with(
        poll: Int = 20, comparing: Bool = false, switches: String? = nil, variables: [String: String] = [:],
        logger: Logger = Self.logger,
        _ body: (QueryApp) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            let folder = FileManager.default.temporaryDirectory.appending(path: database.name)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let issuer = DevelopmentIssuer()
            try Data(issuer.jwks).write(to: folder.appending(path: "jwks.json"))
            let file = folder.appending(path: "switches.yaml")
            try switches.map { try Data($0.utf8).write(to: file) }
            let tables = folder.appending(path: "tables.yaml")
            try Data("default: tables\n".utf8).write(to: tables)
            let masters = folder.appending(path: "master.keys")
            try Data("first \(Data(repeating: 1, count: 32).base64EncodedString())\n".utf8).write(to: masters)
            func environment(_ switches: URL?) throws -> ServiceProcess.Environment {
                var all = [
                    "CLOSTER_DATABASE_URL": database.url(as: "closter_query"), "CLOSTER_HTTP_PORT": "0",
                    "CLOSTER_AUTH_DEV_JWKS": folder.appending(path: "jwks.json").path, "CLOSTER_POLL_MS": "\(poll)",
                    "CLOSTER_MASTER_KEYS": masters.path,
                    // The catalogue puts rows in without a word to those who keep answers.
                    "CLOSTER_HOT_BYTES": "0",
                ].merging(variables) { $1 }
                all["CLOSTER_READ_SWITCHES"] = switches?.path
                return ServiceProcess.Environment(
                    configuration: try ServiceConfiguration(
                        service: "query", requires: QueryService.requirements, environment: all),
                    health: HealthRegistry(), logger: logger, metrics: PrometheusMetrics())
            }
            let first = try environment(switches == nil ? nil : file)
            let (ports, port) = AsyncStream.makeStream(of: Int.self)
            var parts = try await QueryService.parts(first) { port.yield($0) }
            let (tablesPorts, tablesPort) = AsyncStream.makeStream(of: Int?.self)
            if comparing {
                parts += try await QueryService.parts(environment(tables)) { tablesPort.yield($0) }
            } else {
                tablesPort.yield(nil)
            }
            let administrator = try await database.connect()
            let services = ServiceGroup(services: parts, logger: logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await services.run() }
                var (port, second) = (ports.makeAsyncIterator(), tablesPorts.makeAsyncIterator())
                if let port = await port.next(), let second = await second.next() {
                    let app = QueryApp(
                        database: database, administrator: administrator, port: port, tablesPort: second,
                        switches: file, issuer: issuer, metrics: first.metrics)
                    try await app.untilReady()
                    try await body(app)
                }
                await services.triggerGracefulShutdown()
                try await group.waitForAll()
            }
            await administrator.close()
        }
    }

    /// What is asked is what is sent, and what comes is what was sent.
    private static let client = HTTPClient(
        eventLoopGroupProvider: .singleton, configuration: HTTPClient.Configuration(decompression: .disabled))

    static let logger: Logger = {
        var logger = Logger(label: "query")
        logger.logLevel = .error
        return logger
    }()

    private func untilReady() async throws {
        for port in [port, tablesPort].compactMap(\.self) {
            while try await ask(port, "/readyz", [:]).status != 200 {}
        }
    }

    func shop(_ slug: String = "demo") async throws -> Shop {
        let id = TenantID(.version7())
        let publishable = APIKey.generate(.publishable, slug: slug)
        let secret = APIKey.generate(.secret, slug: slug)
        let record = TenantRecord(
            slug: slug, name: slug, currency: Currency(code: "PLN")!, timeZone: "Europe/Warsaw",
            members: ["ada": .init(permissions: [.all])],
            keys: [
                "pub": .init(kind: .publishable, hash: publishable.hash, allowedOrigins: ["https://shop.example"]),
                "sec": .init(kind: .secret, hash: secret.hash, permissions: [.offersCreate]),
            ])
        let now = Timestamp.now.postgres
        _ = try await administrator.query(
            "INSERT INTO closter.tenants (tenant_id, slug, shard) VALUES (\(id.uuid), \(slug), 'main')")
        _ = try await administrator.query(
            """
            INSERT INTO main.aggregates (tenant_id, category, stream_id, version, position, state, created_at, updated_at)
            VALUES (\(id.uuid), 'tenant', \(id.uuid), 1, 1, \(JSONText(bytes: record.bytes)), \(now), \(now))
            """)
        let token = try issuer.token(subject: "ada", name: "Ada", lifetime: .seconds(3600))
        return Shop(
            slug: slug, id: id,
            headers: [
                .init(reader: .member, fields: [("Authorization", "Bearer \(token)"), ("Closter-Tenant", slug)]),
                .init(reader: .storefront, fields: [("Closter-Key", publishable.text)]),
                .init(reader: .backEnd, fields: [("Closter-Key", secret.text)]),
            ],
            catalogue: Catalogue(connection: administrator, tenant: id))
    }

    func get(
        _ path: String, as reader: Reader = .member, of shop: Shop?, _ headers: [String: String] = [:],
        method: HTTPMethod = .GET
    ) async throws -> Answer {
        var headers = headers
        for (name, value) in shop?.headers.first(where: { $0.reader == reader })?.fields ?? [] {
            headers[name] = value
        }
        let answer = try await ask(port, path, headers, method)
        if let tablesPort, ["/v1/items", "/v1/listings", "/v1/offers"].contains(where: path.hasPrefix) {
            let other = try await ask(tablesPort, path, headers, method)
            #expect(other.status == answer.status, "\(path): \(other.text)")
            #expect(other.code == answer.code, "\(path)")
            #expect(other.pointers == answer.pointers, "\(path)")
            if answer.status < 400 {
                let isSame = other.body == answer.body
                #expect(isSame, "\(path): \(answer.text)\n\(other.text)")
                for name in ["etag", "content-length", "cache-control", "vary"] {
                    #expect(other[name] == answer[name], "\(path)")
                }
                if method == .GET {
                    #expect(answer["closter-source"] == "projections", "\(path)")
                    #expect(other["closter-source"] == "tables", "\(path)")
                }
            }
        }
        return answer
    }

    private func ask(
        _ port: Int, _ path: String, _ headers: [String: String], _ method: HTTPMethod = .GET
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        let response = try await Self.client.execute(request, timeout: .seconds(60))
        let body = try await response.body.collect(upTo: 256 << 20)
        return Answer(status: Int(response.status.code), headers: response.headers, body: Array(body.readableBytesView))
    }

    /// Every id of a list, page by page; `between` runs after each page.
    func pages(
        _ path: String, as reader: Reader = .member, of shop: Shop, between: () async throws -> Void = {}
    ) async throws -> [[String]] {
        var pages: [[String]] = []
        var next: String?
        repeat {
            let answer = try await get(path + (next.map { "&cursor=\($0)" } ?? ""), as: reader, of: shop)
            guard answer.status == 200 else { return pages + [["status \(answer.status): \(answer.text)"]] }
            pages.append(answer.ids)
            next = answer.next
            try await between()
        } while next != nil && pages.count < 100
        return pages
    }

    /// Changes the file of the read switches; the service takes it up in its own time.
    func flip(_ text: String) throws { try Data(text.utf8).write(to: switches, options: .atomic) }

    /// A position token as the service makes them.
    func token(_ position: Int64, of shop: Shop, epoch: Int64? = nil) async throws -> String {
        let row = try await administrator.query("SELECT epoch FROM closter.shards").first
        let known: Int64 = try row?.decode(0) ?? 0
        return PositionToken(shard: "main", epoch: epoch ?? known, tenant: shop.id, position: position).text
    }
}

extension UUID {
    func id(_ prefix: String) -> String { TypeID(prefix: prefix, uuid: self).description }
}
