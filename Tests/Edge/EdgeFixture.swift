import Edge
import EventSourcing
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Identity
import JSON
import Logging
import NIOCore
import Postgres
import Runtime
import Synchronization
import Testing

/// A service's edge with real keys and tokens, and a directory that lives in memory.
final class EdgeFixture: Sendable {
    let environment: ServiceProcess.Environment
    let issuer = DevelopmentIssuer()
    let publishable = APIKey.generate(.publishable, slug: "demo")
    let secret = APIKey.generate(.secret, slug: "demo")
    let revoked = APIKey.generate(.secret, slug: "demo")
    let foreign = APIKey.generate(.secret, slug: "other")
    let logs = Logs()
    private let databaseUp = Mutex(true)
    private let freshFor: Duration

    private let jwks = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).jwks.json")

    /// - Parameters:
    ///   - settings: of the process's environment.
    ///   - freshFor: how long a tenant's record holds; a busy machine may take longer than a second for a test.
    init(
        _ settings: [String: String] = [:], logLevel: Logger.Level = .debug, freshFor: Duration = .seconds(1)
    ) throws {
        self.freshFor = freshFor
        try Data(issuer.jwks).write(to: jwks)
        let logs = logs
        let logger = Logger(label: "query") { label in
            JSONLogHandler(service: "query", label: label, level: logLevel, sink: LogSink { logs.append($0) })
        }
        environment = ServiceProcess.Environment(
            configuration: try ServiceConfiguration(service: "query", environment: settings), health: HealthRegistry(),
            logger: logger, metrics: PrometheusMetrics())
    }

    deinit { try? FileManager.default.removeItem(at: jwks) }

    /// The application with a few routes, some of which only tests need.
    func application(
        _ routes: (EdgeRouter) -> Void = { _ in }, limits: TransportLimits = TransportLimits(),
        hot: (any HotReads)? = nil,
        onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) -> EdgeApplication {
        let router = Edge.makeRouter()
        router.get("/v1/items") { _, context in
            let tenant = try context.tenant()
            return Response.json(Array(#"{"tenant":"\#(tenant.slug)","all":\#(context.seesEverything)}"#.utf8))
        }
        router.get("/v1/items/:id") { _, context in
            Response.json(Array("\"\(try context.id("id", prefix: "item"))\"".utf8), headers: [.eTag: "\"1-x\""])
        }
        router.post("/v1/items") { request, context in
            let tenant = try context.require(.itemsWrite)
            context.logger.info("handled")
            let object = try await request.jsonObject()
            let metadata = try context.metadata(commandID: .version7())
            let body: JSONValue = [
                "tenant": .string(tenant.slug), "body": .object(object), "actor": .string(metadata.actor),
                "correlation": .string(metadata.correlationID.uuidString.lowercased()),
            ]
            return Response.json(body.bytes, status: .created)
        }
        router.post("/v1/tenants") { _, context in
            Response.json(Array("\"\(try context.requirePlatformOperator().actor)\"".utf8))
        }
        router.get("/openapi.json") { _, _ in Response.json(Array("{}".utf8)) }
        routes(router)
        return Edge.application(
            router, environment: environment, authenticator: authenticator, limits: limits, hot: hot,
            onRunning: onRunning)
    }

    var authenticator: Authenticator {
        var limits = TenantDirectory.Limits()
        limits.freshFor = freshFor
        let directory = TenantDirectory(limits: limits) { [self] slug throws(PostgresError) in
            guard databaseUp.withLock({ $0 }) else { throw PostgresError(.connectionFailed, "refused") }
            return tenant(slug)
        }
        return Authenticator(
            verifier: .development(jwksPath: jwks.path, logger: environment.logger), directory: directory,
            platformOperators: ["root"], purpose: .read)
    }

    private func tenant(_ slug: String) -> Tenant? {
        guard slug == "demo" || slug == "other", let currency = Currency(code: "PLN") else { return nil }
        var record = TenantRecord(slug: slug, name: slug, currency: currency, timeZone: "UTC")
        if slug == "demo" {
            record.members = [
                "anna": .init(name: "Anna", permissions: [.all]), "reader": .init(permissions: []),
                "jan": .init(permissions: [.listingsWrite]),
            ]
            record.keys = [
                "kp": .init(
                    kind: .publishable, hash: publishable.hash, allowedOrigins: ["https://shop.example"]),
                "ks": .init(kind: .secret, hash: secret.hash, permissions: [.itemsWrite]),
                "kr": .init(kind: .secret, hash: revoked.hash, permissions: [.all], isRevoked: true),
            ]
        } else {
            record.members = ["boris": .init(permissions: [.all])]
            record.keys = ["kf": .init(kind: .secret, hash: foreign.hash, permissions: [.itemsWrite])]
        }
        return Tenant(id: TenantID(UUID()), shard: "main", version: 1, record: record)
    }

    func loseDatabase() { databaseUp.withLock { $0 = false } }

    func bearer(_ subject: String, tenant: String? = "demo") throws -> HTTPFields {
        var headers: HTTPFields = [.authorization: "Bearer \(try issuer.token(subject: subject))"]
        if let tenant { headers[.closterTenant] = tenant }
        return headers
    }
}

/// Log lines, parsed.
final class Logs: Sendable {
    private let storage = Mutex<[[UInt8]]>([])

    func append(_ line: [UInt8]) { storage.withLock { $0.append(line) } }
    var lines: [JSONValue] { storage.withLock { $0 }.compactMap { try? JSONValue(parsing: $0.dropLast()) } }
    var text: String { storage.withLock { String(decoding: $0.joined(), as: UTF8.self) } }
}

extension TestResponse {
    var json: JSONValue? { try? JSONValue(parsing: Array(body.readableBytesView)) }

    /// The code of the problem document, if it is one.
    var problem: String? {
        headers[.contentType] == "application/problem+json" ? json?["code"]?.stringValue : nil
    }

    var fieldErrors: [String] {
        (json?["errors"]?.arrayValue ?? []).map {
            "\($0["pointer"]?.stringValue ?? "-") \($0["code"]?.stringValue ?? "-")"
        }
    }
}

extension HTTPFields {
    static let json: HTTPFields = [.contentType: "application/json"]

    static func + (left: HTTPFields, right: HTTPFields) -> HTTPFields {
        var sum = left
        for field in right { sum.append(field) }
        return sum
    }
}
