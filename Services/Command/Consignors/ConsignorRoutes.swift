import Documents
import Edge
import EventSourcing
import Foundation
import Hummingbird
import Identity
import JSON
import Logging
import PersonalData

/// `POST /v1/consignors`, `PATCH /v1/consignors/{id}`, `POST /v1/consignors/{id}/terms`, `…/merge`, `…/erase`
///
/// What is personal in a request is sealed before it goes anywhere: into events, states and answers.
struct ConsignorRoutes: Routes {
    let api: CommandAPI
    let vault: ConsignorVault

    func add(to router: EdgeRouter) {
        router.post("/v1/consignors", use: register)
        router.patch("/v1/consignors/:id", use: update)
        router.post("/v1/consignors/:id/terms", use: agree)
        router.post("/v1/consignors/:id/merge", use: merge)
        router.post("/v1/consignors/:id/erase", use: erase)
    }

    @Sendable private func register(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.consignorsWrite)
        let body = try await request.jsonObject()
        let details = try fields(body, ConsignorDetails.init(new:))
        let stamp = Stamp(id: .version7(), at: context.receivedAt)
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, shape: { _ in .creation }
        ) { decision in
            let consignor = decision.begin(Consignor.self, stamp.id)
            // The keys are there before the event is: should it never come, nothing was sealed with them.
            let intent = Consignor.Register(
                number: details.open["number"]?.stringValue,
                storeCredit: details.open["store_credit"]?.boolValue ?? false,
                retainUntil: details.open["retain_until"]?.stringValue,
                contact: try await vault.seal(details.contact, .contact, of: stamp.id, tenant.id),
                tax: try await vault.seal(details.tax, .tax, of: stamp.id, tenant.id))
            decision.append(
                try Consignor.register(intent, in: tenant.record.currency, stamp, consignor.state), to: consignor)
        }
    }

    @Sendable private func update(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.consignorsWrite)
        let stamp = Stamp(id: try context.id("id", prefix: Consignor.prefix), at: context.receivedAt)
        let body = try await request.jsonObject()
        let details = try fields(body, ConsignorDetails.init(changes:))
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, on: StreamID(Consignor.self, stamp.id)
        ) { decision in
            let consignor = try await decision.load(Consignor.self, stamp.id)
            let known = try await vault.known(of: try Consignor.active(consignor.state), tenant.id)
            let intent = Consignor.Update(
                changes: details.open,
                contact: try await vault.seal(details.contact, .contact, of: stamp.id, tenant.id),
                tax: try await vault.seal(details.tax, .tax, of: stamp.id, tenant.id))
            decision.append(
                try Consignor.update(intent, known, in: tenant.record.currency, stamp, consignor.state), to: consignor)
        }
    }

    @Sendable private func agree(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.consignorsWrite)
        let stamp = Stamp(id: try context.id("id", prefix: Consignor.prefix), at: context.receivedAt)
        let body = try await request.jsonObject()
        let intent = try fields(body, Consignor.Agree.init(fields:))
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, on: StreamID(Consignor.self, stamp.id)
        ) { decision in
            let consignor = try await decision.load(Consignor.self, stamp.id)
            decision.append(try Consignor.agree(intent, stamp, consignor.state), to: consignor)
        }
    }

    @Sendable private func merge(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.consignorsWrite)
        let stamp = Stamp(id: try context.id("id", prefix: Consignor.prefix), at: context.receivedAt)
        let body = try await request.jsonObject()
        let into = try fields(body, Consignor.survivor(fields:))
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, on: StreamID(Consignor.self, stamp.id)
        ) { decision in
            let consignor = try await decision.load(Consignor.self, stamp.id)
            _ = try Consignor.existing(consignor.state)
            guard into != stamp.id else { throw Consignor.Refused.intoItself }
            let survivor = try await decision.load(Consignor.self, into)
            let events = try Consignor.merge(consignor.state, into: into, survivor.state, stamp)
            decision.append(events.merged, to: consignor)
            decision.append(events.survivor, to: survivor)
        }
    }

    @Sendable private func erase(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.consignorsErase)
        let stamp = Stamp(id: try context.id("id", prefix: Consignor.prefix), at: context.receivedAt)
        let body = try await request.jsonObject()
        let intent = try fields(body, Consignor.Erase.init(fields:))
        guard let days = CalendarDays(timeZone: tenant.record.timeZone) else {
            throw Problem(.internalError, "the tenant's time zone is not known")
        }
        var persons = [stamp.id]
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, on: StreamID(Consignor.self, stamp.id),
            shape: { _ in
                await shred(persons, tenant.id, context)
                return .change
            }
        ) { decision in
            let consignor = try await decision.load(Consignor.self, stamp.id)
            persons = [stamp.id] + (try Consignor.existing(consignor.state).absorbed)
            var ties = Consignor.Ties()
            for person in persons {
                let custody = try await decision.holders(kind: ClaimKind.custody, prefix: person.claimed + "/")
                let contracts = try await decision.holders(
                    kind: ClaimKind.consignorContract, prefix: Contract.claimPrefix(of: person))
                ties.inCustody += custody.count
                ties.contracts += contracts.count
            }
            let events = try Consignor.erase(intent, ties, days, stamp, consignor.state)
            decision.append(events, to: consignor)
            guard !events.isEmpty else { return }
            for person in persons.dropFirst() {
                let merged = try await decision.load(Consignor.self, person)
                decision.append(Consignor.eraseMerged(intent, days, stamp, merged.state), to: merged)
            }
        }
    }

    /// What was decided is durable. A key that cannot be deleted now is deleted by housekeeping, which derives from the
    /// states what has to go.
    private func shred(_ persons: [UUID], _ tenant: TenantID, _ context: EdgeContext) async {
        do {
            try await vault.shred(persons, tenant)
        } catch {
            context.logger.warning("shredding is left to housekeeping", metadata: ["error": "\(error)"])
        }
    }
}
