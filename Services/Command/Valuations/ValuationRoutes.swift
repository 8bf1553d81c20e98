import Edge
import EventSourcing
import Events
import Hummingbird
import Identity
import JSON

/// `POST /v1/valuations`, `POST /v1/valuations/{id}/complete` · `/override`
struct ValuationRoutes: Routes {
    let api: CommandAPI

    func add(to router: EdgeRouter) {
        router.post("/v1/valuations", use: request)
        router.post("/v1/valuations/:id/complete") { request, context in
            try await change(request, context, Valuation.Complete.init(fields:)) {
                intent, currency, stamp, state throws(Valuation.Refused) in
                try Valuation.complete(intent, in: currency, stamp, state)
            }
        }
        router.post("/v1/valuations/:id/override") { request, context in
            try await change(request, context, Valuation.Override.init(fields:)) {
                intent, currency, stamp, state throws(Valuation.Refused) in
                try Valuation.override(intent, in: currency, stamp, state)
            }
        }
    }

    /// What the valuer is asked it answers in the same append, with why.
    @Sendable private func request(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.itemsWrite)
        let body = try await request.jsonObject()
        let intent = try fields(body, Valuation.Request.init(fields:))
        let currency = tenant.record.currency
        let stamp = Stamp(id: .version7(), at: context.receivedAt)
        let ruled = Stamp(id: .version7(), at: context.receivedAt)
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, shape: { _ in .creation }
        ) { decision in
            let valuation = decision.begin(Valuation.self, stamp.id)
            let item = try Valuation.valued(try await decision.load(Item.self, intent.itemID).state)
            guard intent.method == .comparables else {
                decision.append(try Valuation.request(intent, answer: nil, stamp, valuation.state), to: valuation)
                return
            }
            let sales = try await decision.sales(like: item, in: currency, at: stamp.at)
            let finding = Valuer.value(item, from: sales, in: currency, at: stamp.at)
            decision.append(
                try Valuation.request(intent, answer: finding.answer, stamp, valuation.state), to: valuation)
            decision.record(
                finding.decision(on: stamp.id, of: item, considered: sales.count, in: currency), ruled)
        }
    }

    private func change<Intent: Sendable>(
        _ request: Request, _ context: EdgeContext, _ read: (JSONObject) throws(InvalidFields) -> Intent,
        decide: (Intent, Currency, Stamp, Valuation.State) throws(Valuation.Refused) -> [Valuation.Event]
    ) async throws -> Response {
        let tenant = try context.require(.itemsWrite)
        let stamp = Stamp(id: try context.id("id", prefix: Valuation.prefix), at: context.receivedAt)
        let body = try await request.jsonObject()
        let intent = try fields(body, read)
        let currency = tenant.record.currency
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, on: StreamID(Valuation.self, stamp.id)
        ) { decision in
            let valuation = try await decision.load(Valuation.self, stamp.id)
            decision.append(try decide(intent, currency, stamp, valuation.state), to: valuation)
        }
    }
}
