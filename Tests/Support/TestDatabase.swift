public import Foundation
import Logging
public import Postgres

/// A database of its own for a suite, migrated as a new installation is, on the server of CLOSTER_TEST_DATABASE_URL.
public struct TestDatabase: Sendable {
    public let name: String
    private let server: URLComponents

    /// The checkout, found from where this file lies.
    public static let checkout = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    public static var migrations: String { checkout.appending(path: "deploy/migrations").path }
    public static var roles: URL { checkout.appending(path: "deploy/roles/roles.sql") }

    public struct NoServer: Error, CustomStringConvertible {
        public var description: String { "CLOSTER_TEST_DATABASE_URL names no server; deploy/test starts one" }
    }

    /// - Parameter url: of the server's administrator; nil: the server of all suites.
    public static func make(migrated: Bool = true, on url: String? = nil) async throws -> TestDatabase {
        guard let text = url ?? ProcessInfo.processInfo.environment["CLOSTER_TEST_DATABASE_URL"],
            let server = URLComponents(string: text)
        else { throw NoServer() }
        let name = "test_" + UUID().uuidString.lowercased().replacingOccurrences(of: "-", with: "")
        let database = TestDatabase(name: name, server: server)
        let administrator = try await PostgresConnection.connect(
            PostgresConfiguration(url: text), logger: Logger(label: "test"))
        try await administrator.simple("CREATE DATABASE \(name)")
        // Roles belong to the whole server and advisory locks to one database: suites take turns in the first one.
        try await administrator.simple("SELECT pg_advisory_lock(7041)")
        if migrated { try await database.migrate() }
        await administrator.close()
        return database
    }

    public func migrate() async throws {
        let connection = try await connect()
        try await connection.simple(try String(contentsOf: Self.roles, encoding: .utf8))
        try await connection.simple("SET ROLE closter_owner")
        _ = try await Migrator(directory: Self.migrations).migrate(connection)
        await connection.close()
    }

    /// The same database, reached by another port: through a proxy, or on a server that has taken over.
    public func through(port: UInt16) -> TestDatabase {
        var server = server
        server.port = Int(port)
        return TestDatabase(name: name, server: server)
    }

    /// - Parameter role: nil for the administrator.
    public func url(as role: String? = nil) -> String {
        var components = server
        components.path = "/" + name
        if let role {
            components.user = role
            components.password = nil
        }
        return components.string ?? ""
    }

    public func configuration(as role: String? = nil) throws -> PostgresConfiguration {
        try PostgresConfiguration(url: url(as: role))
    }

    public func connect(as role: String? = nil) async throws -> PostgresConnection {
        try await PostgresConnection.connect(configuration(as: role), logger: Logger(label: "test"))
    }

    public func drop() async {
        guard let configuration = try? PostgresConfiguration(url: server.string ?? ""),
            let administrator = try? await PostgresConnection.connect(configuration, logger: Logger(label: "test"))
        else { return }
        try? await administrator.simple("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
        await administrator.close()
    }

    /// Makes a database, lends it and drops it.
    public static func with<Value>(_ body: (TestDatabase) async throws -> Value) async throws -> Value {
        let database = try await make()
        do {
            let value = try await body(database)
            await database.drop()
            return value
        } catch {
            await database.drop()
            throw error
        }
    }
}

extension PostgresConnection {
    /// As it is where nobody has made any for long: what is written goes to the default one.
    public func dropOutcomePartitions() async throws {
        try await simple(
            """
            DO $$ DECLARE name text; BEGIN
                FOR name IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'main.outcomes'::regclass
                            AND inhrelid <> 'main.outcomes_default'::regclass LOOP
                    EXECUTE 'DROP TABLE ' || name;
                END LOOP;
            END $$
            """)
    }
}
