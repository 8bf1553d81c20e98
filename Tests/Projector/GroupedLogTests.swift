import EventSourcing
import Events
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Projector

/// The log by groups, against a real database.
struct GroupedLogTests {
    @Test func `it gives what reading by position and grouping gives, whole and in stretches`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 4000, tenants: 4, seed: 11)
            try await harness.append(story.entries)
            let expected = grouped(story, through: 3900)
            #expect(expected.count > 500)
            #expect(try await harness.grouped(.all, through: 3900).isSame(as: expected))

            let splits = try await GroupedLog.splits(
                5, of: .items, shard: .main, connection: harness.administrator, through: 3900)
            #expect(splits.count == 4)
            var together: [Grouped] = []
            for (after, through) in zip([nil] + splits, splits + [nil]) {
                let stretch = try await harness.grouped(KeyRange(afterAll: after, through: through), through: 3900)
                #expect((200...2000).contains(stretch.reduce(0) { $0 + $1.events.count }))
                together += stretch
            }
            #expect(together.isSame(as: expected))
        }
    }

    @Test func `it goes on after any group, between the tenants of one identifier too`() async throws {
        try await Harness.with { harness in
            var story = Story()
            for tenant in 1...3 {
                for id in 1...3 {
                    let (item, tenant) = (UUID(bits: UInt128(id)), TenantID(UUID(bits: UInt128(tenant))))
                    story.item(item, .received("Coat"), tenant: tenant)
                    story.listing(UUID(bits: UInt128(id + 10)), .created(item), tenant: tenant)
                }
            }
            try await harness.append(story.entries)
            let expected = grouped(story, through: story.head)
            #expect(expected.count == 9)
            for (index, group) in expected.enumerated() {
                let rest = try await harness.grouped(KeyRange(after: group.key), through: story.head)
                #expect(rest.isSame(as: Array(expected[(index + 1)...])))
            }
        }
    }

    @Test func `an event that names no item is refused, unless it is skipped, and one that nobody reads is not`()
        async throws
    {
        try await Harness.with { harness in
            var story = Story()
            let coat = UUID(bits: 10)
            story.item(coat, .received("Coat"))
            story.broken("listing", UUID(bits: 20), "ListingPaused")
            story.other("listing", "ListingPolished")
            story.item(coat, .deleted)
            try await harness.append(story.entries)
            let failure = await #expect(throws: FoldFailure.self) { try await harness.grouped(.all, through: 4) }
            #expect(failure?.position == 2)
            // The first stretch has it, no other.
            let later = try await harness.grouped(KeyRange(afterAll: UUID(bits: 1), through: nil), through: 4)
            #expect(later.map { $0.events.map(\.position) } == [[1, 4]])
            await #expect(throws: FoldFailure.self) {
                try await harness.grouped(KeyRange(afterAll: nil, through: UUID(bits: 1)), through: 4)
            }
            let groups = try await harness.grouped(.all, through: 4, skipping: [2])
            #expect(groups.map { $0.events.map(\.position) } == [[1, 4]])
        }
    }

    @Test func `an empty log has no groups and no stretches`() async throws {
        try await Harness.with { harness in
            let groups = try await harness.grouped(.all, through: 0)
            #expect(groups.isEmpty)
            let splits = try await GroupedLog.splits(
                4, of: .items, shard: .main, connection: harness.administrator, through: 0)
            #expect(splits.isEmpty)
        }
    }

    private func grouped(_ story: Story, through position: Int64) -> [Grouped] {
        var groups: [GroupKey: [LogEvent]] = [:]
        for event in story.events.prefix(Int(position)) {
            let id: UUID
            switch event.payload {
            case .item: id = event.stream.id
            case .listing(let listing): id = listing.itemID
            case .record, .unread, .unreadable: continue
            }
            groups[GroupKey(tenant: event.tenant, id: id), default: []].append(event)
        }
        return groups.sorted { $0.key < $1.key }.map { Grouped(key: $0.key, events: $0.value) }
    }
}

private struct Grouped {
    var key: GroupKey
    var events: [LogEvent]
}

extension [Grouped] {
    fileprivate func isSame(as other: [Grouped]) -> Bool {
        map(\.key) == other.map(\.key)
            && zip(self, other).allSatisfy { mine, others in
                mine.events.map(\.position) == others.events.map(\.position)
                    && zip(mine.events, others.events).allSatisfy { $0.payload == $1.payload && $0.stream == $1.stream }
            }
    }
}

extension Harness {
    fileprivate func grouped(
        _ range: KeyRange, through position: Int64, skipping skipped: Set<Int64> = []
    ) async throws -> [Grouped] {
        let connection = try await database.connect(as: "closter_projector")
        var log = GroupedLog(
            .items, shard: .main, connection: connection, range: range, through: position, skipping: skipped)
        var groups: [Grouped] = []
        do {
            while let (key, events) = try await log.next() { groups.append(Grouped(key: key, events: events)) }
        } catch {
            await log.close()
            await connection.close()
            throw error
        }
        await log.close()
        await connection.close()
        return groups
    }
}
