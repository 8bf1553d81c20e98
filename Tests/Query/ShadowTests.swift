import Documents
import EventSourcing
import Foundation
import JSON
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Query

@Suite struct ShadowTests {
    // MARK: The verdict

    @Test(
        arguments: [
            // What the tables said first, then of each round what the projection and the tables said.
            ("a", [("a", "a")], .match), ("a", [("a", "b")], .match), ("a", [("b", "b")], .match),
            // A moment between the two, or behind them: it has to be asked again.
            ("a", [("b", "c"), ("c", "c")], .match), ("a", [("x", "b"), ("y", "c"), ("z", "d")], nil),
            ("a", [("x", "a")], nil), ("a", [("x", "a"), ("x", "a")], .difference),
            // There and back: the projection was right about the moment between.
            ("a", [("b", "a"), ("a", "a")], .match), ("a", [("x", "a"), ("y", "a"), ("y", "a")], .difference),
            ("a", [("x", "a"), ("x", "b"), ("x", "b")], nil),
            ("absent", [("a", "absent"), ("a", "absent")], .difference),
        ] as [(String, [(String, String)], ShadowOutcome?)])
    func `a difference is what stays one while the tables stand still`(
        answered: String, rounds: [(String, String)], outcome: ShadowOutcome?
    ) {
        var verdict = ShadowVerdict(tables: answered)
        var last: ShadowOutcome?
        for (projection, tables) in rounds {
            #expect(last == nil)
            last = verdict.judge(projection: projection, tables: tables)
        }
        #expect(last == outcome)
    }

    // MARK: The comparisons

    private func comparison(
        tables: @escaping @Sendable () async throws -> String = { "a" },
        projections: @escaping @Sendable () async throws -> String = { "a" }
    ) -> ShadowComparison {
        ShadowComparison(
            resource: Items.resource, subject: .one(UUID()), tenant: "demo", answered: "a", tables: tables,
            projections: projections)
    }

    @Test func `a projection that does not catch up, or cannot be read, is not comparable`() async throws {
        struct Away: Error {}
        let shadow = Shadow(catchUp: { _ in false }, logger: LogLines().logger)
        let blind = Shadow(catchUp: { _ in true }, logger: LogLines().logger)
        let runs = [Task { await shadow.run() }, Task { await blind.run() }]
        shadow.offer(comparison(projections: { "b" }))
        blind.offer(comparison(projections: { throw Away() }))
        try await eventually { shadow.count(of: .incomparable, .items) == 1 }
        try await eventually { blind.count(of: .incomparable, .items) == 1 }
        #expect(shadow.count(of: .difference, .items) == 0)
        for run in runs { run.cancel() }
    }

    @Test func `what never stands still is given up`() async throws {
        let shadow = Shadow(catchUp: { _ in true }, logger: LogLines().logger)
        let run = Task { await shadow.run() }
        let version = Mutex(0)
        shadow.offer(
            comparison(
                tables: {
                    version.withLock {
                        $0 += 1; return "v\($0)"
                    }
                }, projections: { "old" }))
        try await eventually { shadow.count(of: .incomparable, .items) == 1 }
        #expect(version.withLock { $0 } == Shadow.mostRounds)
        run.cancel()
    }

    @Test func `a few are compared at a time, some wait, and the rest is dropped and counted`() async throws {
        let (gates, gate) = AsyncStream.makeStream(of: Void.self)
        let started = Mutex(0)
        let shadow = Shadow(
            catchUp: { _ in
                started.withLock { $0 += 1 }
                for await _ in gates {}
                return true
            }, logger: LogLines().logger)
        let run = Task { await shadow.run() }
        for _ in 0..<Shadow.mostAtOnce { shadow.offer(comparison()) }
        try await eventually { started.withLock { $0 } == Shadow.mostAtOnce }
        // One more has been taken off the queue, and waits for a place.
        for _ in 0..<(Shadow.mostWaiting + 50) { shadow.offer(comparison()) }
        let dropped = shadow.count(of: .dropped, .items)
        #expect((49...50).contains(dropped))
        #expect(started.withLock { $0 } == Shadow.mostAtOnce)
        gate.finish()
        try await eventually {
            shadow.count(of: .match, .items) == Shadow.mostAtOnce + Shadow.mostWaiting + 50 - dropped
        }
        run.cancel()
    }

    // MARK: The service

    private func count(_ outcome: String, _ resource: String, in app: QueryApp) async throws -> Int {
        let text = try await app.get("/metrics", of: nil).text
        let prefix = "closter_shadow_comparisons_total{outcome=\"\(outcome)\",resource=\"\(resource)\"} "
        let line = text.split(separator: "\n").first { $0.hasPrefix(prefix) }
        return try #require(line.flatMap { Int($0.dropFirst(prefix.count)) }, "\(text)")
    }

    @Test func `a row that is wrong is found, counted and named, and the reader gets what is right`() async throws {
        let lines = LogLines()
        try await QueryApp.with(switches: "default: shadow\n", logger: lines.logger) { app in
            let shop = try await app.shop()
            let item = try await shop.catalogue.item(["title": "Secret coat"])
            let listing = try await shop.catalogue.listing(item)
            try await app.log.checkpoint(.items, from: 0, to: 1)
            try await app.log.checkpoint(.listings, from: 0, to: 1)
            let path = "/v1/listings/\(listing.id.id("listing"))"
            let right = try await app.get(path, of: shop)
            #expect(right["closter-source"] == "tables")
            try await eventually { try await count("match", "listings", in: app) == 1 }

            try await app.administrator.simple(
                "UPDATE main.listings_g1 SET document = replace(document, 'Secret coat', 'Other hat')")
            let answer = try await app.get(path, of: shop)
            #expect(answer.body == right.body)
            try await eventually { try await count("difference", "listings", in: app) == 1 }
            #expect(try await app.get("/v1/listings?brand=x", of: shop).ids.isEmpty)
            #expect(try await app.get("/v1/listings", of: shop).ids.count == 1)
            try await eventually { try await count("difference", "listings", in: app) == 2 }
            try await eventually { try await count("match", "listings", in: app) == 2 }
            #expect(try await app.get("/v1/items/\(item.id.id("item"))", of: shop).status == 200)
            try await eventually { try await count("match", "items", in: app) == 1 }

            let told = lines.all("tables and projection differ")
            #expect(told.count == 2)
            #expect(told.first?.contains(listing.id.id("listing")) == true)
            #expect(told.first?.contains(try #require(right["etag"]?.dropFirst().dropLast())) == true)
            #expect(
                told.allSatisfy { !$0.contains("coat") && !$0.contains("hat") && $0.contains("\"tenant\":\"demo\"") })

            // A thing that one side does not have at all.
            try await app.administrator.simple("DELETE FROM main.items_g1")
            #expect(try await app.get("/v1/items/\(item.id.id("item"))", of: shop).status == 200)
            try await eventually { try await count("difference", "items", in: app) == 1 }
            #expect(try await app.get("/v1/items/\(UUID().id("item"))", of: shop).status == 404)
            try await eventually { try await count("match", "items", in: app) == 2 }
        }
    }

    @Test func `a projection that is only behind is waited for, and does not differ`() async throws {
        try await QueryApp.with(switches: "default: shadow\n") { app in
            let shop = try await app.shop()
            var item = try await shop.catalogue.item(["brand": "Alba"])
            var listing = try await shop.catalogue.listing(item)
            try await app.log.checkpoint(.listings, from: 0, to: 1)
            // Written, and not projected yet: the head is at 2.
            item.apply(["brand": "Bora"])
            listing.pause()
            listing.advance(to: 2, at: noon + .seconds(1))
            try await shop.catalogue.tabulate(item)
            try await shop.catalogue.tabulate(listing)
            try await app.log.append(
                "ListingPaused", StreamID(category: "listing", id: listing.id), version: 2, position: 2, of: shop.id)
            let answer = try await app.get("/v1/listings/\(listing.id.id("listing"))", of: shop)
            #expect(answer.json["status"] == "paused")
            #expect(try await count("match", "listings", in: app) == 0)
            try await shop.catalogue.project(listing, item)
            try await app.log.checkpoint(.listings, from: 1, to: 2)
            try await eventually { try await count("match", "listings", in: app) == 1 }
            #expect(try await count("difference", "listings", in: app) == 0)
            #expect(try await count("incomparable", "listings", in: app) == 0)
        }
    }

    private let noon = Catalogue.noon
}
