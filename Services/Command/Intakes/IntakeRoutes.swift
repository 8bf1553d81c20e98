import Documents
import Edge
import EventSourcing
import EventStore
import Events
import Foundation
import Hummingbird
import Identity
import JSON
import Postgres

/// `POST /v1/intakes` and what is done with one: entering, submitting, receiving.
struct IntakeRoutes: Routes {
    let api: CommandAPI
    let pool: PostgresPool
    let skus: SKUSupply
    let photos: PhotoRecords

    func add(to router: EdgeRouter) {
        router.post("/v1/intakes", use: open)
        router.post("/v1/intakes/:id/items", use: addItems)
        router.patch("/v1/intakes/:id/items/:item_id", use: changeItem)
        router.delete("/v1/intakes/:id/items/:item_id", use: removeItem)
        router.post("/v1/intakes/:id/submit") { request, context in
            try await change(request, context, IntakeFields.nothing) { _, _, stamp, state throws(Intake.Refused) in
                try Intake.submit(stamp, state)
            }
        }
        router.post("/v1/intakes/:id/cancel") { request, context in
            try await change(request, context, Field.reason(fields:)) {
                reason, _, stamp, state throws(Intake.Refused) in
                try Intake.cancel(reason: reason, stamp, state)
            }
        }
        router.post("/v1/intakes/:id/receive", use: receive)
        router.post("/v1/intakes/:id/items/:item_id/authentication", use: authenticated)
        router.post("/v1/intakes/:id/items/:item_id/settle", use: settle)
    }

    @Sendable private func open(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.intakesWrite)
        let body = try await request.jsonObject()
        let intent = try fields(body, Intake.Open.init(fields:))
        let stamp = Stamp(id: .version7(), at: context.receivedAt)
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, shape: { _ in .creation }
        ) { decision in
            let intake = decision.begin(Intake.self, stamp.id)
            try await decision.requireLocation(intent.locationID, "/location_id")
            if let consignor = intent.consignorID { try await decision.requireConsignor(consignor, "/consignor_id") }
            decision.append(try Intake.open(intent, stamp, intake.state), to: intake)
        }
    }

    /// One thing, or up to a hundred: whole or not at all. The answer names them in the order of the request.
    @Sendable private func addItems(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let ids = (0..<Intake.batchLimit).map { _ in UUID.version7() }
        return try await change(
            request, context, { body throws(InvalidFields) in try IntakeFields.entries(body, ids: ids) },
            shape: { try await entered($0, $1) }
        ) { entries, terms, stamp, state throws(Intake.Refused) in
            try Intake.add(entries, terms, stamp, state)
        }
    }

    @Sendable private func changeItem(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let item = try context.id("item_id", prefix: Item.prefix)
        return try await change(
            request, context, { body throws(InvalidFields) in try Intake.Change(of: item, fields: body) }
        ) { intent, terms, stamp, state throws(Intake.Refused) in
            try Intake.change(intent, terms, stamp, state)
        }
    }

    @Sendable private func removeItem(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let item = try context.id("item_id", prefix: Item.prefix)
        return try await change(request, context, IntakeFields.nothing) {
            _, _, stamp, state throws(Intake.Refused) in
            try Intake.remove(item, stamp, state)
        }
    }

    @Sendable private func authenticated(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let item = try context.id("item_id", prefix: Item.prefix)
        return try await change(
            request, context,
            { body throws(InvalidFields) in try IntakeFields.authentication(of: item, body) }
        ) { intent, terms, stamp, state throws(Intake.Refused) in
            try Intake.authenticated(intent, terms, stamp, state)
        }
    }

    @Sendable private func settle(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let item = try context.id("item_id", prefix: Item.prefix)
        return try await change(request, context, IntakeFields.nothing) {
            _, _, stamp, state throws(Intake.Refused) in
            try Intake.settle(item, stamp, state)
        }
    }

    /// What is accepted becomes items in the same append, each with a SKU: its own, or the next of the pattern.
    @Sendable private func receive(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.intakesWrite)
        let stamp = Stamp(id: try context.id("id", prefix: Intake.prefix), at: context.receivedAt)
        let body = try await request.jsonObject()
        let verdicts = try fields(body, IntakeFields.verdicts)
        var given = GivenSKUs()
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, on: StreamID(Intake.self, stamp.id),
            shape: { try await accepted(tenant.id, $0) }, again: { given.passOver($0) }
        ) { decision in
            let intake = try await decision.load(Intake.self, stamp.id)
            try await given.give(
                Intake.needingSKU(verdicts, intake.state), by: skus, tenant, at: stamp.at,
                except: Set(intake.state?.lines.compactMap(\.sku) ?? []))
            let received = try Intake.receive(verdicts, skus: { given[$0] }, stamp, intake.state)
            for (index, verdict) in verdicts.enumerated() {
                guard case .accepted(let location?) = verdict.outcome else { continue }
                try await decision.requireLocation(location, "/items/\(index)/location_id")
            }
            decision.append(received.events, to: intake)
            for (id, intent) in received.items {
                let item = decision.begin(Item.self, id)
                decision.append(try Item.receive(intent, Stamp(id: id, at: stamp.at), item.state), to: item)
            }
        }
    }

    private func change<Intent>(
        _ request: Request, _ context: EdgeContext, _ read: (JSONObject) throws(InvalidFields) -> Intent,
        shape: (TenantID, Executed) async throws -> CommandAPI.Shape = { _, _ in .change },
        decide: (Intent, Listing.Terms, Stamp, Intake.State) throws(Intake.Refused) -> [Intake.Event]
    ) async throws -> Response {
        let tenant = try context.require(.intakesWrite)
        let stamp = Stamp(id: try context.id("id", prefix: Intake.prefix), at: context.receivedAt)
        let body = try await request.jsonObject(allowEmpty: true)
        let intent = try fields(body, read)
        let terms = try Listing.Terms(tenant)
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, on: StreamID(Intake.self, stamp.id),
            shape: { try await shape(tenant.id, $0) }
        ) { decision in
            let intake = try await decision.load(Intake.self, stamp.id)
            try await photos.require(namedIn: body, of: tenant.id)
            decision.append(try decide(intent, terms, stamp, intake.state), to: intake)
        }
    }

    // MARK: - Answers

    /// The ids that were given to what was entered.
    private func entered(_ tenant: TenantID, _ executed: Executed) async throws -> CommandAPI.Shape {
        var ids: [JSONValue] = []
        for case .itemsAdded(let added) in try await events(tenant, executed) {
            ids += added.entries.map { .string(TypeID(prefix: Item.prefix, uuid: $0.itemID).description) }
        }
        return .init(members: ["items": .array(ids)])
    }

    /// The items that came of it, and their SKUs.
    private func accepted(_ tenant: TenantID, _ executed: Executed) async throws -> CommandAPI.Shape {
        var items: [JSONValue] = []
        for case .itemAccepted(let accepted) in try await events(tenant, executed) {
            items.append([
                "item_id": .string(TypeID(prefix: Item.prefix, uuid: accepted.itemID).description),
                "sku": JSONValue(accepted.sku),
            ])
        }
        return .init(members: ["items": .array(items)])
    }

    /// What an intent appended to its intake, from the log: a request that is repeated gets the same answer.
    private func events(_ tenant: TenantID, _ executed: Executed) async throws -> [IntakeEvent] {
        guard let first = executed.receipt.firstPosition else { return [] }
        let rows = try await pool.query(
            EventReader.range(tenant, from: first, to: executed.receipt.position), tenant: tenant.uuid)
        return try EventReader.decode(rows).filter { $0.stream == executed.receipt.stream }.map { try IntakeEvent($0) }
    }
}
