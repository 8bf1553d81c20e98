import Foundation
import Postgres
import TestSupport
import Testing

@Suite struct PoolTests {
    private func configuration(fast: Int = 1, slow: Int = 1, write: Int = 1) -> PoolConfiguration {
        var pool = PoolConfiguration()
        pool.connections = .init(fast: fast, slow: slow, write: write)
        pool.defaultDeadline = .seconds(30)
        pool.waitDeadline = .seconds(20)
        return pool
    }

    @Test func `ten thousand queries at once on four connections all get their own answer`() async throws {
        try await withPool(configuration(fast: 4)) { pool, _ in
            try await withThrowingTaskGroup { group in
                let tenants = (0..<7).map { _ in UUID() }
                for number in 0..<10_000 {
                    group.addTask {
                        let tenant = number % 8 == 7 ? nil : tenants[number % 8]
                        let row = try await pool.query(
                            "SELECT \(number) + 1, NULLIF(current_setting('closter.tenant', true), '')", tenant: tenant
                        )[0]
                        #expect(try row.decode(0, as: Int.self) == number + 1)
                        #expect(try row.decode(1, as: UUID?.self) == tenant)
                    }
                }
                try await group.waitForAll()
            }
            try await eventually { pool.statistics.fast.queries == 10_000 }
            let statistics = pool.statistics.fast
            #expect(statistics.open <= 4 && statistics.errors == 0)
            #expect(statistics.groups < 5_000, "reads are grouped")
        }
    }

    @Test func `a failing read in a group fails alone`() async throws {
        try await withPool(configuration()) { pool, database in
            let gate = try await Gate(database)
            let blocked = Task { try await pool.query(gate.read, lane: .slow) }
            try await gate.isReached()
            // What waits behind the gate travels as one group.
            let results = await withTaskGroup(of: (Int, Result<Int, PostgresError>).self) { group in
                for number in 0..<40 {
                    group.addTask {
                        do throws(PostgresError) {
                            let rows = try await pool.query("SELECT 100 / (\(number) % 10)", lane: .slow)
                            return (number, .success(try rows[0].decode(0)))
                        } catch { return (number, .failure(error)) }
                    }
                }
                group.addTask {
                    do throws(PostgresError) {
                        _ = try await pool.query("SELECT nonsense FROM nowhere", lane: .slow)
                        return (40, .success(0))
                    } catch { return (40, .failure(error)) }
                }
                group.addTask {
                    try? await eventually { pool.statistics.slow.waiting >= 41 }
                    try? await gate.open()
                    return (41, .success(0))
                }
                var results: [Int: Result<Int, PostgresError>] = [:]
                for await (number, result) in group { results[number] = result }
                return results
            }
            _ = try await blocked.value
            for number in 0..<40 {
                switch results[number] {
                case .success(let value): #expect(number % 10 != 0 && value == 100 / (number % 10))
                case .failure(let error): #expect(number % 10 == 0 && error.sqlState == "22012")
                case nil: Issue.record("no result")
                }
            }
            guard case .failure(let error) = results[40] else {
                Issue.record("nonsense")
                return
            }
            #expect(error.sqlState == "42P01")
            #expect(pool.statistics.slow.reruns > 0, "neighbours were sent again")
        }
    }

    @Test func `a read that is too slow fails by the server's clock, its neighbours do not`() async throws {
        try await withPool(configuration()) { pool, _ in
            async let slow = postgresError {
                try await pool.query("SELECT pg_sleep(60)", deadline: .milliseconds(100))
            }
            async let quick = withThrowingTaskGroup { group in
                for number in 0..<50 {
                    group.addTask {
                        try await pool.query("SELECT \(number)", deadline: number % 2 == 0 ? .seconds(25) : nil)[0]
                            .decode(0, as: Int.self)
                    }
                }
                return try await group.reduce(0, +)
            }
            let error = await slow
            #expect(error?.kind == .deadlineExceeded)
            let sum = try await quick
            #expect(sum == (0..<50).reduce(0, +))
        }
    }

    @Test func `a cancelled read stops on the server, and its neighbours are answered`() async throws {
        try await withPool(configuration()) { pool, database in
            let watcher = try await database.connect()
            let slow = Task { await postgresError { try await pool.query("SELECT pg_sleep(63)") } }
            try await eventually { try await watcher.isRunning("pg_sleep(63)") }
            let neighbours = (0..<30).map { number in
                Task { try await pool.query("SELECT \(number)")[0].decode(0, as: Int.self) }
            }
            slow.cancel()
            #expect(await slow.value?.kind == .cancelled)
            for (number, task) in neighbours.enumerated() { #expect(try await task.value == number) }
            #expect(try await !watcher.isRunning("pg_sleep(63)"))
        }
    }

    @Test func `reads that a cancel request hits by mistake are run again`() async throws {
        try await withPool(configuration()) { pool, database in
            let watcher = try await database.connect()
            for round in 0..<20 {
                let victim = Task { await postgresError { try await pool.query("SELECT pg_sleep(64)") } }
                try await eventually { try await watcher.isRunning("pg_sleep(64)") }
                let neighbours = (0..<20).map { number in
                    Task { try await pool.query("SELECT pg_sleep(0.002), \(number)")[0].decode(1, as: Int.self) }
                }
                victim.cancel()
                for (number, task) in neighbours.enumerated() { #expect(try await task.value == number) }
                #expect(await victim.value?.kind == .cancelled, "round \(round)")
            }
        }
    }

    @Test func `a request of a cancelled task is not sent`() async throws {
        try await withPool(configuration()) { pool, _ in
            let task = Task {
                try? await eventually { Task.isCancelled }
                return await postgresError { try await pool.execute(["CREATE TABLE made (n int)"]) }
            }
            task.cancel()
            #expect(await task.value?.kind == .cancelled)
            let rows = try await pool.query("SELECT to_regclass('made') IS NULL")
            #expect(rows[0][0] == "t")
        }
    }

    @Test func `a cancelled write is rolled back or done, never in doubt`() async throws {
        try await withPool(configuration()) { pool, database in
            let watcher = try await database.connect()
            try await watcher.simple("CREATE TABLE t (n int)")
            let task = Task {
                await postgresError { try await pool.execute(["INSERT INTO t VALUES (1)", "SELECT pg_sleep(65)"]) }
            }
            try await eventually { try await watcher.isRunning("pg_sleep(65)") }
            task.cancel()
            #expect(await task.value?.kind == .cancelled)
            #expect(try await watcher.query("SELECT FROM t").isEmpty)
            try await pool.execute(["INSERT INTO t VALUES (2)"])
            #expect(try await watcher.query("SELECT FROM t").count == 1)
        }
    }

    @Test func `who waits too long for a connection is told so, and nothing was sent`() async throws {
        var settings = configuration()
        settings.waitDeadline = .seconds(3)
        try await withPool(settings) { pool, database in
            let gate = try await Gate(database)
            let blocked = Task { try await pool.execute([gate.read]) }
            try await gate.isReached()
            let write = await postgresError { try await pool.execute(["CREATE TABLE made (n int)"]) }
            #expect(write?.kind == .poolWaitExceeded)
            #expect(try await pool.query("SELECT 1").count == 1, "another lane is not blocked")
            try await gate.open()
            _ = try await blocked.value
            #expect(try await pool.query("SELECT to_regclass('made') IS NULL")[0][0] == "t")
        }
    }

    @Test func `statements of one call are one transaction, also when it fails at its end`() async throws {
        try await withPool(configuration()) { pool, database in
            let connection = try await database.connect()
            try await connection.simple(
                "CREATE TABLE t (n int UNIQUE DEFERRABLE INITIALLY DEFERRED); CREATE TABLE u (n int PRIMARY KEY)")
            let atOnce = await postgresError {
                try await pool.execute(["INSERT INTO u VALUES (1)", "INSERT INTO u VALUES (1)", "SELECT 1"])
            }
            #expect(atOnce?.sqlState == "23505" && atOnce?.constraint == "u_pkey")
            let atCommit = await postgresError {
                try await pool.execute(["INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1)"])
            }
            #expect(atCommit?.sqlState == "23505")
            #expect(try await connection.query("SELECT FROM t UNION ALL SELECT FROM u").isEmpty)
            let results = try await pool.execute(["INSERT INTO t VALUES (1), (2)", "SELECT n FROM t"])
            #expect(results.map(\.affected) == [2, 2])
        }
    }

    @Test func `a transaction has its tenant and timeout to itself`() async throws {
        try await withPool(configuration()) { pool, _ in
            let tenant = UUID()
            let row = try await pool.transaction(tenant: tenant, deadline: .seconds(7)) { transaction in
                try await transaction.query(
                    "SELECT current_setting('closter.tenant'), current_setting('statement_timeout')")[0]
            }
            #expect(try row.decode(0, as: UUID.self) == tenant && row[1] == "7s")
            let after = try await pool.execute([
                "SELECT current_setting('closter.tenant', true), current_setting('statement_timeout')"
            ])[0][0]
            #expect(after[0] == "" && after[1] == "30s")
        }
    }

    @Test func `a transaction rolls back when its body throws or hides a failure`() async throws {
        struct Refused: Error {}
        try await withPool(configuration()) { pool, database in
            try await database.connect().simple("CREATE TABLE t (n int)")
            await #expect(throws: Refused.self) {
                try await pool.transaction { transaction in
                    _ = try await transaction.query("INSERT INTO t VALUES (1)")
                    throw Refused()
                }
            }
            let hidden = await postgresError {
                try await pool.transaction { transaction in
                    _ = try await transaction.query("INSERT INTO t VALUES (2)")
                    _ = try? await transaction.query("SELECT 1 / 0")
                }
            }
            #expect(hidden?.sqlState == "25P02")
            let refused = await postgresError {
                try await pool.transaction(readOnly: true) { _ = try await $0.query("INSERT INTO t VALUES (3)") }
            }
            #expect(refused?.sqlState == "25006")
            #expect(try await pool.query("SELECT FROM t").isEmpty)
            try await pool.transaction { _ = try await $0.execute(["INSERT INTO t VALUES (4)", "SELECT 1"]) }
            #expect(try await pool.query("SELECT FROM t").count == 1)
        }
    }

    @Test func `a transaction of a cancelled task is rolled back, and its connection serves on`() async throws {
        try await withPool(configuration()) { pool, database in
            let watcher = try await database.connect()
            try await watcher.simple("CREATE TABLE t (n int)")
            let task = Task {
                await postgresError {
                    try await pool.transaction { transaction in
                        _ = try await transaction.query("INSERT INTO t VALUES (1)")
                        _ = try await transaction.query("SELECT pg_sleep(66)")
                    }
                }
            }
            try await eventually { try await watcher.isRunning("pg_sleep(66)") }
            task.cancel()
            #expect(await task.value?.kind == .cancelled)
            try await pool.transaction { _ = try await $0.query("INSERT INTO t VALUES (2)") }
            #expect(try await watcher.query("SELECT n FROM t")[0][0] == "2")
        }
    }

    @Test func `large values travel among small ones`() async throws {
        try await withPool(configuration(fast: 2)) { pool, _ in
            let large = String(repeating: "x", count: 1 << 20)
            try await withThrowingTaskGroup { group in
                for number in 0..<60 {
                    group.addTask {
                        let value = number % 6 == 0 ? large : "\(number)"
                        let rows = try await pool.query("SELECT \(value)")
                        #expect(rows[0][0] == value)
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `statements beyond the bound are prepared anew, tables may change under the prepared`() async throws {
        var settings = configuration()
        settings.maxPreparedStatements = 8
        try await withPool(settings) { pool, database in
            let connection = try await database.connect()
            try await connection.simple("CREATE TABLE t (n int); INSERT INTO t VALUES (1)")
            try await withThrowingTaskGroup { group in
                for number in 0..<200 {
                    group.addTask {
                        let rows = try await pool.query("SELECT \(number) + \(unescaped: "\(number % 40)")")
                        #expect(try rows[0].decode(0, as: Int.self) == number + number % 40)
                    }
                }
                try await group.waitForAll()
            }
            let prepared = try await pool.query("SELECT count(*) FROM pg_prepared_statements")
            #expect(try prepared[0].decode(0, as: Int.self) <= 8)
            #expect(try await pool.query("SELECT * FROM t")[0][0] == "1")
            try await connection.simple("ALTER TABLE t ADD m text DEFAULT 'x'")
            #expect(try await pool.query("SELECT * FROM t")[0][1] == "x")
        }
    }

    @Test func `a closed pool carries through what it accepted and refuses what comes`() async throws {
        try await withDatabase { database in
            let pool = PostgresPool(try database.configuration(), pool: configuration(), logger: logger)
            let running = Task { await pool.run() }
            let gate = try await Gate(database)
            let accepted = Task { try await pool.query(gate.read)[0][1] }
            try await gate.isReached()
            running.cancel()
            try await gate.open()
            #expect(try await accepted.value == "gate")
            await running.value
            #expect(await postgresError { try await pool.query("SELECT 1") }?.kind == .closed)
        }
    }
}

/// A statement that waits until the test lets it go on.
struct Gate {
    private let holder: PostgresConnection
    let read: SQL = "SELECT pg_advisory_xact_lock(4711), 'gate'"

    init(_ database: TestDatabase) async throws {
        holder = try await database.connect()
        _ = try await holder.query("SELECT pg_advisory_lock(4711)")
    }

    func isReached() async throws { try await eventually { try await reachedBy() != nil } }

    /// The server's process that waits at the gate.
    func reachedBy() async throws -> Int32? {
        try await holder.query(
            """
            SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
            AND pid <> pg_backend_pid() AND query LIKE 'SELECT pg_advisory_xact_lock(4711)%'
            """
        ).first?.decode(0)
    }

    func open() async throws { _ = try await holder.query("SELECT pg_advisory_unlock(4711)") }
}
