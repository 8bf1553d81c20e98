import Documents
import EventSourcing
import Events
import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@testable import Projector

/// Rows of streams that tell all of their records, by the example of locations.
@Suite struct RecordProjectionTests {
    private typealias Locations = RecordProjection<LocationRecord>

    private static func opened(_ code: String) -> LocationEvent {
        .opened(LocationOpened(values: ["code": .string(code), "name": "Place", "kind": "store"]))
    }

    private static func named(_ name: String) -> LocationEvent {
        .changed(LocationChanged(changes: ["name": .string(name)]))
    }

    /// Locations of two tenants, among items whose events are none of theirs.
    private static func story(_ count: Int = 40) -> Story {
        var story = Story()
        for number in 1...count {
            let id = UUID(bits: UInt128(number))
            let tenant = TenantID(UUID(bits: UInt128(number % 2 + 1)))
            story.location(id, opened("C-\(number)"), tenant: tenant)
            story.item(id, .received("Coat"), tenant: tenant)
            if number % 3 == 0 { story.location(id, named("Place \(number)"), tenant: tenant) }
            if number % 5 == 0 { story.location(id, .closed(LocationClosed(reason: "moved")), tenant: tenant) }
        }
        return story
    }

    private static func with(
        _ story: Story, _ body: (Harness, RunningEngine) async throws -> Void
    ) async throws {
        try await Harness.with { harness in
            try await harness.append(story.entries)
            try await harness.running(Harness.settings, ProjectorEngine.all) { engine in
                try await eventually { try await harness.checkpoint("locations") == story.head }
                try await body(harness, engine)
            }
        }
    }

    @Test func `a row for each stream, as its events say`() async throws {
        try await Self.with(Self.story()) { harness, _ in
            let rows = try await harness.administrator.query(
                "SELECT status, version, kind, document::json ->> 'name' FROM main.locations_g1 ORDER BY id")
            #expect(rows.count == 40)
            #expect(rows[14][0] == "closed")
            #expect(try rows[14].decode(1, as: Int64.self) == 3)
            #expect(rows[14][2] == "store")
            #expect(rows[14][3] == "Place 15")
            #expect(rows[0][0] == "open")
            #expect(rows[0][3] == "Place")
        }
    }

    @Test func `a rebuild gives the same rows, and a proof finds what has drifted`() async throws {
        try await Self.with(Self.story()) { harness, _ in
            try await harness.request("locations")
            let seen = try await harness.rebuilt("locations")
            #expect(seen.counts == RebuildCounts(compared: 40))

            let connection = try await harness.database.connect(as: "closter_operator")
            func differences() async throws -> [RowDifference] {
                try await connection.transaction(isolation: .repeatableRead, readOnly: true) { connection in
                    var proof = try await ProjectionProof("locations", .all, on: connection)
                    #expect(proof.groupPrefix == "location")
                    var differences: [RowDifference] = []
                    var groups = 0
                    while let page = try await proof.next(on: connection) {
                        differences += page.differences
                        groups += page.groups
                    }
                    #expect(groups == 40)
                    return differences
                }
            }
            #expect(try await differences().isEmpty)
            _ = try await harness.administrator.query(
                "UPDATE main.locations_g2 SET kind = 'moon' WHERE id = \(UUID(bits: 7))")
            _ = try await harness.administrator.query("DELETE FROM main.locations_g2 WHERE id = \(UUID(bits: 8))")
            let found = try await differences().sorted { $0.row.bits < $1.row.bits }
            #expect(found.map(\.row) == [UUID(bits: 7), UUID(bits: 8)])
            #expect(found.map(\.kind) == [.different, .missing])
            #expect(found.first?.columns == ["kind"])
            await connection.close()
        }
    }

    @Test func `an event that cannot be read is parked with what follows of its stream, and of no other`() async throws
    {
        var story = Self.story(4)
        let place = UUID(bits: 1)
        let tenant = TenantID(UUID(bits: 2))
        story.broken("location", place, "LocationOpened", of: nil, tenant: tenant)
        story.location(place, Self.named("Later"), tenant: tenant)
        story.location(UUID(bits: 2), Self.named("Other"), tenant: TenantID(UUID(bits: 1)))
        try await Self.with(story) { harness, _ in
            let parked = try await harness.administrator.query(
                "SELECT projection, group_id, position FROM main.parked ORDER BY position")
            #expect(parked.count == 2)
            #expect(parked.allSatisfy { $0[0] == "locations" })
            #expect(try parked[0].decode(1, as: UUID.self) == place)
            let rows = try await harness.administrator.query(
                "SELECT document::json ->> 'name' FROM main.locations_g1 WHERE id = ANY (\([place, UUID(bits: 2)])) ORDER BY id"
            )
            #expect(rows.map { $0[0] } == ["Place", "Other"])
            try await eventually { try await harness.reached(story.head) }
        }
    }
}
