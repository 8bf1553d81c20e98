import ArgumentParser
import Foundation
import JSON
import Logging
import Postgres

/// Brings the roles and the schema of a database to what this program expects.
struct MigrateCommand: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Create the roles and apply the migrations that are missing.",
        discussion: """
            Needs an administrator's CLOSTER_DATABASE_URL. Migrations run as closter_owner, each in a transaction of its \
            own, one process at a time; they only go forward. A migration that was changed after it was applied, one \
            that is missing, and a database newer than the migrations are refused. No password is set here.

            Example: closter migrate --dry-run
            """)

    static let oldestServer = 15

    @Flag(help: "Say what would be applied, and change nothing.")
    var dryRun = false
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        let settings = context.settings
        let roles = try Self.scripts(in: settings["CLOSTER_ROLES"] ?? "deploy/roles", key: "CLOSTER_ROLES")
        let migrations = settings["CLOSTER_MIGRATIONS"] ?? "deploy/migrations"
        _ = try Self.scripts(in: migrations, key: "CLOSTER_MIGRATIONS")
        let migrator = try Migrator(directory: migrations)

        let connection = try await Database.connect(settings)
        let report: Outcome
        do {
            try await Self.refuseOldServer(connection)
            report =
                dryRun
                ? try await Self.look(migrator, connection) : try await Self.apply(roles, migrator, connection)
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
        if common.json {
            context.console.json(report.json)
        } else {
            for line in report.text { context.console.line(line) }
        }
        return .done
    }
}

extension MigrateCommand {
    /// What was done, or would be.
    struct Outcome: Equatable, Sendable {
        var version: Int
        var migrations: [(number: Int, name: String)]
        var isDryRun: Bool

        static func == (left: Outcome, right: Outcome) -> Bool { left.json == right.json }

        var text: [String] {
            guard !migrations.isEmpty else { return ["schema \(version): nothing to do"] }
            let count = "\(migrations.count) migration\(migrations.count == 1 ? "" : "s")"
            guard isDryRun else { return ["schema \(version): \(count) applied"] }
            return ["schema \(version): \(count) to apply"]
                + migrations.map { "  \($0.number.zeroPadded(to: 4))_\($0.name)" }
        }

        var json: JSONValue {
            [
                "version": JSONValue(version), "dry_run": .bool(isDryRun),
                "migrations": .array(migrations.map { ["version": JSONValue($0.number), "name": .string($0.name)] }),
            ]
        }
    }

    /// The numbered or named SQL files of a folder, in the order of their names; at least one.
    static func scripts(in directory: String, key: String) throws(ToolFailure) -> [String] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: directory) else {
            throw ToolFailure("cannot read the folder \(directory): set \(key)")
        }
        let scripts = names.filter { $0.hasSuffix(".sql") }.sorted().map { directory + "/" + $0 }
        guard !scripts.isEmpty else { throw ToolFailure("there is no .sql file in \(directory): set \(key)") }
        return scripts
    }

    private static func refuseOldServer(_ connection: PostgresConnection) async throws {
        let number: Int = try await connection.query("SELECT current_setting('server_version_num')::int8")[0].decode(0)
        guard number / 10_000 >= oldestServer else {
            throw ToolFailure(
                "the server is PostgreSQL \(number / 10_000); PostgreSQL \(oldestServer) or newer is needed")
        }
    }

    private static func look(_ migrator: Migrator, _ connection: PostgresConnection) async throws -> Outcome {
        let pending = try await migrator.pending(connection)
        return Outcome(version: migrator.version, migrations: named(pending, migrator), isDryRun: true)
    }

    private static func apply(
        _ roles: [String], _ migrator: Migrator, _ connection: PostgresConnection
    ) async throws -> Outcome {
        // Refuses what cannot be migrated before anything is touched.
        _ = try await migrator.pending(connection)
        for path in roles {
            guard let script = FileManager.default.contents(atPath: path) else {
                throw ToolFailure("cannot read \(path)")
            }
            do {
                try await applyRoles(String(decoding: script, as: UTF8.self), connection)
            } catch {
                throw ToolFailure("the roles of \(path) were not applied: is the user an administrator? \(error)")
            }
        }
        try await connection.simple("SET ROLE closter_owner")
        let report = try await migrator.migrate(connection)
        return Outcome(version: report.version, migrations: named(report.applied, migrator), isDryRun: false)
    }

    /// Roles belong to the whole server: somebody who prepares another of its databases may be changing them just now,
    /// which the server reports as an internal error. The script changes nothing twice, so it is run again.
    private static func applyRoles(_ script: String, _ connection: PostgresConnection) async throws(PostgresError) {
        for _ in 0..<10 {
            do throws(PostgresError) {
                return try await connection.simple(script)
            } catch  where error.sqlState == "XX000" {
                continue
            }
        }
        try await connection.simple(script)
    }

    private static func named(_ versions: [Int], _ migrator: Migrator) -> [(number: Int, name: String)] {
        migrator.migrations.filter { versions.contains($0.version) }.map { ($0.version, $0.name) }
    }
}

extension Int {
    fileprivate func zeroPadded(to digits: Int) -> String {
        let text = String(self)
        return String(repeating: "0", count: Swift.max(digits - text.count, 0)) + text
    }
}
