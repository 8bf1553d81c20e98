import Foundation
import Postgres
import TestSupport
import Testing

@Suite struct MigratorTests {
    /// A folder of migrations.
    private func withFolder(_ files: [String: String], _ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files { try write(text, name, folder) }
        try await body(folder)
    }

    private func write(_ text: String, _ name: String, _ folder: URL) throws {
        try text.write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
    }

    private let files = [
        "0001_tables.sql": "CREATE TABLE a (n int); CREATE TABLE b (n int);",
        "0002_rows.sql": "INSERT INTO a VALUES (1);\nINSERT INTO b VALUES (';'); -- $1",
    ]

    private func failure(_ body: () async throws -> Void) async -> Migrator.Failure? {
        do { try await body() } catch { return error as? Migrator.Failure }
        return nil
    }

    @Test func `pending migrations are applied once, in order`() async throws {
        var files = files
        files["0002_rows.sql"] = "INSERT INTO a VALUES (1); INSERT INTO b VALUES (2); -- $1"
        try await withFolder(files) { folder in
            try await withConnection { connection in
                let migrator = try Migrator(directory: folder.path)
                #expect(try await migrator.pending(connection) == [1, 2])
                #expect(try await migrator.migrate(connection) == .init(applied: [1, 2], version: 2))
                #expect(try await migrator.migrate(connection) == .init(applied: [], version: 2))
                #expect(try await migrator.applied(connection) == [1, 2])
                #expect(try await connection.query("SELECT FROM a").count == 1)
                try write("SELECT 1", "0003_more.sql", folder)
                let later = try Migrator(directory: folder.path)
                #expect(try await later.pending(connection) == [3])
                #expect(try await later.migrate(connection).applied == [3])
            }
        }
    }

    @Test func `a failing file leaves nothing of itself`() async throws {
        try await withFolder(files) { folder in
            try await withConnection { connection in
                let failure = await failure { _ = try await Migrator(directory: folder.path).migrate(connection) }
                guard case .failed(2, let error) = failure else {
                    Issue.record("\(String(describing: failure))")
                    return
                }
                #expect(error.sqlState == "22P02")
                let rows = try await connection.query("SELECT FROM a")
                #expect(rows.isEmpty)
                #expect(try await Migrator(directory: folder.path).applied(connection) == [1])
            }
        }
    }

    @Test func `changed, missing and newer histories are refused`() async throws {
        let files = ["0001_a.sql": "SELECT 1", "0002_b.sql": "SELECT 2"]
        try await withFolder(files) { folder in
            try await withConnection { connection in
                _ = try await Migrator(directory: folder.path).migrate(connection)
                try write("SELECT 3", "0001_a.sql", folder)
                #expect(
                    await failure { _ = try await Migrator(directory: folder.path).migrate(connection) }
                        == .changed(version: 1))
                try write("SELECT 1", "0001_a.sql", folder)
                try FileManager.default.removeItem(at: folder.appending(path: "0002_b.sql"))
                #expect(
                    await failure { _ = try await Migrator(directory: folder.path).migrate(connection) }
                        == .newer(database: 2, program: 1))
                try write("SELECT 2", "0002_b.sql", folder)
                _ = try await connection.query("DELETE FROM closter.migrations WHERE version = 1")
                #expect(
                    await failure { _ = try await Migrator(directory: folder.path).migrate(connection) }
                        == .gap(version: 1))
            }
        }
    }

    @Test func `a folder with gaps, doubles or strange names is refused`() async throws {
        let refused: [([String], Migrator.Failure)] = [
            (["0001_a.sql", "0003_c.sql"], .gap(version: 2)),
            (["0001_a.sql", "0001_b.sql"], .misnamed("0001_b.sql")),
            (["1_a.sql"], .misnamed("1_a.sql")),
        ]
        for (names, expected) in refused {
            try await withFolder(Dictionary(uniqueKeysWithValues: names.map { ($0, "SELECT 1") })) { folder in
                #expect(await failure { _ = try Migrator(directory: folder.path) } == expected)
            }
        }
        #expect(await failure { _ = try Migrator(directory: "/nowhere") } == .unreadable(directory: "/nowhere"))
    }

    @Test func `migrators at the same time take turns`() async throws {
        let files = [
            "0001_a.sql": "CREATE TABLE a (n int); SELECT pg_sleep(0.1)", "0002_b.sql": "CREATE TABLE b (n int)",
        ]
        try await withFolder(files) { folder in
            try await withDatabase { database in
                let applied = try await withThrowingTaskGroup { group in
                    for _ in 0..<6 {
                        group.addTask {
                            let connection = try await database.connect()
                            let report = try await Migrator(directory: folder.path).migrate(connection)
                            await connection.close()
                            return report.applied
                        }
                    }
                    return try await group.reduce(into: []) { $0 += $1 }
                }
                #expect(applied.sorted() == [1, 2])
            }
        }
    }
}
