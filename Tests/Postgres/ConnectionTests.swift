import Foundation
import Postgres
import TestSupport
import Testing

@Suite struct ConnectionTests {
    @Test func `several statements are one implicit transaction`() async throws {
        try await withConnection { connection in
            try await connection.simple("CREATE TABLE t (n int PRIMARY KEY)")
            let error = await postgresError {
                try await connection.execute([
                    "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (1)",
                ])
            }
            #expect(error?.sqlState == "23505" && error?.constraint == "t_pkey" && error?.table == "t")
            #expect(try await connection.query("SELECT FROM t").isEmpty)
            let results = try await connection.execute(["INSERT INTO t VALUES (1)", "SELECT n + \(1) FROM t"])
            #expect(try results.count == 2 && results[1][0].decode(0, as: Int.self) == 2)
        }
    }

    @Test func `a transaction commits, and rolls back when its body throws`() async throws {
        struct Refused: Error {}
        try await withConnection { connection in
            try await connection.simple("CREATE TABLE t (n int)")
            try await connection.transaction { _ = try await $0.query("INSERT INTO t VALUES (1)") }
            await #expect(throws: Refused.self) {
                try await connection.transaction { connection in
                    _ = try await connection.query("INSERT INTO t VALUES (2)")
                    throw Refused()
                }
            }
            #expect(try await connection.query("SELECT FROM t").count == 1)
        }
    }

    @Test func `a transaction whose body hides a failure is not called committed`() async throws {
        try await withConnection { connection in
            let error = await postgresError {
                try await connection.transaction { connection in
                    _ = try? await connection.query("SELECT 1 / 0")
                }
            }
            #expect(error?.sqlState == "25P02")
            let rows = try await connection.query("SELECT 1")
            #expect(rows.count == 1)
        }
    }

    @Test func `the deadline is the server's, and the connection goes on`() async throws {
        try await withConnection { connection in
            let error = await postgresError {
                try await connection.query("SELECT pg_sleep(60)", deadline: .milliseconds(50))
            }
            #expect(error?.kind == .deadlineExceeded && error?.sqlState == "57014")
            let rows = try await connection.query("SHOW statement_timeout")
            #expect(rows[0][0] == "0")
        }
    }

    @Test func `cancelling the task cancels the statement on the server`() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            let watcher = try await database.connect()
            let task = Task { await postgresError { try await connection.query("SELECT pg_sleep(61)") } }
            try await eventually { try await watcher.isRunning("pg_sleep(61)") }
            task.cancel()
            #expect(await task.value?.kind == .cancelled)
            #expect(try await !watcher.isRunning("pg_sleep(61)"))
            #expect(try await connection.query("SELECT 1").count == 1)
        }
    }

    @Test func `what may not be cancelled is answered whatever happens to its task`() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            let watcher = try await database.connect()
            _ = try await watcher.query("SELECT pg_advisory_lock(7)")
            let task = Task {
                try await connection.query("SELECT pg_advisory_lock(7), 'done'", cancellable: false)[0][1]
            }
            try await eventually { try await watcher.isRunning("'done'") }
            task.cancel()
            _ = try await watcher.query("SELECT pg_advisory_unlock(7)")
            #expect(try await task.value == "done")
        }
    }

    @Test func `a killed backend is an unknown outcome, and then a closed connection`() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            let killer = try await database.connect()
            let task = Task { await postgresError { try await connection.query("SELECT pg_sleep(62)") } }
            try await eventually { try await killer.isRunning("pg_sleep(62)") }
            _ = try await killer.query("SELECT pg_terminate_backend(\(connection.backendProcess))")
            let error = await task.value
            #expect(error?.kind == .connectionLost && error?.sqlState == "57P01")
            try await eventually { !connection.isOpen }
            #expect(await postgresError { try await connection.query("SELECT 1") }?.kind == .closed)
        }
    }

    @Test func `an idle connection notices that its backend was killed`() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            let killer = try await database.connect()
            _ = try await killer.query("SELECT pg_terminate_backend(\(connection.backendProcess))")
            try await eventually { !connection.isOpen }
        }
    }

    @Test func `more statements than may stay prepared, and tables that change under them`() async throws {
        try await withConnection { connection in
            for number in 0..<300 {
                let rows = try await connection.query("SELECT \(number) + \(unescaped: "\(number)")")
                #expect(try rows[0].decode(0, as: Int.self) == 2 * number)
            }
            let prepared = try await connection.query("SELECT count(*) FROM pg_prepared_statements")
            #expect(try prepared[0].decode(0, as: Int.self) <= 128)
            try await connection.simple("CREATE TABLE t (n int); INSERT INTO t VALUES (1)")
            #expect(try await connection.query("SELECT * FROM t")[0][0] == "1")
            try await connection.simple("ALTER TABLE t ADD m text DEFAULT 'x'")
            // The stale plan fails at most once.
            _ = try? await connection.query("SELECT * FROM t")
            #expect(try await connection.query("SELECT * FROM t")[0][1] == "x")
        }
    }

    @Test func `both ends give a silent one up after three lost probes, not after the first`() async throws {
        try await withConnection { connection in
            let row = try await connection.query(
                """
                SELECT current_setting('tcp_keepalives_idle')::int + 3 * current_setting('tcp_keepalives_interval')::int,
                    current_setting('tcp_user_timeout')::int
                """)[0]
            #expect(try row.decode(0, as: Int.self) == 19)
            #expect(try row.decode(1, as: Int.self) == 19_000, "milliseconds")
        }
    }

    @Test func `COPY is refused without hanging`() async throws {
        try await withConnection { connection in
            #expect(await postgresError { try await connection.query("COPY pg_class TO STDOUT") } != nil)
        }
    }

    @Test func `no password and no value stands in an error's description`() async throws {
        let urls = [
            "postgresql://someone:hunter2@127.0.0.1:1/none", "postgresql://someone:hunter2@127.0.0.1:1/x?hunter2",
            "postgresql://someone:hunter2@[", "hunter2", "postgresql://someone:hunter2@127.0.0.1:1/x?sslmode=hunter2",
        ]
        for url in urls {
            let error = await postgresError {
                try await PostgresConnection.connect(PostgresConfiguration(url: url), logger: logger)
            }
            let text = try #require(error.map { "\($0) \(String(reflecting: $0)) \($0.message)" })
            #expect(!text.contains("hunter2") || url.hasSuffix("sslmode=hunter2"))
        }
        let configuration = try PostgresConfiguration(url: urls[0])
        #expect(!"\(configuration) \(String(reflecting: configuration))".contains("hunter2"))
        try await withConnection { connection in
            let error = await postgresError { try await connection.query("SELECT \("hunter2")::uuid") }
            #expect(error?.sqlState == "22P02" && error.map { "\($0)".contains("hunter2") } == false)
        }
    }
}
