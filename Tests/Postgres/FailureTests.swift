import Foundation
import Postgres
import TestSupport
import Testing

/// Servers that die, restart, freeze or are not there.
@Suite(.serialized) struct FailureTests {
    private func withCluster(_ body: (PrivateCluster) async throws -> Void) async throws {
        let cluster = try PrivateCluster()
        defer { cluster.destroy() }
        try await body(cluster)
    }

    @Test func `reads survive the death of their backend`() async throws {
        var settings = PoolConfiguration()
        settings.connections.fast = 1
        settings.waitDeadline = .seconds(60)
        settings.defaultDeadline = .seconds(60)
        try await withPool(settings) { pool, database in
            let killer = try await database.connect()
            let gate = try await Gate(database)
            let gated = Task { try await pool.query(gate.read)[0][1] }
            try await gate.isReached()
            let reads = (0..<100).map { number in
                Task { try await pool.query("SELECT \(number)")[0].decode(0, as: Int.self) }
            }
            let process = try await gate.reachedBy()
            _ = try await killer.query("SELECT pg_terminate_backend(\(process))")
            try await eventually { try await ![nil, process].contains(gate.reachedBy()) }
            try await gate.open()
            #expect(try await gated.value == "gate")
            for (number, read) in reads.enumerated() { #expect(try await read.value == number) }
        }
    }

    @Test func `in a storm of kills and cancellations every read still gets its own answer or its own error`()
        async throws
    {
        var settings = PoolConfiguration()
        settings.waitDeadline = .seconds(60)
        settings.defaultDeadline = .seconds(60)
        try await withPool(settings) { pool, database in
            let killer = try await database.connect()
            let storm = Task {
                while !Task.isCancelled {
                    _ = try await killer.query(
                        """
                        SELECT pg_terminate_backend(pid), pg_sleep(0.05) FROM pg_stat_activity
                        WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1
                        """)
                }
            }
            let tenant = UUID()
            await withTaskGroup { group in
                for worker in 0..<24 {
                    group.addTask {
                        for round in 0..<60 {
                            let number = worker * 1000 + round
                            let read = Task {
                                try await pool.query(
                                    "SELECT pg_sleep(0.002), \(number), current_setting('closter.tenant', true)",
                                    tenant: worker % 2 == 0 ? tenant : UUID())[0].decode(1, as: Int.self)
                            }
                            if round % 5 == 0 { read.cancel() }
                            switch await read.result {
                            case .success(let value): #expect(value == number)
                            case .failure(let error):
                                let kind = (error as? PostgresError)?.kind
                                // Three kills in a row may hit one read.
                                #expect(kind == .connectionLost || (kind == .cancelled && round % 5 == 0), "\(error)")
                            }
                        }
                    }
                }
            }
            storm.cancel()
            _ = await storm.result
            try await eventually { pool.statistics.fast.waiting == 0 && pool.statistics.fast.busy == 0 }
            let rows = try await pool.query("SELECT 1")
            #expect(rows.count == 1)
        }
    }

    @Test func `a write whose backend was killed is in doubt and not repeated`() async throws {
        try await withPool { pool, database in
            let killer = try await database.connect()
            try await killer.simple("CREATE TABLE t (n int)")
            let write = Task {
                await postgresError { try await pool.execute(["INSERT INTO t VALUES (1)", "SELECT pg_sleep(67)"]) }
            }
            try await eventually { try await killer.isRunning("pg_sleep(67)") }
            _ = try await killer.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(67)'")
            #expect(await write.value?.kind == .connectionLost)
            try await pool.execute(["INSERT INTO t VALUES (2)"])
            #expect(try await pool.query("SELECT n FROM t").map { $0[0] } == ["2"])
        }
    }

    @Test func `a transaction whose backend was killed fails, and the next one succeeds`() async throws {
        try await withPool { pool, database in
            let killer = try await database.connect()
            let error = await postgresError {
                try await pool.transaction { transaction in
                    let process = try await transaction.query("SELECT pg_backend_pid()")[0].decode(0, as: Int32.self)
                    _ = try await killer.query("SELECT pg_terminate_backend(\(process))")
                    _ = try await transaction.query("SELECT 1")
                }
            }
            #expect(error?.kind == .connectionLost)
            #expect(try await pool.transaction { try await $0.query("SELECT 1").count } == 1)
        }
    }

    @Test(arguments: ["fast", "immediate"])
    func `a restarted server is found again`(mode: String) async throws {
        try await withCluster { cluster in
            var settings = PoolConfiguration()
            settings.waitDeadline = .seconds(60)
            settings.defaultDeadline = .seconds(60)
            try await withPool(PostgresConfiguration(url: cluster.url()), settings) { pool in
                _ = try await pool.query("SELECT 1")
                try cluster.stop(mode)
                let early = Task { try await pool.query("SELECT 'early'")[0][0] }
                try await eventually { pool.statistics.fast.reconnects > 1 }
                try cluster.start()
                #expect(try await early.value == "early")
                #expect(try await pool.query("SELECT 1").count == 1)
            }
        }
    }

    @Test func `where no server is, the reason is told within the wait deadline`() async throws {
        var settings = PoolConfiguration()
        settings.waitDeadline = .milliseconds(300)
        try await withPool(PostgresConfiguration(url: "postgresql://x:hunter2@127.0.0.1:1/x"), settings) { pool in
            let error = await postgresError { try await pool.query("SELECT 1") }
            #expect(error?.kind == .connectionFailed)
            #expect(error.map { "\($0)".contains("hunter2") } == false)
        }
    }

    @Test func `a frozen server is given up, and found again when it thaws`() async throws {
        try await withCluster { cluster in
            var settings = PoolConfiguration()
            settings.defaultDeadline = .seconds(2)
            settings.silence = .seconds(2)
            var configuration = try PostgresConfiguration(url: cluster.url())
            configuration.connectTimeout = .seconds(1)
            try await withPool(configuration, settings) { pool in
                try await pool.execute(["CREATE TABLE t (n int)"])
                _ = try await pool.query("SELECT 1")
                try cluster.freeze(true)
                async let read = postgresError { try await pool.query("SELECT 1") }
                async let write = postgresError { try await pool.execute(["INSERT INTO t VALUES (1)"]) }
                let errors = await (read, write)
                #expect(errors.0?.kind == .deadlineExceeded || errors.0?.kind == .connectionFailed)
                #expect(errors.1?.kind == .connectionLost)
                try cluster.freeze(false)
                try await eventually { (try? await pool.query("SELECT 1").count) == 1 }
            }
        }
    }

    @Test func `connecting to a frozen server ends with the connect timeout`() async throws {
        try await withCluster { cluster in
            try cluster.freeze(true)
            var configuration = try PostgresConfiguration(url: cluster.url())
            configuration.connectTimeout = .milliseconds(300)
            let error = await postgresError { [configuration] in
                try await PostgresConnection.connect(configuration, logger: logger)
            }
            #expect(error?.kind == .connectionFailed)
        }
    }

    @Test func `verify-full trusts only the named authority and the right name`() async throws {
        try await withCluster { cluster in
            let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            for (name, host) in [("right", "localhost"), ("other", "localhost")] {
                let process = Process()
                process.executableURL = URL(filePath: "/usr/bin/openssl")
                process.arguments = [
                    "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=\(host)",
                    "-addext", "subjectAltName=DNS:\(host)", "-keyout", folder.path + "/\(name).key",
                    "-out", folder.path + "/\(name).crt",
                ]
                process.standardError = FileHandle.nullDevice
                try process.run()
                process.waitUntilExit()
            }
            try cluster.stop()
            try cluster.write("server.crt", String(contentsOf: folder.appending(path: "right.crt"), encoding: .utf8))
            try cluster.write("server.key", String(contentsOf: folder.appending(path: "right.key"), encoding: .utf8))
            try cluster.configure("ssl", "on")
            try cluster.start()
            func connect(host: String, authority: String) async throws -> Bool {
                var configuration = try PostgresConfiguration(
                    url: "postgresql://postgres@\(host):\(cluster.port)/postgres?sslmode=verify-full")
                configuration.tlsRootCertificate = folder.path + "/\(authority).crt"
                let connection = try await PostgresConnection.connect(configuration, logger: logger)
                let rows = try await connection.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
                return try rows[0].decode(0)
            }
            #expect(try await connect(host: "localhost", authority: "right"))
            #expect(await postgresError { try await connect(host: "127.0.0.1", authority: "right") } != nil)
            #expect(await postgresError { try await connect(host: "localhost", authority: "other") } != nil)
        }
    }
}
