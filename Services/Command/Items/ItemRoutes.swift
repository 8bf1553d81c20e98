import Edge
import EventSourcing
import Foundation
import Hummingbird
import Identity
import JSON

/// `POST /v1/items`, `PATCH /v1/items/{id}`, `DELETE /v1/items/{id}`
struct ItemRoutes: Routes {
    let api: CommandAPI
    let photos: PhotoRecords

    func add(to router: EdgeRouter) {
        router.post("/v1/items", use: create)
        router.patch("/v1/items/:id", use: update)
        router.delete("/v1/items/:id", use: delete)
    }

    @Sendable private func create(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.itemsWrite)
        let body = try await request.jsonObject()
        let intent = try fields(body, Item.Receive.init(fields:))
        let stamp = Stamp(id: .version7(), at: context.receivedAt)
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, shape: { _ in .creation }
        ) { decision in
            let item = decision.begin(Item.self, stamp.id)
            if let location = intent.origin.locationID { try await decision.requireLocation(location, "/location_id") }
            if let consignor = intent.origin.consignorID {
                try await decision.requireConsignor(consignor, "/consignor_id")
            }
            try await photos.require(namedIn: body, of: tenant.id)
            decision.append(try Item.receive(intent, stamp, item.state), to: item)
        }
    }

    @Sendable private func update(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.itemsWrite)
        let stamp = Stamp(id: try context.id("id", prefix: Item.prefix), at: context.receivedAt)
        let body = try await request.jsonObject()
        let intent = try fields(body, Item.Update.init(fields:))
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, on: StreamID(Item.self, stamp.id)
        ) { decision in
            let item = try await decision.load(Item.self, stamp.id)
            try await photos.require(namedIn: body, of: tenant.id)
            decision.append(try Item.update(intent, stamp, item.state), to: item)
        }
    }

    @Sendable private func delete(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.itemsWrite)
        let stamp = Stamp(id: try context.id("id", prefix: Item.prefix), at: context.receivedAt)
        let body = try await request.jsonObject()
        let intent = try fields(body, Item.Delete.init(fields:))
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, on: StreamID(Item.self, stamp.id)
        ) { decision in
            let item = try await decision.load(Item.self, stamp.id)
            _ = try Item.existing(item.state)
            decision.append(
                try Item.delete(intent, stamp, item.state), to: item,
                guards: [.absent(kind: ClaimKind.contractItem, prefix: stamp.id.claimed)])
        }
    }
}

/// Reads fields; what is wrong with them becomes a problem.
func fields<Value>(_ body: JSONObject, _ read: (JSONObject) throws(InvalidFields) -> Value) throws -> Value {
    do {
        return try read(body)
    } catch {
        throw Problem(deciding: error) ?? error
    }
}

extension JSONObject {
    var bytes: [UInt8] { JSONValue.object(self).bytes }
}
