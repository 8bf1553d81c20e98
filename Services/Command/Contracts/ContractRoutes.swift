import Documents
import Edge
import EventSourcing
import Events
import Foundation
import Hummingbird
import Identity
import JSON

/// `POST /v1/contracts`, and `/v1/contracts/{id}/terms` · `/items` · `/sign` · `/activate` · `/amend` · `/extend` ·
/// `/terminate`
struct ContractRoutes: Routes {
    let api: CommandAPI

    func add(to router: EdgeRouter) {
        router.post("/v1/contracts", use: draft)
        router.post("/v1/contracts/:id/terms") { request, context in
            try await change(request, context, ContractFields.newTerms) { intent, terms, stamp, contract, decision in
                decision.append(try Contract.setTerms(intent, terms, stamp, contract.state), to: contract)
            }
        }
        router.post("/v1/contracts/:id/items") { request, context in
            try await change(request, context, ContractFields.newItems) { intent, terms, stamp, contract, decision in
                let items = try await decision.items(intent.map(\.itemID))
                let absorbed = try await decision.absorbed(by: contract.state?.consignorID)
                decision.append(
                    try Contract.addItems(intent, items, absorbed: absorbed, terms, stamp, contract.state),
                    to: contract)
            }
        }
        router.patch("/v1/contracts/:id/items/:item_id") { request, context in
            let item = try context.id("item_id", prefix: Item.prefix)
            return try await change(
                request, context, { body throws(InvalidFields) in try ContractFields.override(of: item, body) }
            ) { intent, terms, stamp, contract, decision in
                let known = try await decision.load(Item.self, item).state
                let events = try Contract.changeItem(intent, of: known, terms, stamp, contract.state)
                try await decision.append(events, to: contract, replanning: [item], terms, at: stamp.at)
            }
        }
        router.delete("/v1/contracts/:id/items/:item_id", use: removeItem)
        router.post("/v1/contracts/:id/sign") { request, context in
            try await change(
                request, context,
                { body throws(InvalidFields) in try ContractFields.signature(body, at: context.receivedAt) }
            ) { intent, _, stamp, contract, decision in
                decision.append(try Contract.sign(intent, stamp, contract.state), to: contract)
            }
        }
        router.post("/v1/contracts/:id/activate", use: activate)
        router.post("/v1/contracts/:id/amend") { request, context in
            try await change(request, context, Contract.Amend.init(fields:)) {
                intent, terms, stamp, contract, decision in
                let events = try Contract.amend(intent, terms, stamp, contract.state)
                try await decision.append(
                    events, to: contract, replanning: contract.state?.itemIDs ?? [], terms, at: stamp.at)
            }
        }
        router.post("/v1/contracts/:id/extend") { request, context in
            try await change(request, context, ContractFields.until) { until, terms, stamp, contract, decision in
                decision.append(try Contract.extend(until: until, terms, stamp, contract.state), to: contract)
            }
        }
        router.post("/v1/contracts/:id/terminate") { request, context in
            try await change(request, context, ContractFields.reason) { reason, terms, stamp, contract, decision in
                let events = try Contract.terminate(reason: reason, stamp, contract.state)
                guard !events.isEmpty, let record = contract.state else { return }
                for item in record.items.map(\.item.itemID) {
                    guard try await decision.load(Item.self, item).state?.allocation != .held else {
                        throw Contract.Refused.itemHeld
                    }
                    try await decision.withdrawListings(of: item, terms, at: stamp.at)
                }
                decision.append(events, to: contract)
            }
        }
    }

    @Sendable private func draft(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.contractsWrite)
        let body = try await request.jsonObject()
        let intent = try fields(body, Contract.Draft.init(fields:))
        let stamp = Stamp(id: .version7(), at: context.receivedAt)
        let terms = try Listing.Terms(tenant)
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, shape: { _ in .creation }
        ) { decision in
            let contract = decision.begin(Contract.self, stamp.id)
            try await decision.requireConsignor(intent.consignorID, "/consignor_id")
            let items = try await decision.items(intent.items.map(\.itemID))
            let absorbed = try await decision.absorbed(by: intent.consignorID)
            decision.append(
                try Contract.draft(intent, items, absorbed: absorbed, terms, stamp, contract.state), to: contract)
        }
    }

    @Sendable private func removeItem(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let item = try context.id("item_id", prefix: Item.prefix)
        return try await change(request, context, Field.reason(fields:)) { reason, _, stamp, contract, decision in
            let known = try await decision.load(Item.self, item).state
            let intent = Contract.RemoveItem(itemID: item, reason: reason)
            decision.append(
                try Contract.removeItem(intent, known, stamp, contract.state), to: contract,
                guards: [.absent(kind: ClaimKind.openListing, prefix: item.claimed + "/")])
        }
    }

    /// What the rules said is kept, in the contract's stream and as a decision of its own.
    @Sendable private func activate(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let made = UUID.version7()
        return try await change(request, context, IntakeFields.nothing) { _, terms, stamp, contract, decision in
            var facts: ContractReadiness.Facts?
            if let record = contract.state, record.stage != .active {
                facts = ContractReadiness.Facts(
                    contract: record, consignor: try await decision.load(Consignor.self, record.consignorID).state,
                    items: try await decision.items(record.items.map(\.item.itemID)), now: stamp.at)
            }
            let events = try Contract.activate(facts, terms, stamp, contract.state)
            decision.append(events, to: contract)
            for case .readinessEvaluated(let evaluation) in events.map(\.event) {
                decision.record(
                    DecisionMade(
                        kind: .readiness, subject: TypeID(prefix: Contract.prefix, uuid: stamp.id),
                        outcome: evaluation.isReady ? "ready" : "not_ready",
                        inputs: ["items": .integer(Int64(facts?.items.count ?? 0))], rules: evaluation.rules),
                    Stamp(id: made, at: stamp.at))
            }
        }
    }

    private func change<Intent: Sendable>(
        _ request: Request, _ context: EdgeContext, _ read: (JSONObject) throws(InvalidFields) -> Intent,
        decide: (Intent, Listing.Terms, Stamp, Snapshot<Contract>, inout Decision) async throws -> Void
    ) async throws -> Response {
        let tenant = try context.require(.contractsWrite)
        let stamp = Stamp(id: try context.id("id", prefix: Contract.prefix), at: context.receivedAt)
        let body = try await request.jsonObject(allowEmpty: true)
        let intent = try fields(body, read)
        let terms = try Listing.Terms(tenant)
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, on: StreamID(Contract.self, stamp.id)
        ) { decision in
            let contract = try await decision.load(Contract.self, stamp.id)
            _ = try Contract.existing(contract.state)
            try await decide(intent, terms, stamp, contract, &decision)
        }
    }
}

extension Decision {
    /// The consignors for whom one goes on.
    mutating func absorbed(by consignor: UUID?) async throws -> [UUID] {
        guard let consignor else { return [] }
        return try await load(Consignor.self, consignor).state?.absorbed ?? []
    }

    /// Those of the items that exist; the intent depends on each.
    mutating func items(_ ids: [UUID]) async throws -> [UUID: ItemRecord] {
        var items: [UUID: ItemRecord] = [:]
        for id in Set(ids).sorted(by: { $0.bits < $1.bits }) { items[id] = try await load(Item.self, id).state }
        return items
    }
}
