import EventSourcing
import EventStore
import Events
import Foundation
import JSON
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Command

/// Intents that fall due, on a real database, with a clock that the tests move.
@Suite struct `Intents that fall due` {
    private struct No: Refusal {
        var code: String { "no" }
        var detail: String { "it is not to be" }
    }

    private struct Broken: Error {}

    /// Numbers that handlers were given, in the order in which they came.
    private final class Seen: Sendable {
        private let state = Mutex<[Int64]>([])

        func add(_ call: DueCall) { state.withLock { $0.append(call.payload["number"]?.integerValue ?? -1) } }
        var numbers: [Int64] { state.withLock { $0 } }
    }

    /// Appends a decision, so that something has taken effect.
    private static func effect(_ seen: Seen? = nil) -> DueHandler {
        { call, decision in
            seen?.add(call)
            decision.record(
                .init(
                    kind: .markdown, subject: TypeID(prefix: "listing", uuid: call.id), outcome: "marked_down",
                    rules: []),
                Stamp(id: call.fresh[0], at: call.at))
        }
    }

    @Test func `nothing is run before its time, and everything once it has come`() async throws {
        try await DueShop.with { shop in
            let seen = Seen()
            let runner = shop.runner([.markdown: Self.effect(seen)])
            let first = UUID.version7()
            try await shop.wait(on: first, at: days(2), 2)
            try await shop.wait(on: UUID.version7(), at: days(1), 1)
            try await shop.wait(on: first, at: days(3), 3)
            await runner.runDue()
            #expect(seen.numbers == [])
            shop.now.move(to: days(1))
            await runner.runDue()
            #expect(seen.numbers == [1])
            // What was slept through is caught up with, in order.
            shop.now.move(to: days(30))
            await runner.runDue()
            #expect(seen.numbers == [1, 2, 3])
            #expect(try await shop.outcomes() == ["done", "done", "done"])
        }
    }

    @Test func `a refusal is an end that can be seen, a failure is tried again while its subject waits`() async throws {
        try await DueShop.with { shop in
            let subject = UUID.version7()
            let isBroken = Mutex(true)
            let seen = Seen()
            let runner = shop.runner([
                .markdown: { call, decision in
                    if isBroken.withLock({ $0 }) { throw Broken() }
                    try await Self.effect(seen)(call, &decision)
                },
                .expire: { _, _ in throw No() },
            ])
            try await shop.wait(on: subject, at: days(1), 1)
            try await shop.wait(on: subject, at: days(2), 2)
            try await shop.wait(.expire, on: UUID.version7(), at: days(3))
            shop.now.move(to: days(4))
            await runner.runDue()
            #expect(seen.numbers == [])
            #expect(try await shop.outcomes() == ["Broken()", nil, "refused no"])
            isBroken.withLock { $0 = false }
            await runner.runDue()
            #expect(seen.numbers == [])
            shop.now.move(to: days(5))
            await runner.runDue()
            #expect(seen.numbers == [1, 2])
            #expect(try await shop.outcomes() == ["done", "done", "refused no"])
        }
    }

    @Test func `two processes run each once in effect, and what one dropped after its append is not done again`()
        async throws
    {
        try await DueShop.with { shop in
            let first = shop.runner([.markdown: Self.effect()]), second = shop.runner([.markdown: Self.effect()])
            for number in 0..<40 { try await shop.wait(on: UUID.version7(), at: days(1), number) }
            shop.now.move(to: days(1))
            async let one = first.runDue()
            async let other = second.runDue()
            _ = await (one, other)
            func made() async throws -> Int64? {
                try await shop.administrator.query("SELECT count(*) FROM main.events WHERE type = 'DecisionMade'")
                    .first?.decode(0)
            }
            #expect(try await made() == 40)
            // As a process leaves it that is killed between its append and its end.
            _ = try await shop.administrator.query(
                "UPDATE main.due_intents SET completed_at = NULL, outcome = NULL, position = NULL, lease_until = NULL")
            await first.runDue()
            #expect(try await made() == 40)
            #expect(Set(try await shop.outcomes()) == ["done"])
        }
    }

    @Test func `whoever has lost a lease finishes nothing`() async throws {
        try await DueShop.with { shop in
            try await shop.wait(on: UUID.version7(), at: days(1))
            let intents = DueIntents(pool: shop.pool)
            let late = try #require(try await intents.claim(at: days(1), atMost: 1).first)
            #expect(try await intents.claim(at: days(1), atMost: 1).isEmpty)
            let next = try #require(try await intents.claim(at: days(2), atMost: 1).first)
            #expect(next.attempts == 2)
            #expect(try await !intents.finish(late, .done(position: 1), at: days(2)))
            #expect(try await intents.finish(next, .done(position: 1), at: days(2)))
        }
    }

    @Test func `it looks at each poll, and not in between`() async throws {
        try await DueShop.with { shop in
            let looks = Atomic(0)
            var runner = shop.runner([:])
            let now = shop.now
            runner.poll = .milliseconds(20)
            runner.clock = {
                looks.wrappingAdd(1, ordering: .relaxed)
                return now.time
            }
            let started = ContinuousClock.now
            let running = Task { [runner] in try await runner.run() }
            try await eventually("it has looked often") { looks.load(ordering: .relaxed) >= 20 }
            #expect(started.duration(to: .now) >= runner.poll * 19)
            running.cancel()
            _ = await running.result
        }
    }

    @Test func `what waits costs nothing until it is due`() async throws {
        try await DueShop.with { shop in
            _ = try await shop.administrator.query(
                """
                INSERT INTO main.due_intents (intent_id, tenant_id, kind, payload, due_at, correlation_id, created_at)
                SELECT gen_random_uuid(), \(shop.tenant.uuid), 'listing.markdown',
                       jsonb_build_object('subject', 'listing_' || n), \(PostgresTimestamp(days(10))), gen_random_uuid(), now()
                FROM generate_series(1, 100000) n
                """)
            _ = try await shop.administrator.query("ANALYZE main.due_intents")
            try await shop.wait(on: UUID.version7(), at: days(1))
            let intents = DueIntents(pool: shop.pool)
            #expect(try await intents.claim(at: days(1), atMost: 32).count == 1)
            #expect(try await intents.next() != nil)
            // By its index, and not by reading a hundred thousand rows.
            let plan = try await shop.administrator.query(
                """
                EXPLAIN SELECT d.due_at FROM main.due_intents d WHERE d.completed_at IS NULL
                ORDER BY d.due_at, d.intent_id LIMIT 1
                """)
            let text = try plan.map { try $0.decode(0, as: String.self) }.joined(separator: "\n")
            #expect(text.contains("due_intents_ready"), "\(text)")
        }
    }
}
