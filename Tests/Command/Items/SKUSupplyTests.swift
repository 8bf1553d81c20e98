import EventSourcing
import EventStore
import Foundation
import Logging
import Postgres
import TestSupport
import Testing

@testable import Command

@Suite struct `SKUs by themselves` {
    private static let pattern = SKUPattern("{yy}{mm}-{seq:5}")!
    private static let day = (year: 2026, month: 3)

    /// What one command process has.
    private static func supply(_ pool: PostgresPool) -> SKUSupply {
        SKUSupply(sequences: Sequences(pool: pool), reader: StateReader(pool: pool))
    }

    /// Lends the supplies of several processes over one database.
    private static func with(
        processes: Int, _ body: ([SKUSupply], TestDatabase) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let command = try database.configuration(as: "closter_command")
            let pools = (0..<processes).map { _ in PostgresPool(command, logger: logger) }
            let running = pools.map { pool in Task { await pool.run() } }
            let result: Result<Void, any Error>
            do { result = .success(try await body(pools.map(supply), database)) } catch { result = .failure(error) }
            for task in running {
                task.cancel()
                await task.value
            }
            try result.get()
        }
    }

    @Test func `ten thousand taken by sixteen clients of two processes are all different`() async throws {
        try await Self.with(processes: 2) { supplies, _ in
            let tenant = TenantID(.version7())
            let taken = try await withThrowingTaskGroup(of: [String].self) { group in
                for client in 0..<16 {
                    group.addTask {
                        var mine: [String] = []
                        // In handfuls of different sizes, some of them larger than what is left of a block.
                        var size = client + 1
                        while mine.count < 625 {
                            mine += try await supplies[client % 2].take(
                                min(size, 625 - mine.count), of: tenant, Self.pattern, on: Self.day)
                            size = size % 40 + 3
                        }
                        return mine
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(taken.count == 10_000)
            #expect(Set(taken).count == 10_000)
            let numbers = taken.compactMap { Int($0.dropFirst(5)) }
            #expect(numbers.count == 10_000)
            // What is missing is at most what the two had left over.
            #expect((numbers.max() ?? 0) <= 10_000 + 2 * 100)
        }
    }

    @Test func `one that was typed before is passed over, and so is one that is excepted`() async throws {
        try await Self.with(processes: 1) { supplies, database in
            let tenant = TenantID(.version7())
            let administrator = try await database.connect()
            _ = try await administrator.query(
                """
                INSERT INTO main.claims (tenant_id, kind, value, category, stream_id, position)
                VALUES (\(tenant.uuid), 'sku', '2603-00002', 'item', \(UUID.version7()), 1)
                """)
            await administrator.close()
            let taken = try await supplies[0].take(
                3, of: tenant, Self.pattern, on: Self.day, except: ["2603-00003"])
            #expect(taken == ["2603-00001", "2603-00004", "2603-00005"])
            // Another tenant has a sequence of its own.
            let others = try await supplies[0].take(1, of: TenantID(.version7()), Self.pattern, on: Self.day)
            #expect(others == ["2603-00001"])
        }
    }

    @Test func `numbers are reserved for the tenant that is set, and not without bounds`() async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect(as: "closter_command")
            let (own, other) = (UUID.version7(), UUID.version7())
            _ = try await connection.query("SELECT set_config('closter.tenant', \(own.text), false)")
            let rows = try await connection.query("SELECT main.reserve_sequence(\(own), 'sku', 5)")
            #expect(try rows[0].decode(0, as: Int64.self) == 1)
            await #expect(throws: PostgresError.self) {
                _ = try await connection.query("SELECT main.reserve_sequence(\(other), 'sku', 5)")
            }
            await #expect(throws: PostgresError.self) {
                _ = try await connection.query("SELECT main.reserve_sequence(\(own), 'sku', 10001)")
            }
            let next = try await connection.query("SELECT main.reserve_sequence(\(own), 'sku', 1)")
            #expect(try next[0].decode(0, as: Int64.self) == 6)
            await connection.close()
        }
    }
}
