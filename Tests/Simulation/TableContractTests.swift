import EventSourcing
import Foundation
import Logging
import Postgres
import TestSupport
import Testing

@testable import Projector

/// What the simulation takes for a generation's table and its leader's lock, and the database: one contract for both.
@Suite struct TableContractTests {
    private static let generation = GenerationID(projection: "items", number: 1)

    @Test(arguments: 1...3) func `a checkpoint moves by compare-and-set, here and there`(seed: UInt64) async throws {
        try await TestDatabase.with { database in
            var chance = Chance(seed: seed)
            var stores: [ProjectionStore<ItemsProjection>] = []
            for _ in 0..<2 {
                stores.append(
                    ProjectionStore(
                        shard: .main, generation: Self.generation, table: "items_g1",
                        connection: try await database.connect(as: "closter_projector")))
            }
            var model = TableModel()
            var moved = 0
            for _ in 0..<200 {
                // From where the checkpoint is, or from somewhere near.
                let previous = chance.index(3) == 0 ? Int64(chance.index(40)) : model.checkpoint
                let batch = try Self.batch(after: previous, count: 1 + chance.index(3))
                let parked =
                    chance.index(3) == 0 ? [ParkedEvent(event: batch.events.first!, key: Self.key, reason: "x")] : []
                let expected = model.write([], parked: parked, batch: batch)
                let store = chance.pick(stores)
                #expect(try await store.write([], parked: parked, batch: batch) == expected)
                #expect(try await store.checkpoint() == model.checkpoint)
                #expect(try await store.parking() == model.parking)
                if expected { moved += 1 }
            }
            #expect((50..<200).contains(moved))
            for store in stores { await store.connection.close() }
        }
    }

    @Test(arguments: 1...3) func `one session leads, until it ends, here and there`(seed: UInt64) async throws {
        try await TestDatabase.with { database in
            var chance = Chance(seed: seed)
            let world = World(seed: seed, isTraced: false)
            let server = Server(world, .calm, nil)
            let owner = SimulatedProcess("owner", world, server)
            let lock = Shard.main.leadershipLock(Self.generation)
            func session() async throws -> (Leadership, Server.Session) {
                let connection = try await database.connect(as: "closter_projector")
                let leadership = Leadership(lock: lock, connection: connection, patience: .seconds(3600))
                return (leadership, Server.Session(0, owner, at: 0))
            }
            var sessions = [try await session(), try await session(), try await session()]
            let administrator = try await database.connect()
            for _ in 0..<60 {
                let index = chance.index(sessions.count)
                let (leadership, modelled) = sessions[index]
                if chance.index(4) == 0 {
                    let process = leadership.connection.backendProcess
                    await leadership.connection.close()
                    try await eventually {
                        let rows = try await administrator.query(
                            "SELECT count(*) FROM pg_stat_activity WHERE pid = \(process)")
                        return try rows[0].decode(0, as: Int64.self) == 0
                    }
                    server.close(Server.Connection(modelled))
                    world.run(until: world.now + 1)
                    sessions[index] = try await session()
                } else {
                    #expect(try await leadership.take() == server.takeLead(modelled))
                }
                #expect(try await sessions[index].0.endFrozen() == false)
                #expect(!server.endFrozen(patience: 3_600_000_000))
            }
            for (leadership, _) in sessions { await leadership.connection.close() }
            await administrator.close()
        }
    }

    private static let key = GroupKey(tenant: TenantID(UUID(bits: 1)), id: UUID(bits: 2))

    private static func batch(after previous: Int64, count: Int) throws -> EventBatch {
        let events = (1...Int64(count)).map { offset in
            LogEvent(
                tenant: key.tenant, stream: StreamID(category: "item", id: key.id), version: previous + offset,
                position: previous + offset, type: "Tested", correlationID: UUID(bits: 3), requestedAt: .now,
                recordedAt: .now, payload: .unread)
        }
        return try EventBatch(after: previous, events, tailedAt: .now)
    }
}
