import EventSourcing
import Foundation
import Postgres
import Runtime
import Synchronization
import TestSupport
import Testing

@testable import Query

@Suite struct `The live feed` {
    @Test func `gives two thousand followers each event of their tenant once and in order, while writers write`()
        async throws
    {
        var limits = Feed.Limits()
        limits.window.events = 150
        limits.lookBack = 50
        try await FeedHarness.with(limits) { harness in
            let tenants = (0..<8).map { _ in TenantID(.version7()) }
            let owners = (0..<600).map { number in tenants[number * 7 % 11 % tenants.count] }
            try await harness.append(Array(owners[..<200]), after: 0)
            // given followers that begin anywhere before the live end, every tenth of them slow
            let followers = try (0..<2_000).map { number in
                let received = Received()
                let tenant = tenants[number % tenants.count]
                let start = Int64(number * 13 % 200)
                let task = try harness.follow(tenant, after: start, received) {
                    if number.isMultiple(of: 10) { try await Task.sleep(for: .milliseconds(5)) }
                }
                return (tenant: tenant, start: start, received: received, task: task)
            }
            #expect(harness.feed.followers == 2_000)
            // when the log grows
            for start in stride(from: 200, to: 600, by: 5) {
                try await harness.append(Array(owners[start..<start + 5]), after: Int64(start))
            }
            // then
            for follower in followers {
                let expected = owners.indices.map { Int64($0 + 1) }
                    .filter { $0 > follower.start && owners[Int($0) - 1] == follower.tenant }
                try await eventually("\(expected.count) events") { follower.received.positions.count >= expected.count }
                #expect(follower.received.positions == expected)
            }
            for follower in followers { follower.task.cancel() }
            for follower in followers { try await follower.task.value }
            try await eventually { harness.feed.followers == 0 }
        }
    }

    @Test func `a follower that does not read holds up nobody and goes on from history where it was`() async throws {
        var limits = Feed.Limits()
        limits.window.events = 10
        limits.chunk = 1
        try await FeedHarness.with(limits) { harness in
            let tenant = TenantID(.version7())
            let gate = Mutex(true)
            let (slow, quick) = (Received(), Received())
            let isStuck = AsyncStream.makeStream(of: Void.self)
            let tasks = [
                try harness.follow(tenant, slow) {
                    if !slow.positions.isEmpty { isStuck.continuation.yield() }
                    while !slow.positions.isEmpty, gate.withLock({ $0 }) {
                        try await Task.sleep(for: .milliseconds(1))
                    }
                },
                try harness.follow(tenant, quick),
            ]
            try await harness.append([tenant, tenant, tenant], after: 0)
            for await _ in isStuck.stream { break }
            for start in stride(from: 3, to: 203, by: 20) {
                try await harness.append(Array(repeating: tenant, count: 20), after: Int64(start))
            }
            try await eventually { quick.positions.count == 203 }
            #expect(slow.positions.count < 203)
            gate.withLock { $0 = false }
            try await eventually { slow.positions.count >= 203 }
            #expect(slow.positions == Array(1...203))
            #expect(quick.positions == Array(1...203))
            #expect(harness.feed.counts.fellBehind.load(ordering: .relaxed) > 0)
            for task in tasks { task.cancel() }
        }
    }

    @Test func `who waits before the window begins is not led past what comes before it`() async throws {
        let feed = Feed()
        let tenant = TenantID(UUID())
        let seat = try feed.join(tenant, filter: .init())
        let step = Task { await feed.next(after: 3, for: seat.follower, until: .now + .seconds(3600)) }
        // Lets it come to wait; if it does not, it finds the window there, and the answer is the same.
        for _ in 0..<1_000 { await Task.yield() }
        feed.begin(at: 10)
        try feed.append([FeedEvent(.sample(11, type: "T"), of: tenant)])
        guard case .behind(let end) = await step.value else {
            Issue.record("not sent to history")
            return
        }
        #expect((10...11).contains(end))
    }

    @Test func `who waits misses nothing that others' events have pushed out of the window`() async throws {
        var limits = Feed.Limits()
        limits.window.events = 2
        let feed = Feed(limits)
        let (mine, theirs) = (TenantID(UUID()), TenantID(UUID()))
        let seat = try feed.join(mine, filter: .init())
        feed.begin(at: 0)
        let step = Task { await feed.next(after: 0, for: seat.follower, until: .now + .seconds(3600)) }
        for _ in 0..<1_000 { await Task.yield() }
        for position in 1...9 as ClosedRange<Int64> {
            try feed.append([FeedEvent(.sample(position, type: "T"), of: theirs)])
        }
        try feed.append([FeedEvent(.sample(10, type: "T"), of: mine)])
        switch await step.value {
        case .events(let events, let upTo):
            #expect(events.map(\.position) == [10])
            #expect(upTo == 10)
        // Where it had not come to wait before, history tells it.
        case .behind: break
        default: Issue.record("neither its event nor history")
        }
    }

    @Test func `a window that begins late leaves the rest to history`() async throws {
        var limits = Feed.Limits()
        limits.lookBack = 2
        try await FeedHarness.with(limits) { harness in
            let tenant = TenantID(.version7())
            try await harness.append(Array(repeating: tenant, count: 30), after: 0)
            let received = Received()
            let task = try harness.follow(tenant, received)
            try await harness.append([tenant], after: 30)
            try await eventually { received.positions.count >= 31 }
            #expect(received.positions == Array(1...31))
            task.cancel()
        }
    }

    @Test func `a filter is kept in history and live`() async throws {
        try await FeedHarness.with { harness in
            let tenant = TenantID(.version7())
            try await harness.append([tenant, tenant], after: 0, type: "ListingCreated")
            try await harness.append([tenant], after: 2)
            let received = Received()
            let task = try harness.follow(tenant, filter: .init(category: "item", type: "ListingCreated"), received)
            try await eventually { received.positions == [1, 2] }
            try await harness.append([tenant], after: 3)
            try await harness.append([tenant], after: 4, type: "ListingCreated")
            try await eventually { received.positions == [1, 2, 5] }
            task.cancel()
        }
    }

    @Test func `the doorbell is heard between two polls`() async throws {
        try await FeedHarness.with(poll: .seconds(3600), doorbell: true) { harness in
            let tenant = TenantID(.version7())
            let received = Received()
            let task = try harness.follow(tenant, received)
            for position in 0..<5 as Range<Int64> {
                try await harness.append([tenant], after: position)
                // A ring before the LISTEN is lost; what is listened to looks first.
                try await harness.administrator.simple("NOTIFY \(FeedTail.channel)")
                try await eventually { received.positions.count == position + 1 }
            }
            task.cancel()
        }
    }

    @Test func `a follower survives the death of every backend`() async throws {
        try await FeedHarness.with { harness in
            let tenant = TenantID(.version7())
            let received = Received()
            let task = try harness.follow(tenant, received)
            for position in 0..<20 as Range<Int64> {
                try await harness.append([tenant], after: position)
                try await harness.administrator.simple(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND usename = 'closter_query'
                    """)
            }
            try await eventually { received.positions.count >= 20 }
            #expect(received.positions == Array(1...20))
            task.cancel()
        }
    }

    @Test func `a silent stream has heartbeats, and an end`() async throws {
        var limits = Feed.Limits()
        limits.heartbeat = .milliseconds(20)
        limits.tick = .milliseconds(5)
        try await FeedHarness.with(limits) { harness in
            let received = Received()
            let task = try harness.follow(TenantID(.version7()), received)
            try await eventually { received.heartbeats > 2 }
            harness.feed.tick(.now + limits.life)
            try await task.value
            try await eventually { harness.feed.followers == 0 }
        }
    }

    @Test func `its end reaches a follower that does not read`() async throws {
        try await FeedHarness.with { harness in
            let task = try harness.follow(TenantID(.version7()), Received()) {
                try await Task.sleep(for: .seconds(3600))
            }
            harness.feed.tick(.now + harness.feed.limits.life)
            await #expect(throws: CancellationError.self) { try await task.value }
            try await eventually { harness.feed.followers == 0 }
        }
    }

    @Test func `there is a limit to followers, and room again when one has left`() async throws {
        var limits = Feed.Limits()
        limits.followers = 1
        let feed = Feed(limits)
        let tenant = TenantID(UUID())
        do {
            let seat = try feed.join(tenant, filter: .init())
            #expect(throws: (any Error).self) { try feed.join(tenant, filter: .init()) }
            #expect(feed.counts.refused.load(ordering: .relaxed) == 1)
            withExtendedLifetime(seat) {}
        }
        #expect(feed.followers == 0)
        _ = try feed.join(tenant, filter: .init())
    }

    @Test func `large events are read a few at a time, and all come`() async throws {
        try await FeedHarness.with { harness in
            let tenant = TenantID(.version7())
            try await harness.append(Array(repeating: tenant, count: 5), after: 0)
            try await harness.administrator.simple(
                """
                ALTER TABLE main.events DISABLE TRIGGER USER;
                UPDATE main.events SET data = jsonb_build_object(
                    'noise', (SELECT string_agg(md5(position::text || n), '') FROM generate_series(1, 40000) n))
                """)
            let few = try await harness.administrator.query("SELECT count(*) FROM main.feed(0, 500)")
            #expect(try (1...4).contains(few[0].decode(0, as: Int.self)))
            let received = Received()
            let task = try harness.follow(tenant, after: 0, received)
            try await eventually { received.positions == [1, 2, 3, 4, 5] }
            task.cancel()
        }
    }

    @Test func `nobody reads the log when nobody follows`() async throws {
        try await FeedHarness.with { harness in
            let tenant = TenantID(.version7())
            let received = Received()
            let task = try harness.follow(tenant, received)
            try await harness.append([tenant], after: 0)
            try await eventually { received.positions == [1] }
            task.cancel()
            try await eventually { harness.feed.end == nil }
            // and the next follower finds what came meanwhile
            try await harness.append([tenant], after: 1)
            let next = Received()
            let again = try harness.follow(tenant, after: 1, next)
            try await eventually { next.positions == [2] }
            again.cancel()
        }
    }

    @Test func `a log that was restored ends every stream`() async throws {
        try await FeedHarness.with { harness in
            let received = Received()
            let tenant = TenantID(.version7())
            let task = try harness.follow(tenant, received)
            try await harness.append([tenant], after: 0)
            try await eventually { received.positions == [1] }
            try await harness.administrator.simple("UPDATE closter.shards SET epoch = epoch + 1")
            try await task.value
        }
    }

    @Test func `no more take a turn at once than there are, and one that is cancelled takes none`() async throws {
        let turns = Turns(2)
        let gauge = Gauge()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                let task = Task {
                    try await turns.take {
                        await gauge.enter()
                        await Task.yield()
                        await gauge.leave()
                    }
                }
                if number.isMultiple(of: 7) { task.cancel() }
                group.addTask { _ = await task.result }
            }
        }
        #expect(await gauge.most == 2)
        #expect(try await turns.take { true })
    }

    private actor Gauge {
        var inside = 0
        var most = 0

        func enter() {
            inside += 1
            most = max(most, inside)
        }

        func leave() { inside -= 1 }
    }
}
