import Foundation
import Postgres
import TestSupport
import Testing

/// The partitions in which idempotency outcomes lie: as few as can be, for every day there is one.
@Suite struct OutcomePartitionTests {
    private func partitions(_ connection: PostgresConnection) async throws -> [(first: String, until: String)] {
        try await connection.query(
            #"""
            SELECT m[1], m[2] FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid,
                regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(.*)''\) TO \(''(.*)''\)') AS m
            WHERE i.inhparent = 'main.outcomes'::regclass AND m IS NOT NULL ORDER BY m[1]
            """#
        ).map { (try $0.decode(0, as: String.self), try $0.decode(1, as: String.self)) }
    }

    private func rotate(_ day: String, on connection: PostgresConnection) async throws {
        // As its owner, whom policies hold: an administrator sees every row.
        try await connection.simple(
            "SET ROLE closter_owner; SELECT main.rotate_outcomes_at('\(day)', 7, 90); RESET ROLE")
    }

    private func day(_ number: Int) -> String {
        let day = Date(timeIntervalSince1970: 1_767_225_600 + Double(number) * 86_400)
        return String(day.ISO8601Format().prefix(10))
    }

    @Test func `over a year there is one for every day, 90 days back and a week ahead, and few are looked through`()
        async throws
    {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            try await connection.dropOutcomePartitions()
            for number in 0..<365 {
                // Now and then nobody comes for some days.
                guard number % 50 < 43 else { continue }
                try await rotate(day(number), on: connection)
                let found = try await partitions(connection)
                #expect(found.count <= 17)
                #expect(zip(found, found.dropFirst()).allSatisfy { $0.until == $1.first }, "without a gap")
                let (first, until) = (try #require(found.first?.first), try #require(found.last?.until))
                #expect(first <= day(max(0, number - 90)) && until > day(number + 7))
            }
        }
    }

    @Test func `daily ones that were there stay until they are past`() async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            try await connection.dropOutcomePartitions()
            for number in 0..<8 {
                try await connection.simple(
                    """
                    CREATE TABLE main.outcomes_\(day(number).replacing("-", with: "")) PARTITION OF main.outcomes
                        FOR VALUES FROM ('\(day(number))') TO ('\(day(number + 1))')
                    """)
            }
            try await rotate(day(2), on: connection)
            #expect(try await partitions(connection).map(\.first) == (0...8).map(day))
            try await rotate(day(7 + 91), on: connection)
            #expect(try await partitions(connection).first?.first == day(8))
        }
    }

    @Test func `what came while there was none goes with its week, and nobody sees it without its policies`()
        async throws
    {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            try await connection.dropOutcomePartitions()
            for number in [1, 9, 30] {
                _ = try await connection.query(
                    """
                    INSERT INTO main.outcomes
                        (tenant_id, key, day, fingerprint, command_id, category, stream_id, version, position, recorded_at)
                    VALUES (\(UUID()), \("key \(number)"), \(day(number))::date, ''::bytea, \(UUID()), 'item', \(UUID()), 1, 1,
                            now())
                    """)
            }
            try await rotate(day(30), on: connection)
            let found = try await partitions(connection)
            #expect(found.first?.first == day(1))
            let (all, left, isForced) = try await (
                connection.query("SELECT count(*) FROM main.outcomes")[0].decode(0, as: Int64.self),
                connection.query("SELECT count(*) FROM main.outcomes_default")[0].decode(0, as: Int64.self),
                connection.query(
                    """
                    SELECT bool_and(c.relforcerowsecurity AND c.relrowsecurity) FROM pg_inherits i
                    JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'main.outcomes'::regclass
                    """)[0].decode(0, as: Bool.self)
            )
            #expect(all == 3 && left == 0 && isForced)
        }
    }

    @Test func `who reads for long does not hold writes up behind a rotation`() async throws {
        try await TestDatabase.with { database in
            let (connection, reader) = (try await database.connect(), try await database.connect())
            try await connection.dropOutcomePartitions()
            try await reader.simple("BEGIN; SELECT count(*) FROM main.outcomes")
            let error = await #expect(throws: PostgresError.self) {
                _ = try await connection.query("SELECT main.rotate_outcomes()")
            }
            #expect(error?.sqlState == "55P03")
            try await reader.simple("COMMIT")
            _ = try await connection.query("SELECT main.rotate_outcomes()")
            #expect(try await !partitions(connection).isEmpty)
        }
    }
}
