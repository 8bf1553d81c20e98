import FoundationEssentials

/// Brings a database to the version of the program: forward only, each file once, in order.
///
/// A file is `NNNN_name.sql` and is run as it is, in a transaction of its own together with its record in
/// `closter.migrations`. Migrators take turns by an advisory lock.
public struct Migrator: Sendable {
    public struct Migration: Hashable, Sendable {
        public var version: Int
        public var name: String
        var text: String
    }

    public struct Report: Hashable, Sendable {
        /// What this run applied.
        public var applied: [Int]
        /// The schema's version now; 0 for none.
        public var version: Int

        public init(applied: [Int], version: Int) {
            self.applied = applied
            self.version = version
        }
    }

    public enum Failure: Error, Equatable, Sendable, CustomStringConvertible {
        case unreadable(directory: String)
        /// A file in the folder is not named like a migration, or two have one version.
        case misnamed(String)
        /// The folder lacks a version between others.
        case gap(version: Int)
        /// An applied migration is not what it was.
        case changed(version: Int)
        /// An applied migration is not in the folder.
        case missing(version: Int)
        case newer(database: Int, program: Int)
        case failed(version: Int, PostgresError)

        public static func == (left: Failure, right: Failure) -> Bool { left.description == right.description }

        public var description: String {
            switch self {
            case .unreadable(let directory): "the folder of migrations \(directory) cannot be read"
            case .misnamed(let name): "\(name) is not named like a migration (NNNN_name.sql), or its version is taken"
            case .gap(let version): "migration \(version) is missing from the folder"
            case .changed(let version): "migration \(version) was changed after it was applied"
            case .missing(let version): "migration \(version) was applied, but is missing from the folder"
            case .newer(let database, let program):
                "the database is at version \(database), newer than this program's \(program)"
            case .failed(let version, let error): "migration \(version) failed: \(error)"
            }
        }
    }

    /// In order, without gaps, from 1.
    public let migrations: [Migration]

    /// - Throws: `Failure.unreadable`, `.misnamed`, `.gap`.
    public init(directory: String) throws {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: directory) else {
            throw Failure.unreadable(directory: directory)
        }
        var migrations: [Migration] = []
        for name in names.sorted() where name.hasSuffix(".sql") {
            let digits = name.prefix { $0.isNumber }
            guard digits.count == 4, name.dropFirst(4).first == "_", let version = Int(digits),
                migrations.last?.version != version
            else { throw Failure.misnamed(name) }
            guard version == migrations.count + 1 else { throw Failure.gap(version: migrations.count + 1) }
            guard let data = FileManager.default.contents(atPath: directory + "/" + name) else {
                throw Failure.unreadable(directory: directory)
            }
            migrations.append(
                Migration(
                    version: version, name: String(name.dropFirst(5).dropLast(4)),
                    text: String(decoding: data, as: UTF8.self)))
        }
        self.migrations = migrations
    }

    /// The version that this folder leads to.
    public var version: Int { migrations.last?.version ?? 0 }

    /// Applies what is pending. Safe to run at any time, from several places at once.
    ///
    /// - Throws: `Failure`, or `PostgresError` if the connection does not serve.
    public func migrate(_ connection: PostgresConnection) async throws -> Report {
        // One number for every migrator of a database, whatever its version.
        _ = try await connection.query("SELECT pg_advisory_lock(hashtextextended('closter.migrations', 0))")
        do {
            let report = try await migrateLocked(connection)
            try await unlock(connection)
            return report
        } catch {
            try? await unlock(connection)
            throw error
        }
    }

    /// The versions that `migrate` would apply. Changes nothing.
    public func pending(_ connection: PostgresConnection) async throws -> [Int] {
        try await check(connection).map(\.version)
    }

    /// The versions that were applied, in order; empty for a new database.
    public func applied(_ connection: PostgresConnection) async throws -> [Int] {
        try await records(connection).map(\.version)
    }

    private func unlock(_ connection: PostgresConnection) async throws {
        _ = try await connection.query(
            "SELECT pg_advisory_unlock(hashtextextended('closter.migrations', 0))", cancellable: false)
    }

    private func migrateLocked(_ connection: PostgresConnection) async throws -> Report {
        if try await !hasTable(connection) {
            try await connection.simple(
                """
                CREATE SCHEMA IF NOT EXISTS closter;
                CREATE TABLE closter.migrations (
                    version int PRIMARY KEY,
                    name text NOT NULL,
                    checksum bytea NOT NULL,
                    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
                );
                """)
        }
        let pending = try await check(connection)
        for migration in pending { try await apply(migration, connection) }
        return Report(applied: pending.map(\.version), version: version)
    }

    private func apply(_ migration: Migration, _ connection: PostgresConnection) async throws {
        do {
            try await connection.transaction { connection in
                try await connection.simple(migration.text)
                _ = try await connection.query(
                    """
                    INSERT INTO closter.migrations (version, name, checksum)
                    VALUES (\(migration.version), \(migration.name), sha256(\(migration.checksumInput)))
                    """)
            }
        } catch let error as PostgresError {
            throw Failure.failed(version: migration.version, error)
        }
    }

    /// Compares the folder with what was applied; returns what is pending.
    private func check(_ connection: PostgresConnection) async throws -> [Migration] {
        let records = try await records(connection)
        if let last = records.last, last.version > version {
            throw Failure.newer(database: last.version, program: version)
        }
        let checksums = try await checksums(connection, of: records.map(\.version))
        for record in records {
            guard let checksum = checksums[record.version] else { throw Failure.missing(version: record.version) }
            guard checksum == record.checksum else { throw Failure.changed(version: record.version) }
        }
        let applied = Set(records.map(\.version))
        for (index, migration) in migrations.enumerated() where applied.contains(migration.version) {
            guard index < applied.count else { throw Failure.gap(version: applied.count) }
        }
        return migrations.filter { !applied.contains($0.version) }
    }

    private func hasTable(_ connection: PostgresConnection) async throws -> Bool {
        try await connection.query("SELECT to_regclass('closter.migrations') IS NOT NULL")[0].decode(0)
    }

    private func records(
        _ connection: PostgresConnection
    ) async throws -> [(version: Int, checksum: PostgresBytes)] {
        guard try await hasTable(connection) else { return [] }
        return try await connection.query("SELECT version, checksum FROM closter.migrations ORDER BY version").map {
            (version: try $0.decode(0), checksum: try $0.decode(1))
        }
    }

    /// The server computes them, as it does when it records them.
    private func checksums(_ connection: PostgresConnection, of versions: [Int]) async throws -> [Int: PostgresBytes] {
        let wanted = migrations.filter { versions.contains($0.version) }
        let rows = try await connection.query(
            """
            SELECT version, sha256(text)
            FROM unnest(\(wanted.map(\.version))::int8[], \(wanted.map(\.checksumInput))) AS file(version, text)
            """)
        return Dictionary(
            try rows.map { (try $0.decode(0, as: Int.self), try $0.decode(1, as: PostgresBytes.self)) },
            uniquingKeysWith: { first, _ in first })
    }
}

extension Migrator.Migration {
    fileprivate var checksumInput: PostgresBytes { PostgresBytes(Array(text.utf8)) }
}
