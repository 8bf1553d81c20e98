import Documents
import EventSourcing
import EventStore
import Events
import Foundation
import Identity
import JSON
import Logging
import Postgres
import TestSupport

@testable import Command
@testable import Projector

/// A database that command and projector work on, and a tenant whose business can be done: what verify is to find whole.
struct Shop: Sendable {
    let database: TestDatabase
    let administrator: PostgresConnection
    let tenant: TenantID
    private let executor: Executor
    private let engine: ProjectorEngine
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    static let terms = Listing.Terms(
        currency: Currency(code: "PLN")!, days: CalendarDays(timeZone: "Europe/Warsaw")!)

    static func with(_ body: (Shop) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let command = try database.configuration(as: "closter_command")
            let pool = PostgresPool(command, logger: logger)
            let appender = Appender(command, logger: logger)
            let projector = try database.configuration(as: "closter_projector")
            let projectorPool = PostgresPool(projector, logger: logger)
            var settings = ProjectorEngine.Settings()
            settings.poll = .milliseconds(20)
            settings.census = .milliseconds(50)
            settings.standby = .milliseconds(20)
            settings.audit.rate = 0
            let tasks = [
                Task { await pool.run() }, Task { await appender.run() }, Task { await projectorPool.run() },
            ]
            let administrator = try await database.connect()
            let shop = Shop(
                database: database, administrator: administrator, tenant: TenantID(.version7()),
                executor: Executor(appender: appender, reader: StateReader(pool: pool), doorbell: nil, logger: logger),
                engine: ProjectorEngine(
                    settings: settings, database: projector, pool: projectorPool, status: ProjectorStatus(),
                    logger: logger))
            let result: Result<Void, any Error>
            do {
                try await shop.open()
                result = .success(try await body(shop))
            } catch {
                result = .failure(error)
            }
            for task in tasks {
                task.cancel()
                await task.value
            }
            await administrator.close()
            try result.get()
        }
    }

    /// Lets a projector run meanwhile.
    func projecting(_ body: () async throws -> Void) async throws {
        let running = Task { await engine.run() }
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        running.cancel()
        await running.value
        try result.get()
    }

    /// The projections have taken in everything.
    func isProjected() async throws -> Bool {
        let rows = try await administrator.query(
            """
            SELECT count(DISTINCT c.projection) = (SELECT count(*) FROM main.generations WHERE status = 'live')
            FROM main.checkpoints c WHERE c.position = (SELECT max(position) FROM main.events)
            """)
        return try rows[0].decode(0, as: Bool.self)
    }

    // MARK: Business

    private func perform(_ decide: @Sendable (inout Command.Decision, Timestamp) async throws -> Void) async throws {
        let now = Timestamp.now
        let metadata = Metadata(
            actor: "test", commandID: .version7(), correlationID: .version7(), requestedAt: now)
        let context = IntentContext(tenant: tenant, metadata: metadata, key: nil, fingerprint: [], ifMatch: nil)
        _ = try await executor.execute(context) { try await decide(&$0, now) }
    }

    private func open() async throws {
        _ = try await administrator.query(
            "INSERT INTO closter.tenants (tenant_id, slug, shard) VALUES (\(tenant.uuid), 'demo', 'main')")
        let create = TenantAccount.Create(
            slug: "demo", name: "Demo", currency: Self.terms.currency, timeZone: "Europe/Warsaw")
        try await perform { [tenant] decision, now in
            let account = try await decision.load(TenantAccount.self, tenant.uuid)
            let events = try TenantAccount.create(
                create, by: .init(subject: "ann", name: "Ann", permissions: [.all]),
                Stamp(id: tenant.uuid, at: now), account.state)
            decision.append(events, to: account)
        }
        let member = TenantAccount.SetMember(subject: "bob", name: nil, permissions: [.itemsWrite, .listingsWrite])
        try await perform { [tenant] decision, now in
            let account = try await decision.load(TenantAccount.self, tenant.uuid)
            decision.append(
                try TenantAccount.setMember(member, Stamp(id: tenant.uuid, at: now), account.state), to: account)
        }
    }

    @discardableResult
    func receive(_ title: String, sku: String? = nil) async throws -> UUID {
        let id = UUID.version7()
        var values: JSONObject = ["title": .string(title), "condition": "good", "attributes": ["b": 1, "a": [true]]]
        if let sku { values["sku"] = .string(sku) }
        let intent = Item.Receive(values: values)
        try await perform { decision, now in
            let item = decision.begin(Item.self, id)
            decision.append(try Item.receive(intent, Stamp(id: id, at: now), item.state), to: item)
        }
        return id
    }

    func update(_ id: UUID, _ changes: JSONObject) async throws {
        try await perform { decision, now in
            let item = try await decision.load(Item.self, id)
            decision.append(
                try Item.update(Item.Update(changes: changes), Stamp(id: id, at: now), item.state), to: item)
        }
    }

    func delete(_ id: UUID) async throws {
        try await perform { decision, now in
            let item = try await decision.load(Item.self, id)
            decision.append(try Item.delete(.init(reason: "lost"), Stamp(id: id, at: now), item.state), to: item)
        }
    }

    @discardableResult
    func list(_ itemID: UUID, channel: String = "storefront", publish: Bool = true) async throws -> UUID {
        let id = UUID.version7()
        let intent = Listing.Create(
            itemID: itemID, price: Money(amount: 12_000, currency: Self.terms.currency)!, channel: channel)
        try await perform { decision, now in
            let listing = decision.begin(Listing.self, id)
            let item = try await decision.load(Item.self, itemID)
            let stamp = Stamp(id: id, at: now)
            var events = try Listing.create(intent, of: item.state, Self.terms, stamp, listing.state)
            if publish { events += try Listing.publish(stamp, Listing.fold(events, from: listing.state)) }
            decision.append(events, to: listing)
        }
        return id
    }

    func price(_ id: UUID, _ amount: Int64) async throws {
        let intent = Listing.SetPrice(price: Money(amount: amount, currency: Self.terms.currency)!)
        try await perform { decision, now in
            let listing = try await decision.load(Listing.self, id)
            decision.append(
                try Listing.setPrice(intent, Self.terms, Stamp(id: id, at: now), listing.state), to: listing)
        }
    }

    /// Sells one listing, and withdraws another of the item in the same transaction.
    func sell(_ id: UUID, withdrawing other: UUID? = nil) async throws {
        let price = Money(amount: 9_000, currency: Self.terms.currency)!
        try await perform { decision, now in
            let sold = try await decision.load(Listing.self, id)
            let end = Listing.End(reason: .sold, price: price)
            decision.append(try Listing.end(end, Self.terms, Stamp(id: id, at: now), sold.state), to: sold)
            guard let other else { return }
            let open = try await decision.load(Listing.self, other)
            let withdrawal = Listing.End(reason: .withdrawn, price: nil)
            decision.append(
                try Listing.end(withdrawal, Self.terms, Stamp(id: other, at: now), open.state), to: open)
        }
    }

    /// An import that has been done.
    func `import`() async throws {
        let id = UUID.version7()
        let request = Import.Request(
            format: "shopify", currency: Self.terms.currency, publish: true, bytes: 17, sha256: "ab12")
        try await perform { decision, now in
            let file = decision.begin(Import.self, id)
            decision.append(
                try Import.request(request, in: Self.terms.currency, Stamp(id: id, at: now), file.state), to: file)
        }
        try await perform { decision, now in
            let file = try await decision.load(Import.self, id)
            decision.append(try Import.start(Stamp(id: id, at: now), file.state), to: file)
        }
        var counts = ImportRecord.Counts()
        counts.created = 3
        try await perform { [counts] decision, now in
            let file = try await decision.load(Import.self, id)
            decision.append(try Import.complete(counts, Stamp(id: id, at: now), file.state), to: file)
        }
    }

    /// A bit of everything: seven items, five listings, an import; 30 events of 14 streams with the tenant's.
    func trade() async throws -> (items: [UUID], listings: [UUID]) {
        var items: [UUID] = []
        for number in 1...6 { items.append(try await receive("Płaszcz \"nr \(number)\"", sku: "K-\(number)")) }
        items.append(try await receive("Without a number"))
        try await update(items[0], ["title": "Coat", "sku": "K-10"])
        try await update(items[1], ["sku": .null, "size": "M"])
        try await delete(items[2])
        let listings = [
            try await list(items[0]), try await list(items[1], publish: false), try await list(items[3]),
            try await list(items[3], channel: "outlet"), try await list(items[6]),
        ]
        try await price(listings[0], 10_000)
        try await price(listings[0], 11_000)
        try await sell(listings[2], withdrawing: listings[3])
        try await update(items[3], ["title": "Sold"])
        try await `import`()
        return (items, listings)
    }
}
