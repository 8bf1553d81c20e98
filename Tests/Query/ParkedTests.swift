import EventSourcing
import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@testable import Query

@Suite struct ParkedTests {
    private struct Shelf {
        let projector: PostgresConnection

        func park(
            _ position: Int64, in projection: String = "items", generation: Int32 = 1, of tenant: TenantID,
            group: UUID, reason: String? = nil
        ) async throws {
            _ = try await projector.query(
                """
                INSERT INTO main.parked (projection, generation, position, tenant_id, group_id, category, stream_id,
                    version, type, correlation_id, reason, attempts)
                VALUES (\(projection), \(generation), \(position), \(tenant.uuid), \(group), 'item', \(group), 3,
                    'ProductUpdated', gen_random_uuid(), \(reason), \(Int32(reason == nil ? 0 : 6)))
                """)
        }

        func skip(_ position: Int64, of tenant: TenantID, group: UUID) async throws {
            _ = try await projector.query(
                """
                INSERT INTO main.skipped (projection, position, tenant_id, group_id, category, stream_id, type, reason,
                    skipped_by)
                VALUES ('items', \(position), \(tenant.uuid), \(group), 'item', \(group), 'ProductUpdated', 'unreadable',
                    'ada')
                """)
        }
    }

    private func with(_ body: (QueryApp, Shelf) async throws -> Void) async throws {
        try await QueryApp.with { app in
            let projector = try await app.database.connect(as: "closter_projector")
            try await body(app, Shelf(projector: projector))
            await projector.close()
        }
    }

    private func positions(_ answer: QueryApp.Answer) -> [Int64] {
        answer.data.compactMap { $0["position"]?.integerValue }
    }

    @Test func `a parked event is told with its reason and how many wait behind it`() async throws {
        try await with { app, shelf in
            let shop = try await app.shop()
            let other = try await app.shop("other")
            let (coat, hat) = (UUID.version7(), UUID.version7())
            try await shelf.park(5, of: shop.id, group: coat, reason: "the price is no number")
            for position in [7, 9, 12] as [Int64] { try await shelf.park(position, of: shop.id, group: coat) }
            try await shelf.park(8, of: shop.id, group: hat, reason: "no such field")
            try await shelf.park(6, of: other.id, group: .version7(), reason: "theirs")
            let answer = try await app.get("/v1/parked", of: shop)
            #expect(answer.status == 200)
            #expect(answer["cache-control"] == "private, no-store")
            #expect(positions(answer) == [5, 8])
            let first = try #require(answer.data.first)
            #expect(first["projection"] == "items")
            #expect(first["type"] == "ProductUpdated")
            #expect(first["stream_id"]?.stringValue == coat.id("item"))
            #expect(first["version"] == 3)
            #expect(first["reason"] == "the price is no number")
            #expect(first["attempts"] == 6)
            #expect(first["parked_at"]?.stringValue.flatMap(Timestamp.init(rfc3339:)) != nil)
            #expect(first["tried_at"] == .null)
            #expect(first["waiting"] == 3)
            #expect(answer.data.last?["waiting"] == 0)
            let names = Set(first.objectValue?.members.map(\.key) ?? [])
            #expect(names == Set(Schemas.parkedMembers.members.map(\.key)))
            #expect(try await positions(app.get("/v1/parked", of: other)) == [6])
            #expect(try await app.get("/v1/parked", as: .storefront, of: shop).status == 403)
            #expect(try await app.get("/v1/parked", as: .backEnd, of: shop).status == 403)
        }
    }

    @Test func `only what live generations could not apply is told`() async throws {
        try await with { app, shelf in
            let shop = try await app.shop()
            try await app.administrator.simple("SELECT main.create_generation('items', 2)")
            try await shelf.park(1, generation: 2, of: shop.id, group: .version7(), reason: "not live")
            #expect(try await app.get("/v1/parked", of: shop).data.isEmpty)
        }
    }

    @Test func `pages hold every event once, also where two projections have parked the same`() async throws {
        try await with { app, shelf in
            let shop = try await app.shop()
            for position in 1...3 as ClosedRange<Int64> {
                for projection in ["items", "listings"] {
                    try await shelf.park(position, in: projection, of: shop.id, group: .version7(), reason: "no")
                }
            }
            for limit in 1...4 {
                var told: [String] = []
                var next: String?
                repeat {
                    let answer = try await app.get(
                        "/v1/parked?limit=\(limit)" + (next.map { "&cursor=\($0)" } ?? ""), of: shop)
                    try #require(answer.status == 200)
                    told += answer.data.map { "\($0["position"] ?? .null) \($0["projection"]?.stringValue ?? "")" }
                    next = answer.next
                } while next != nil && told.count < 10
                #expect(told.count == 6)
                #expect(Set(told).count == 6)
            }
            let cursor = try #require(try await app.get("/v1/parked?limit=1", of: shop).next)
            #expect(try await app.get("/v1/parked?state=skipped&cursor=\(cursor)", of: shop).code == "invalid_cursor")
        }
    }

    @Test func `what was skipped is told with who decided so`() async throws {
        try await with { app, shelf in
            let shop = try await app.shop()
            let other = try await app.shop("other")
            try await shelf.skip(4, of: shop.id, group: .version7())
            try await shelf.skip(5, of: other.id, group: .version7())
            let answer = try await app.get("/v1/parked?state=skipped", of: shop)
            #expect(positions(answer) == [4])
            #expect(answer.data.first?["skipped_by"] == "ada")
            let names = Set(answer.data.first?.objectValue?.members.map(\.key) ?? [])
            #expect(names == Set(Schemas.skippedMembers.members.map(\.key)))
            #expect(try await app.get("/v1/parked?state=lost", of: shop).pointers == ["/state"])
        }
    }
}
