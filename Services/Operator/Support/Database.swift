import Logging
import Postgres

/// The tool's own connections: few, short, and closed by whoever asked for one.
enum Database {
    static func connect(_ settings: Settings) async throws(ToolFailure) -> PostgresConnection {
        let url = try settings.require("CLOSTER_DATABASE_URL")
        do throws(PostgresError) {
            var configuration = try PostgresConfiguration(url: url)
            configuration.applicationName = "closter-operator"
            // Messages of the libraries would stand between a script and its one line.
            let logger = Logger(label: "closter") { _ in SwiftLogNoOpLogHandler() }
            return try await PostgresConnection.connect(configuration, logger: logger)
        } catch {
            throw error.kind == .invalidConfiguration
                ? ToolFailure("CLOSTER_DATABASE_URL is not usable: \(error.message)")
                : ToolFailure("cannot connect to PostgreSQL: \(error.message)", isOutage: true)
        }
    }

    /// Reads as closter_operator, whoever the URL names: it sees every tenant's rows and can change none.
    static func read<Value: Sendable>(
        _ settings: Settings, _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        let connection = try await connect(settings)
        do {
            try await connection.simple("SET ROLE closter_operator")
            let value = try await body(connection)
            await connection.close()
            return value
        } catch {
            await connection.close()
            throw error
        }
    }

    /// Calls functions that leave a request for the services: as closter_operator too. What they refuse in their own
    /// words is told in these.
    static func ask<Value: Sendable>(
        _ settings: Settings, _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        do {
            return try await read(settings, body)
        } catch let error as PostgresError where error.sqlState == "42704" {
            throw ToolFailure(error.message)
        }
    }
}
