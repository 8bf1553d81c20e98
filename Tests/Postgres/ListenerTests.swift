import Foundation
import TestSupport
import Testing

@testable import Postgres

@Suite struct ListenerTests {
    @Test func `a listener hears, and listens again after its backend was killed`() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            let listener = PostgresListener(
                try database.configuration(), channels: ["orders", "Odd \"name\""], logger: logger)
            let events = listener.makeAsyncIterator()
            #expect(await events.next() == .listening)
            _ = try await connection.query("SELECT pg_notify('orders', 'one'), pg_notify('Odd \"name\"', '')")
            #expect(await events.next() == .notification(channel: "orders", payload: "one"))
            #expect(await events.next() == .notification(channel: "Odd \"name\"", payload: ""))
            _ = try await connection.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
            #expect(await events.next() == .listening)
            _ = try await connection.query("SELECT pg_notify('orders', 'two')")
            #expect(await events.next() == .notification(channel: "orders", payload: "two"))
        }
    }

    @Test func `it ends with its task`() async throws {
        try await withDatabase { database in
            let listener = PostgresListener(try database.configuration(), channels: ["orders"], logger: logger)
            let connection = try await database.connect()
            let task = Task {
                for await _ in listener {}
            }
            func listeners() async throws -> Int {
                try await connection.query(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                )[0].decode(0)
            }
            try await eventually { try await listeners() == 1 }
            task.cancel()
            await task.value
            try await eventually { try await listeners() == 0 }
        }
    }

    @Test func `a consumer that is too slow is told to catch up, and hears what comes then`() async {
        let mailbox = ListenerMailbox()
        let events = (0..<ListenerMailbox.capacity + 2).map {
            PostgresListener.Event.notification(channel: "orders", payload: "\($0)")
        }
        for event in events { mailbox.put(event) }
        #expect(await mailbox.next() == .listening)
        #expect(await mailbox.next() == events.last)
    }

    @Test func `one that keeps up misses nothing`() async {
        let mailbox = ListenerMailbox()
        let events = (0..<ListenerMailbox.capacity).map {
            PostgresListener.Event.notification(channel: "orders", payload: "\($0)")
        }
        for event in events { mailbox.put(event) }
        for event in events { #expect(await mailbox.next() == event) }
    }
}
