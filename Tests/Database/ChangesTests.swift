import EventSourcing
import Foundation
import Postgres
import TestSupport
import Testing

/// `main.changes_after`: what caches go by.
@Suite struct ChangesTests {
    private let tenant = UUID()

    private func insert(_ position: Int64, _ key: UUID, generation: Int32 = 1, on connection: PostgresConnection)
        async throws
    {
        _ = try await connection.query(
            """
            INSERT INTO main.changes (projection, generation, position, tenants, ids)
            VALUES ('items', \(generation), \(position), \([tenant]), \([key]))
            """)
    }

    private func changes(
        after prior: String?, on connection: PostgresConnection
    ) async throws -> (seen: String, keys: [UUID]) {
        let rows = try await connection.query(
            "SELECT seen, ids FROM main.changes_after(\(prior)::pg_snapshot) ORDER BY ids")
        let keys = try rows.flatMap { try $0.decode(1, as: [UUID]?.self) ?? [] }
        return (try #require(rows.first?[0]), keys)
    }

    @Test func `each change is told once, after it was committed, however long that took`() async throws {
        try await TestDatabase.with { database in
            let (slow, quick) = (try await database.connect(), try await database.connect())
            let reader = try await database.connect(as: "closter_query")
            let keys = (0..<4).map { UUID(bits: UInt128($0 + 1)) }
            try await insert(1, keys[0], on: quick)
            var (seen, found) = try await changes(after: nil, on: reader)
            #expect(found.isEmpty, "without a snapshot there is nothing to compare with")

            try await slow.simple("BEGIN")
            try await insert(2, keys[1], on: slow)
            try await insert(3, keys[2], on: quick)
            (seen, found) = try await changes(after: seen, on: reader)
            #expect(found == [keys[2]])
            (seen, found) = try await changes(after: seen, on: reader)
            #expect(found.isEmpty)
            // Began before the last look, and ends after it: an older transaction is news.
            try await slow.simple("COMMIT")
            (seen, found) = try await changes(after: seen, on: reader)
            #expect(found == [keys[1]])
            (seen, found) = try await changes(after: seen, on: reader)
            #expect(found.isEmpty)

            // What is rolled back is nothing, and a second change at a checkpoint that stands still is told, too.
            try await slow.simple("BEGIN")
            try await insert(4, keys[3], on: slow)
            try await slow.simple("ROLLBACK")
            try await insert(3, keys[3], on: quick)
            (seen, found) = try await changes(after: seen, on: reader)
            #expect(found == [keys[3]])
        }
    }

    @Test func `only generations that answer reads are told of`() async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            let reader = try await database.connect(as: "closter_query")
            _ = try await connection.query("SELECT main.create_generation('items', 2)")
            _ = try await connection.query(
                "UPDATE main.generations SET status = 'building' WHERE projection = 'items' AND generation = 2")
            let (seen, _) = try await changes(after: nil, on: reader)
            let (live, building) = (UUID(bits: 1), UUID(bits: 2))
            try await insert(1, live, on: connection)
            try await insert(1, building, generation: 2, on: connection)
            #expect(try await changes(after: seen, on: reader).keys == [live])
            _ = try await connection.query(
                """
                UPDATE main.generations SET status = CASE generation WHEN 2 THEN 'live' ELSE 'retired' END
                WHERE projection = 'items'
                """)
            #expect(try await changes(after: seen, on: reader).keys == [live, building])
        }
    }
}
