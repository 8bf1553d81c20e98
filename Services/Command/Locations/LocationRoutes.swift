import Edge
import EventSourcing
import Hummingbird
import Identity
import JSON

/// `POST /v1/locations`, `PATCH /v1/locations/{id}`, `POST /v1/locations/{id}/close`
struct LocationRoutes: Routes {
    let api: CommandAPI

    func add(to router: EdgeRouter) {
        router.post("/v1/locations", use: open)
        router.patch("/v1/locations/:id") { request, context in
            try await change(request, context, Location.Change.init(fields:)) {
                intent, stamp, state throws(Location.Refused) in
                try Location.change(intent, stamp, state)
            }
        }
        router.post("/v1/locations/:id/close") { request, context in
            try await change(request, context, Location.Close.init(fields:)) {
                intent, stamp, state throws(Location.Refused) in
                try Location.close(intent, stamp, state)
            }
        }
    }

    @Sendable private func open(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.locationsWrite)
        let body = try await request.jsonObject()
        let intent = try fields(body, Location.Open.init(fields:))
        let stamp = Stamp(id: .version7(), at: context.receivedAt)
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, shape: { _ in .creation }
        ) { decision in
            let location = decision.begin(Location.self, stamp.id)
            decision.append(try Location.open(intent, stamp, location.state), to: location)
        }
    }

    private func change<Intent: Sendable>(
        _ request: Request, _ context: EdgeContext, _ read: (JSONObject) throws(InvalidFields) -> Intent,
        decide: (Intent, Stamp, Location.State) throws(Location.Refused) -> [Location.Event]
    ) async throws -> Response {
        let tenant = try context.require(.locationsWrite)
        let stamp = Stamp(id: try context.id("id", prefix: Location.prefix), at: context.receivedAt)
        let body = try await request.jsonObject()
        let intent = try fields(body, read)
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, on: StreamID(Location.self, stamp.id)
        ) { decision in
            let location = try await decision.load(Location.self, stamp.id)
            decision.append(try decide(intent, stamp, location.state), to: location)
        }
    }
}
