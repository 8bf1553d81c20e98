import EventSourcing
import Events
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Projector

@Suite struct LogEventTests {
    let coat = UUID(bits: 10)

    private func payload(_ category: String, _ type: String, schema: Int = 1, _ json: String) -> LogEvent.Payload {
        LogEvent.Payload(stream: StreamID(category: category, id: coat), type: type, schema: schema) {
            Array(json.utf8)
        }
    }

    @Test func `what a projection reads is decoded`() {
        #expect(
            payload("item", "ProductDeleted", #"{"reason":"lost"}"#)
                == .item(.deleted(ProductDeleted(reason: "lost"))))
    }

    @Test(arguments: [
        ("tenant", "TenantCreated"), ("import", "ImportStarted"), ("moon", "Rose"), ("item", "ItemPolished"),
    ])
    func `other categories and unknown types are not even looked at`(category: String, type: String) {
        #expect(payload(category, type, "no JSON") == .unread)
    }

    @Test(arguments: [(1, "{}"), (1, "no JSON"), (1, "[]"), (2, #"{"reason":"lost"}"#)])
    func `a known type in an unknown shape is unreadable, and its values stay out of the reason`(
        schema: Int, json: String
    ) {
        guard case .unreadable(coat, let reason) = payload("item", "ProductDeleted", schema: schema, json) else {
            Issue.record("readable")
            return
        }
        #expect(reason.contains("ProductDeleted v\(schema)"))
        #expect(!reason.contains("lost"))
    }

    @Test(arguments: [
        (#"{"item_id":"item_0000000000000000000000000a"}"#, true), ("{}", false), ("no JSON", false), ("[]", false),
        (#"{"item_id":"listing_0000000000000000000000000a"}"#, false), (#"{"item_id":10}"#, false),
    ])
    func `an unreadable listing's event tells its item as far as it can`(json: String, isKnown: Bool) {
        guard case .unreadable(let group, _) = payload("listing", "ListingCreated", json) else {
            Issue.record("readable")
            return
        }
        #expect(group == (isKnown ? coat : nil))
    }

    @Test func `reading is bounded by count and by bytes, and one event always comes`() async throws {
        try await Harness.with { harness in
            let story = Story.random(events: 50, seed: 21)
            try await harness.append(story.entries)
            let database = harness.database
            let reader = LogReader(shard: .main) { () async throws(PostgresError) in
                do { return try await database.connect(as: "closter_projector") } catch {
                    throw error as? PostgresError ?? PostgresError(.connectionFailed, "\(error)")
                }
            }
            #expect(try await reader.read(after: 0, .init(events: 7, bytes: 1 << 20)).last == 7)
            #expect(try await reader.read(after: 7, .init(events: 7, bytes: 1)).last == 8)
            let limit = LogReader.Limit(events: 50, bytes: 1000)
            let few = try await reader.read(after: 0, limit)
            #expect((2..<49).contains(few.events.count))
            #expect(limit.mayHaveCut(few))
            #expect(try await reader.read(after: 50, .init(events: 7, bytes: 1 << 20)).isEmpty)
            let large = LogReader.Limit(events: 100, bytes: 1 << 20)
            let all = try await reader.read(after: 0, large)
            #expect(!large.mayHaveCut(all))
            #expect(all.events.map(\.payload) == story.events.map(\.payload))
            #expect(all.events.map(\.requestedAt) == story.events.map(\.requestedAt))
            #expect(all.events.map(\.version) == story.events.map(\.version))
            await reader.close()
        }
    }
}
