import AsyncHTTPClient
import Foundation
import JSON
import Logging
import NIOCore
import NIOHTTP1
import Postgres
import Subprocess
import SystemPackage

/// A running instance that belongs to the measurement alone.
struct Instance: Sendable {
    static let tenants = 100

    let settings: [String: String]
    let postgres: String
    /// `deploy/run`.
    let launcher: String
    /// The instance's data folder.
    let data: String
    let database: PostgresConnection

    init(environmentFile: String, postgres: String, launcher: String) async throws {
        var settings: [String: String] = [:]
        for line in try String(contentsOfFile: environmentFile, encoding: .utf8).split(separator: "\n") {
            guard let equals = line.firstIndex(of: "=") else { continue }
            let value = line[line.index(after: equals)...]
            settings[String(line[..<equals])] = value.trimmingCharacters(in: .init(charactersIn: "'\""))
        }
        self.settings = settings
        self.postgres = postgres
        self.launcher = launcher
        data = URL(filePath: environmentFile).deletingLastPathComponent().path
        database = try await Self.connection(settings)
    }

    /// One more than `database`, of which each does one thing at a time.
    func connection() async throws -> PostgresConnection { try await Self.connection(settings) }

    private static func connection(_ settings: [String: String]) async throws -> PostgresConnection {
        try await PostgresConnection.connect(
            PostgresConfiguration(url: settings["CLOSTER_DATABASE_URL"] ?? ""), logger: Logger(label: "bench"))
    }

    var query: String { settings["CLOSTER_QUERY_URL"] ?? "" }
    var command: String { settings["CLOSTER_COMMAND_URL"] ?? "" }
    var queryTLS: String { settings["CLOSTER_QUERY_TLS_URL"] ?? "" }
    /// The path of its certificate and key without `.pem` and `.key`.
    var certificate: String { "\(data)/tls/server" }
    var token: String { settings["CLOSTER_OPERATOR_TOKEN"] ?? "" }
    var databaseURL: String { settings["CLOSTER_DATABASE_URL"] ?? "" }

    static func slug(_ number: Int) -> String { "bench-\(number)" }

    /// Makes the tenants. One that is there already is left as it is.
    func prepare() async throws {
        for number in 0..<Self.tenants {
            let slug = Self.slug(number)
            _ = try await post(
                "/v1/tenants",
                ["slug": .string(slug), "name": .string(slug), "currency": "PLN", "time_zone": "Europe/Warsaw"],
                tenant: nil)
        }
    }

    /// Writes a catalogue into the log and waits until the projections have it.
    ///
    /// - Parameter rebuilt: those that are rebuilt: they take millions of events in many times as fast.
    func fill(items: Int, scripts: String, rebuilt: [String] = []) async throws {
        _ = try await run(
            "\(postgres)/psql", [databaseURL, "-qX", "-v", "items=\(items)", "-f", "\(scripts)/catalogue.sql"])
        for projection in rebuilt { try await rebuild(projection) }
        _ = try await settled()
        try await database.simple("VACUUM ANALYZE")
    }

    /// Until the new generation is live, without a limit on its load; the one before it is gone then.
    func rebuild(_ projection: String, _ options: [String] = ["--share", "64"]) async throws {
        _ = try await run(
            "\(settings["CLOSTER_BIN"] ?? "")/closter", ["rebuild", projection, "--grace", "0s", "--json"] + options,
            environment: settings)
    }

    /// The same data with other settings of the services.
    func restarted(_ environment: [String: String]) async throws -> Instance {
        let port = URL(string: query)?.port ?? 0
        _ = try await run(launcher, ["--stop", "--data", data])
        _ = try await run(
            launcher, ["--detach", "--tls", "--data", data, "--port-base", "\(port)"], environment: environment)
        return try await Instance(environmentFile: "\(data)/local.env", postgres: postgres, launcher: launcher)
    }

    func head() async throws -> Int64 {
        try await database.query("SELECT main.head()")[0].decode(0, as: Int64.self)
    }

    /// The table that answers reads of a projection.
    func liveTable(_ projection: String) async throws -> String {
        try await database.query(
            "SELECT table_name FROM main.generations WHERE projection = \(projection) AND status = 'live'")[0]
            .decode(0, as: String.self)
    }

    /// How long the projections need to come to what is the head now.
    func settled() async throws -> Duration {
        let started = ContinuousClock.now
        let head = try await head()
        while true {
            let rows = try await database.query(
                """
                SELECT min((SELECT coalesce(max(c.position), 0) FROM main.checkpoints c
                            WHERE c.projection = g.projection AND c.generation = g.generation))
                FROM main.generations g WHERE g.status = 'live'
                """)
            if try rows[0].decode(0, as: Int64.self) >= head { return .now - started }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Until the server has written down and tidied up what came before: what is measured next is not to pay for it.
    func rested() async throws {
        _ = try await settled()
        try await database.simple("CHECKPOINT")
        while try await database.query("SELECT count(*) FROM pg_stat_progress_vacuum")[0].decode(0, as: Int64.self) > 0
        {
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    func get(_ path: String, tenant: String, _ headers: [String: String] = [:]) async throws -> JSONValue {
        var request = HTTPClientRequest(url: query + path)
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        request.headers.add(name: "Closter-Tenant", value: tenant)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let bytes = try await response.body.collect(upTo: 1 << 20)
        guard response.status == .ok else { throw Failure("GET \(path): \(response.status) \(String(buffer: bytes))") }
        return try JSONValue(parsing: Array(bytes.readableBytesView))
    }

    /// The sum of the query service's values of a metric, of all or of those with the labels that are given with it.
    func metric(_ name: String) async throws -> Double {
        let response = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: "\(query)/metrics"), timeout: .seconds(30))
        let text = String(buffer: try await response.body.collect(upTo: 4 << 20))
        let values = text.split(separator: "\n").filter {
            $0.hasPrefix(name + " ") || $0.hasPrefix(name + "{") || $0.hasPrefix(name + ",")
        }
        return values.compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }.reduce(0, +)
    }

    /// A write that succeeds.
    func write(_ path: String, _ body: JSONValue, tenant: String) async throws -> JSONValue {
        let (response, document) = try await post(path, body, tenant: tenant)
        guard (200..<300).contains(response.status.code) else {
            throw Failure("POST \(path): \(response.status) \(document.text)")
        }
        return document
    }

    @discardableResult
    func post(_ path: String, _ body: JSONValue, tenant: String?) async throws -> (HTTPClientResponse, JSONValue) {
        var request = HTTPClientRequest(url: command + path)
        request.method = .POST
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        request.headers.add(name: "Content-Type", value: "application/json")
        if let tenant { request.headers.add(name: "Closter-Tenant", value: tenant) }
        request.body = .bytes(body.bytes)
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let bytes = try await response.body.collect(upTo: 1 << 20)
        return (response, (try? JSONValue(parsing: Array(bytes.readableBytesView))) ?? .null)
    }

    /// Runs a program to its end and gives what it printed.
    func run(_ program: String, _ arguments: [String], environment: [String: String] = [:]) async throws -> String {
        var all: [Environment.Key: String] = [:]
        for (key, value) in ProcessInfo.processInfo.environment.merging(environment, uniquingKeysWith: { $1 }) {
            all[.init(stringLiteral: key)] = value
        }
        let result = try await Subprocess.run(
            .path(FilePath(program)), arguments: .init(arguments), environment: .custom(all),
            output: .string(limit: 4 << 20), error: .string(limit: 4 << 20))
        guard result.terminationStatus.isSuccess else {
            throw Failure("\(program): \(result.standardError.suffix(2000)) \(result.standardOutput.suffix(2000))")
        }
        return result.standardOutput
    }

    /// A script of a load generator, with the instance's data: it holds the operator's token.
    func script(_ name: String, _ text: String) throws -> String {
        let path = "\(data)/bench-\(name)"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        chmod(path, 0o600)
        return path
    }
}
