import EventSourcing
import EventStore
import Foundation
import Postgres
import TestSupport
import Testing

@Suite struct AppendTests {
    @Test func `an intent is appended with its state, outcome and claims`() async throws {
        try await Store.with { store in
            let stream = store.stream()
            let intent = store.intent(
                [(stream, at: 0)], events: 2, claims: [.take(kind: "sku", value: "A-1", stream: stream)])
            let outcome = try await store.appending { try await $0.append(intent) }
            guard case .appended(let receipt) = outcome else { throw Store.Broken("\(outcome)") }
            #expect(receipt.stream == stream)
            #expect(receipt.version == 2)
            #expect(receipt.firstPosition == 1)
            #expect(receipt.position == 2)
            let events = try await store.checkHistory()
            #expect(events.map(\.metadata.commandID) == [intent.metadata.commandID, intent.metadata.commandID])
        }
    }

    /// A session's first appends meet empty tables, and its plans outlive that.
    @Test func `append looks up by key, however much has come since its session began`() async throws {
        try await Store.with { store in
            let database = try await store.database.connect()
            try await store.appending { appender in
                func write(_ count: Int) async throws {
                    for _ in 0..<count {
                        let (stream, sku) = (store.stream(), UUID.version7().uuidString)
                        _ = try await appender.append(
                            store.intent(
                                [(stream, at: 0)], claims: [.take(kind: "sku", value: sku, stream: stream)]))
                    }
                }
                try await write(10)
                try await database.simple(
                    """
                    INSERT INTO main.outcomes
                    SELECT gen_random_uuid(), n::text, now()::date, '', gen_random_uuid(), 'item', gen_random_uuid(),
                           1, 1, 1, now()
                    FROM generate_series(1, 50000) n;
                    INSERT INTO main.aggregates
                    SELECT gen_random_uuid(), 'item', gen_random_uuid(), 1, 1, '{}', now(), now()
                    FROM generate_series(1, 50000);
                    INSERT INTO main.claims
                    SELECT gen_random_uuid(), 'sku', n::text, 'item', gen_random_uuid(), 1 FROM generate_series(1, 50000) n
                    """)
                try await write(20)
            }
            // A session reports what it has read at its end.
            try await eventually("the appends are counted") {
                let rows = try await database.query(
                    """
                    SELECT sum(n_tup_ins)::int8 FROM pg_stat_user_tables
                    WHERE schemaname = 'main' AND relname = 'events'
                    """)
                return try rows[0].decode(0, as: Int64.self) == 30
            }
            let read = try await database.query(
                """
                SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables
                        WHERE schemaname = 'main' AND relname ~ '^(outcomes|aggregates|claims)')::int8,
                       (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes
                        WHERE schemaname = 'main' AND relname ~ '^(outcomes|aggregates|claims)')::int8
                """)
            #expect(try read[0].decode(0, as: Int64.self) < 50_000)
            #expect(try read[0].decode(1, as: Int64.self) < 50_000)
            await database.close()
        }
    }

    @Test func `a conflicting intent fails alone, and leaves no gap`() async throws {
        try await Store.with { store in
            let taken = store.stream()
            let intents =
                [store.intent([(taken, at: 0)])]
                + (0..<20).map { index in
                    store.intent([(index == 10 ? taken : store.stream(), at: index == 10 ? 7 : 0)])
                }
            let outcomes = try await store.appending { appender in
                var outcomes = [try await appender.append(intents[0])]
                outcomes += try await withThrowingTaskGroup(of: (Int, AppendOutcome).self) { group in
                    for index in 1..<intents.count {
                        group.addTask { (index, try await appender.append(intents[index])) }
                    }
                    return try await group.reduce(into: [Int: AppendOutcome]()) { $0[$1.0] = $1.1 }
                        .sorted { $0.key < $1.key }.map(\.value)
                }
                return outcomes
            }
            #expect(outcomes[11] == .conflict(taken, actual: 1))
            #expect(outcomes.count { if case .appended = $0 { true } else { false } } == 20)
            #expect(try await store.checkHistory().count == 20)
        }
    }

    @Test func `an intent on many streams is appended whole or not at all`() async throws {
        try await Store.with { store in
            let one = store.stream(), two = store.stream(), three = store.stream()
            try await store.appending { appender in
                _ = try await appender.append(store.intent([(one, at: 0), (two, at: 0)]))
                let late = try await appender.append(store.intent([(three, at: 0), (two, at: 0)]))
                #expect(late == .conflict(two, actual: 1))
                let unread = try await appender.append(store.intent([(three, at: 0)], reads: [(one, at: 9)]))
                #expect(unread == .conflict(one, actual: 1))
            }
            #expect(try await store.checkHistory().count == 2)
        }
    }

    @Test func `a claim has one holder until it is given back`() async throws {
        try await Store.with { store in
            let one = store.stream(), two = store.stream()
            try await store.appending { appender in
                _ = try await appender.append(
                    store.intent([(one, at: 0)], claims: [.take(kind: "sku", value: "A", stream: one)]))
                let taken = try await appender.append(
                    store.intent([(two, at: 0)], claims: [.take(kind: "sku", value: "A", stream: two)]))
                #expect(taken == .claimed(kind: "sku", value: "A", holder: one))
                let guarded = try await appender.append(
                    store.intent([(two, at: 0)], claims: [.absent(kind: "sku", prefix: "")]))
                #expect(guarded == .claimed(kind: "sku", value: "A", holder: one))
                _ = try await appender.append(
                    store.intent([(one, at: 1)], claims: [.release(kind: "sku", value: "A", stream: one)]))
                let free = try await appender.append(
                    store.intent([(two, at: 0)], claims: [.take(kind: "sku", value: "A", stream: two)]))
                guard case .appended = free else { throw Store.Broken("\(free)") }
                let elsewhere = TenantID(UUID.version7())
                let foreign = try await appender.append(
                    store.intent(
                        [(one, at: 0)], claims: [.take(kind: "sku", value: "A", stream: one)], tenant: elsewhere))
                guard case .appended = foreign else { throw Store.Broken("\(foreign)") }
            }
            _ = try await store.checkHistory()
        }
    }

    @Test func `the same key a hundred times at once has one effect`() async throws {
        try await Store.with { store in
            let outcomes = try await store.appending { appender in
                try await withThrowingTaskGroup(of: AppendOutcome.self) { group in
                    for _ in 0..<100 {
                        let intent = store.intent([(store.stream(), at: 0)], key: "once")
                        group.addTask { try await appender.append(intent) }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
            }
            let receipts = outcomes.compactMap { outcome -> Receipt? in
                switch outcome {
                case .appended(let receipt), .replayed(let receipt, _): receipt
                default: nil
                }
            }
            #expect(receipts.count == 100)
            #expect(Set(receipts.map(\.stream)).count == 1)
            #expect(outcomes.count { if case .appended = $0 { true } else { false } } == 1)
            #expect(try await store.checkHistory().count == 1)
        }
    }

    @Test func `an intent that was already true keeps its key`() async throws {
        try await Store.with { store in
            let stream = store.stream()
            try await store.appending { appender in
                _ = try await appender.append(store.intent([(stream, at: 0)]))
                var nothing = store.intent([(stream, at: 1)], key: "again")
                nothing.changes = []
                nothing.version = 1
                nothing.position = 1
                let first = try await appender.append(nothing)
                guard case .appended(let receipt) = first else { throw Store.Broken("\(first)") }
                #expect(receipt.firstPosition == nil)
                #expect(receipt.position == 1)
                nothing.metadata.commandID = .version7()
                guard case .replayed(let again, _) = try await appender.append(nothing) else {
                    throw Store.Broken("not replayed")
                }
                #expect(again == receipt)
            }
            #expect(try await store.checkHistory().count == 1)
        }
    }

    @Test func `an intent that Postgres refuses fails alone`() async throws {
        try await Store.with { store in
            try await store.appending { appender in
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    for index in 0..<40 {
                        var intent = store.intent([(store.stream(), at: 0)])
                        if index == 17 { intent.changes[0].events[0].data = Array(#"{"a": "\u0000"}"#.utf8) }
                        let final = intent
                        group.addTask {
                            do throws(AppendFailure) {
                                _ = try await appender.append(final)
                                return true
                            } catch .refused {
                                return false
                            } catch {
                                throw error
                            }
                        }
                    }
                    let results = try await group.reduce(into: []) { $0.append($1) }
                    #expect(results.count { $0 } == 39)
                }
            }
            #expect(try await store.checkHistory().count == 39)
        }
    }
}
