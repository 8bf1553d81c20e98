import Foundation
import Postgres

/// pgbench on the same server: what PostgreSQL does by itself.
struct Peer: Sendable {
    let instance: Instance

    /// A table of events as a simple event store has it, and one of documents.
    init(_ instance: Instance) async throws {
        self.instance = instance
        try await instance.database.simple(
            """
            CREATE SCHEMA IF NOT EXISTS bench;
            CREATE TABLE IF NOT EXISTS bench.events (
                position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stream uuid NOT NULL, version int NOT NULL,
                data jsonb NOT NULL, metadata jsonb NOT NULL, UNIQUE (stream, version));
            CREATE TABLE IF NOT EXISTS bench.documents (id bigint PRIMARY KEY, document text NOT NULL);
            INSERT INTO bench.documents
            SELECT n, '{"id":' || n || ',"text":"' || repeat(md5(n::text), 30) || '"}' FROM generate_series(1, 100000) n
            ON CONFLICT DO NOTHING;
            CREATE TABLE IF NOT EXISTS bench.tenants (n int PRIMARY KEY, tenant_id uuid NOT NULL);
            INSERT INTO bench.tenants
            SELECT substring(t.slug FROM 7)::int, t.tenant_id FROM closter.tenants t WHERE t.slug LIKE 'bench-%'
            ON CONFLICT DO NOTHING;
            ANALYZE bench.documents, bench.tenants
            """)
    }

    private static let insert = """
        INSERT INTO bench.events (stream, version, data, metadata)
        VALUES (gen_random_uuid(), 1,
                '{"title": "Nordhem coat", "condition": "good", "brand": "Nordhem", "category": "Coats", "size": "38", "description": "Worn a few times, cleaned and checked. The seams are firm, the lining is whole, all buttons are there.", "photos": ["https://cdn.example.com/1.jpg"], "attributes": {"tags": ["second-hand"]}}',
                '{"actor": "bench", "command_id": "0190f3a0-0000-7000-8000-000000000000", "correlation_id": "0190f3a0-0000-7000-8000-000000000000", "requested_at": "2026-01-01T00:00:00.000000Z"}');
        """

    /// One event, one transaction.
    func inserts(seconds: Int) async throws -> Double {
        try await pgbench("insert.sql", Self.insert, clients: 32, seconds: seconds)
    }

    /// The same with NOTIFY in the transaction.
    func insertsWithNotify(seconds: Int) async throws -> Double {
        try await pgbench(
            "notify.sql", "BEGIN;\n\(Self.insert)\nNOTIFY bench;\nEND;", clients: 32, seconds: seconds)
    }

    func selects(seconds: Int) async throws -> Double {
        try await pgbench(
            "select.sql", "\\set id random(1, 100000)\nSELECT document FROM bench.documents WHERE id = :id;",
            clients: 8,
            seconds: seconds)
    }

    /// The rows of a page where they lie, asked for by somebody who sees everything.
    func pages(seconds: Int) async throws -> Double {
        let table = try await instance.liveTable("listings")
        return try await pgbench(
            "page.sql",
            """
            \\set n random(0, \(Instance.tenants - 1))
            SELECT t.id, t.created_at, t.document FROM main.\(table) t WHERE t.tenant_id = (SELECT b.tenant_id FROM bench.tenants b WHERE b.n = :n) AND t.status = 'published' AND t.brand = 'Nordhem' ORDER BY t.created_at DESC, t.id DESC LIMIT 51;
            """, clients: 8, seconds: seconds)
    }

    private func pgbench(_ name: String, _ text: String, clients: Int, seconds: Int) async throws -> Double {
        let script = try instance.script(name, text)
        let output = try await instance.run(
            "\(instance.postgres)/pgbench",
            [
                "-n", "-M", "prepared", "-c", "\(clients)", "-j", "1", "-T", "\(seconds)", "-f", script,
                instance.databaseURL,
            ])
        guard let line = output.split(separator: "\n").last(where: { $0.hasPrefix("tps = ") }),
            let rate = line.split(separator: " ").dropFirst(2).first.flatMap({ Double($0) })
        else { throw Failure("pgbench says no rate: \(output)") }
        return rate
    }
}

/// wrk, with a script that makes each request.
struct Wrk: Sendable {
    let instance: Instance

    struct Result: Sendable {
        var requests: Int64
        /// A second.
        var rate: Double
        /// Milliseconds.
        var p50: Double
        var p99: Double
    }

    /// Any answer that is none, or that is no success, is a failure of the measurement.
    func run(_ name: String, _ script: String, url: String, connections: Int, seconds: Int) async throws -> Result {
        let path = try instance.script(
            name,
            script + """

                done = function(summary, latency, requests)
                    local e = summary.errors
                    io.write(string.format("RESULT %d %d %f %f %d\\n", summary.requests, summary.duration,
                        latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
                end
                """)
        let output = try await instance.run(
            "/usr/bin/wrk", ["-t1", "-c\(connections)", "-d\(seconds)s", "--timeout", "30s", "-s", path, url])
        guard let line = output.split(separator: "\n").last(where: { $0.hasPrefix("RESULT ") }) else {
            throw Failure("wrk says no result: \(output)")
        }
        let numbers = line.split(separator: " ").dropFirst().compactMap { Double($0) }
        guard numbers.count == 5, numbers[4] == 0 else { throw Failure("requests failed: \(output)") }
        return Result(
            requests: Int64(numbers[0]), rate: numbers[0] / numbers[1] * 1e6, p50: numbers[2] / 1000,
            p99: numbers[3] / 1000)
    }
}
