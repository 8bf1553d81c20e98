import AsyncHTTPClient
public import Foundation
import Glibc
import Identity
public import JSON
import NIOCore
import NIOHTTP1
import Ports
import Postgres
import Subprocess
import Synchronization
import SystemPackage

/// The real programs against a database of their own, with a tenant, its operator and its keys.
public final class Instance: Sendable {
    public enum Service: String, CaseIterable, Sendable {
        case command, query, projector
        /// A second projector, which takes over from the first.
        case standby
        /// A second command service, which works beside the first.
        case twin

        /// Those that every instance has.
        public static let usual: [Service] = [.command, .query, .projector]

        /// The one of the usual services that it is another process of.
        private var kind: Service {
            switch self {
            case .standby: .projector
            case .twin: .command
            case .command, .query, .projector: self
            }
        }

        var program: String { "closter-\(kind.rawValue)" }
        var role: String { "closter_\(kind.rawValue)" }
    }

    public struct Failure: Error, CustomStringConvertible {
        public let description: String
        public init(_ description: String) { self.description = description }
    }

    public let database: TestDatabase
    let token: String
    private let issuer: DevelopmentIssuer
    public let tenant = "shop"
    private let folder: URL
    private let ports: [Service: Int]
    private let settings: [String: String]
    private let processes = Mutex<[Service: Child]>([:])
    private let keys = Mutex<[String: String]>([:])

    /// Starts an instance, lends it and takes it down.
    ///
    /// - Parameter without: variables that its services are started without.
    public static func with(
        doorbell: Bool = true, without: Set<String> = [], _ body: (Instance) async throws -> Void
    ) async throws {
        let database = try await TestDatabase.make()
        let instance = try await Instance(database: database, doorbell: doorbell, without: without)
        do {
            for service in Service.usual { try await instance.start(service) }
            try await instance.createTenant()
            try await body(instance)
        } catch {
            let logs = instance.logs()
            await instance.stop()
            await database.drop()
            throw Failure("\(error)\n\(logs)")
        }
        await instance.stop()
        await database.drop()
    }

    /// Nothing is started yet.
    ///
    /// - Parameter database: as the services reach it.
    public init(database: TestDatabase, doorbell: Bool = true, without: Set<String> = []) async throws {
        self.database = database
        folder = FileManager.default.temporaryDirectory.appending(path: "closter-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let jwks = folder.appending(path: "jwks.json").path
        issuer = try DevelopmentIssuer.open(
            keyPath: folder.appending(path: "key.jwk").path, jwksPath: jwks, stackProject: nil)
        token = try issuer.token(subject: "operator", name: "Operator", lifetime: .seconds(3600))
        ports = Dictionary(uniqueKeysWithValues: try Service.allCases.map { ($0, try FreePort.next()) })
        let all = [
            "CLOSTER_AUTH_DEV_JWKS": jwks, "CLOSTER_PLATFORM_OPERATORS": "operator",
            "CLOSTER_FINGERPRINT_KEY": String(repeating: "5a", count: 32),
            "CLOSTER_MASTER_KEYS": folder.appending(path: "master.keys").path,
            "CLOSTER_PHOTOS": folder.appending(path: "photos").path,
            "CLOSTER_QUERY_URL": "http://127.0.0.1:\(ports[.query] ?? 0)",
            "CLOSTER_DOORBELL": doorbell ? "on" : "off",
            "CLOSTER_READ_SWITCHES": folder.appending(path: "read-switches.yaml").path,
        ]
        settings = all.filter { !without.contains($0.key) }
        try setSwitches("default: projections\n")
        try setMasterKeys("first \(Data(repeating: 1, count: 32).base64EncodedString())\n")
    }

    // MARK: - Processes

    public func start(_ service: Service) async throws {
        try launch(service)
        try await eventually("\(service) answers") {
            try await self.send("GET", service, "/livez").status == 200
        }
        if service != .query { try await ready(service) }
    }

    /// Starts the process and does not wait for it.
    public func launch(_ service: Service) throws {
        let process = Process()
        process.executableURL = URL(filePath: Programs.path(service.program))
        var environment = settings
        environment["PATH"] = ProcessInfo.processInfo.environment["PATH"]
        environment["LD_LIBRARY_PATH"] = ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"]
        environment["CLOSTER_DATABASE_URL"] = database.url(as: service.role)
        environment["CLOSTER_HTTP_PORT"] = "\(port(service))"
        process.environment = environment
        let log = folder.appending(path: "\(service.rawValue).log")
        if !FileManager.default.fileExists(atPath: log.path) {
            _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        }
        let handle = try FileHandle(forWritingTo: log)
        try handle.seekToEnd()
        process.standardError = handle
        process.standardOutput = handle
        let child = try Child(running: process)
        processes.withLock { $0[service] = child }
    }

    public func ready(_ service: Service) async throws {
        try await eventually("\(service) is ready") { try await self.send("GET", service, "/readyz").status == 200 }
    }

    @discardableResult
    public func kill(
        _ service: Service, _ signal: Int32 = SIGKILL
    ) async -> (reason: Process.TerminationReason, status: Int32) {
        guard let child = processes.withLock({ $0.removeValue(forKey: service) }) else { return (.exit, -1) }
        Glibc.kill(child.process.processIdentifier, signal)
        await child.end()
        return (child.process.terminationReason, child.process.terminationStatus)
    }

    /// Returns once the service's process has ended, at once if it has none.
    public func ended(_ service: Service) async {
        await processes.withLock { $0[service] }?.end()
    }

    public func identifier(_ service: Service) -> Int32 {
        processes.withLock { $0[service]?.process.processIdentifier ?? 0 }
    }

    public func port(_ service: Service) -> Int { ports[service] ?? 0 }

    public func stop() async {
        for service in Service.allCases { await kill(service, SIGTERM) }
        if ProcessInfo.processInfo.environment["CLOSTER_TEST_KEEP"] == nil {
            try? FileManager.default.removeItem(at: folder)
        }
    }

    /// The last lines of each service's log.
    public func logs() -> String {
        Service.allCases.map { service in
            let text = try? String(contentsOf: folder.appending(path: "\(service.rawValue).log"), encoding: .utf8)
            return "\(service): " + (text ?? "").split(separator: "\n").suffix(8).joined(separator: "\n")
        }.joined(separator: "\n")
    }

    /// Changes the read-switch file, as an operator's editor does: by putting another file in its place.
    public func setSwitches(_ text: String) throws {
        try Data(text.utf8).write(to: folder.appending(path: "read-switches.yaml"), options: .atomic)
    }

    /// What services that start from now on, and the tool, find in the file of the master keys.
    public func setMasterKeys(_ text: String) throws {
        try Data(text.utf8).write(to: folder.appending(path: "master.keys"), options: .atomic)
    }

    /// Everything that each service has logged.
    public func wholeLogs() -> [(service: Service, bytes: [UInt8])] {
        Service.allCases.compactMap { service in
            let data = FileManager.default.contents(atPath: folder.appending(path: "\(service.rawValue).log").path)
            return data.map { (service, Array($0)) }
        }
    }

    // MARK: - The tool

    /// Runs `closter`, with this instance's settings, and gives its exit status and what it printed.
    public func tool(_ arguments: [String]) async throws -> (status: Int32, output: String) {
        var environment = settings
        environment["PATH"] = ProcessInfo.processInfo.environment["PATH"]
        environment["LD_LIBRARY_PATH"] = ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"]
        environment["CLOSTER_DATABASE_URL"] = database.url(as: "closter_operator")
        environment["CLOSTER_COMMAND_URL"] = "http://127.0.0.1:\(port(.command))"
        environment["CLOSTER_OPERATOR_TOKEN"] = token
        environment["CLOSTER_TENANT"] = tenant
        let result = try await run(
            .path(FilePath(Programs.path("closter"))), arguments: .init(arguments),
            environment: .custom(
                Dictionary(uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) })
            ),
            output: .string(limit: 4 << 20), error: .string(limit: 1 << 20))
        guard case .exited(let status) = result.terminationStatus else {
            throw Failure("closter \(arguments): \(result.terminationStatus)")
        }
        return (Int32(status), result.standardOutput + result.standardError)
    }

    // MARK: - Requests

    public struct Answer: Sendable {
        public var status: Int
        public var headers: [String: String]
        public var body: [UInt8]

        public init(status: Int, headers: [String: String], body: [UInt8]) {
            self.status = status
            self.headers = headers
            self.body = body
        }

        public var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
        public subscript(name: String) -> JSONValue { json[name] ?? .null }
        public var text: String { String(decoding: body, as: UTF8.self) }
    }

    public func send(
        _ method: String, _ service: Service, _ path: String, _ headers: [String: String] = [:],
        body: [UInt8]? = nil, timeout: Duration = .seconds(30)
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port(service))\(path)")
        request.method = .init(rawValue: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(body) }
        let response = try await HTTPClient.shared.execute(
            request, timeout: .nanoseconds(Int64(timeout / .nanoseconds(1))))
        let buffer = try await response.body.collect(upTo: 64 << 20)
        return Answer(
            status: Int(response.status.code),
            headers: Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first },
            body: Array(buffer.readableBytesView))
    }

    public var asOperator: [String: String] { ["Authorization": "Bearer \(token)", "Closter-Tenant": tenant] }
    /// As somebody else than the operator, who has to be made a member first.
    public func asMember(_ subject: String) throws -> [String: String] {
        let token = try issuer.token(subject: subject, name: nil, lifetime: .seconds(3600))
        return ["Authorization": "Bearer \(token)", "Closter-Tenant": tenant]
    }
    public var asBackEnd: [String: String] { ["Closter-Key": keys.withLock { $0["secret"] ?? "" }] }
    public var asStorefront: [String: String] { ["Closter-Key": keys.withLock { $0["publishable"] ?? "" }] }

    /// An upload by the operator.
    public func upload(_ file: [UInt8], _ headers: [String: String] = [:]) async throws -> Answer {
        try await send("POST", .command, "/v1/photos", asOperator.merging(headers) { $1 }, body: file)
    }

    /// What lies in the photos' store, by its paths there.
    public func storedPhotos() -> [String] {
        let root = folder.appending(path: "photos")
        let found = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
        return found.filter { $0.hasPrefix("incoming/") || $0.contains(".") }.sorted()
    }

    /// A write by the operator; what it answers must be a success.
    public func write(_ method: String, _ path: String, _ body: JSONValue? = nil, _ headers: [String: String] = [:])
        async throws
        -> Answer
    {
        var all = asOperator.merging(headers) { $1 }
        if body != nil { all["Content-Type"] = "application/json" }
        let answer = try await send(method, .command, path, all, body: body?.bytes)
        guard (200...299).contains(answer.status) else { throw Failure("\(method) \(path): \(answer.text)") }
        return answer
    }

    public func read(_ path: String, _ headers: [String: String]? = nil) async throws -> Answer {
        try await send("GET", .query, path, headers ?? asOperator)
    }

    /// Sends a file and waits until the import has ended.
    public func importFile(_ csv: String, query: String = "format=shopify&publish=true") async throws -> Answer {
        let id = try await sendFile(csv, query: query)
        return try await importEnded(id)
    }

    public func sendFile(_ csv: String, query: String = "format=shopify&publish=true") async throws -> String {
        let answer = try await send(
            "POST", .command, "/v1/imports?\(query)", asOperator.merging(["Content-Type": "text/csv"]) { $1 },
            body: Array(csv.utf8))
        guard answer.status == 202, let id = answer["id"].stringValue else { throw Failure(answer.text) }
        return id
    }

    public func importEnded(_ id: String) async throws -> Answer {
        try await eventually("the import ends") {
            ["done", "failed"].contains(try await self.read("/v1/imports/\(id)?lines=none")["status"].stringValue)
        }
        return try await read("/v1/imports/\(id)")
    }

    private func createTenant() async throws {
        try await createTenant(tenant)
        for kind in ["publishable", "secret"] {
            var key: JSONObject = ["kind": .string(kind), "name": .string(kind)]
            if kind == "secret" { key["permissions"] = ["offers:create"] }
            let answer = try await write("POST", "/v1/keys", .object(key))
            keys.withLock { $0[kind] = answer["key"].stringValue }
        }
    }
    public func createTenant(_ slug: String) async throws {
        _ = try await write(
            "POST", "/v1/tenants",
            ["slug": .string(slug), "name": "Shop", "currency": "PLN", "time_zone": "Europe/Warsaw"])
    }
}

/// A process, and who waits for its end. `waitUntilExit` would take a processor to itself.
private final class Child: Sendable {
    let process: Process
    /// nil once it has ended.
    private let waiting = Mutex<[CheckedContinuation<Void, Never>]?>([])

    init(running process: Process) throws {
        self.process = process
        process.terminationHandler = { [weak self] _ in self?.finish() }
        try process.run()
    }

    func end() async {
        await withCheckedContinuation { continuation in
            let isOver = waiting.withLock { waiting in
                waiting?.append(continuation)
                return waiting == nil
            }
            if isOver { continuation.resume() }
        }
    }

    private func finish() {
        let waiting = waiting.withLock { waiting in
            defer { waiting = nil }
            return waiting ?? []
        }
        for continuation in waiting { continuation.resume() }
    }
}
