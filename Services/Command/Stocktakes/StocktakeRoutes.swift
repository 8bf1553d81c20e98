import Documents
import Edge
import EventSourcing
import Events
import Foundation
import Hummingbird
import Identity
import JSON

/// `POST /v1/stocktakes`, `POST /v1/stocktakes/{id}/scans` · `/close` · `/cancel`
struct StocktakeRoutes: Routes {
    let api: CommandAPI

    func add(to router: EdgeRouter) {
        router.post("/v1/stocktakes", use: open)
        router.post("/v1/stocktakes/:id/scans", use: scan)
        router.post("/v1/stocktakes/:id/close", use: close)
        router.post("/v1/stocktakes/:id/cancel", use: cancel)
    }

    @Sendable private func open(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.itemsWrite)
        let body = try await request.jsonObject()
        let intent = try fields(body, Stocktake.Open.init(fields:))
        let stamp = Stamp(id: .version7(), at: context.receivedAt)
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, shape: { _ in .creation }
        ) { decision in
            let stocktake = decision.begin(Stocktake.self, stamp.id)
            try await decision.requireLocation(intent.locationID, "/location_id")
            decision.append(try Stocktake.open(intent, stamp, stocktake.state), to: stocktake)
        }
    }

    /// SKUs, or ids of items. What is neither is kept as it is, for somebody to look at.
    @Sendable private func scan(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let body = try await request.jsonObject()
        let codes = try fields(body, StocktakeFields.codes)
        var unknown: [JSONValue] = []
        return try await change(
            request, context, body, shape: { _ in .init(members: ["unknown": .array(unknown)]) }
        ) { decision, stamp, stocktake in
            let scan = try await decision.resolve(codes)
            unknown = scan.unknown.map(JSONValue.string)
            decision.append(try Stocktake.scan(scan, stamp, stocktake.state), to: stocktake)
        }
    }

    /// What differs is told by the items, in the same append: what is missing is lost, and offered no longer.
    @Sendable private func close(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let terms = try Listing.Terms(try context.tenant())
        let body = try await request.jsonObject(allowEmpty: true)
        try fields(body, IntakeFields.nothing)
        return try await change(request, context, body) { decision, stamp, stocktake in
            guard stocktake.state?.stage != .closed else { return }
            let record = try Stocktake.open(stocktake.state)
            let expected = try await decision.holders(
                kind: ClaimKind.atLocation, prefix: record.locationID.claimed + "/")
            let differences = try Stocktake.differences(expected, record)
            var items: [UUID: Snapshot<Item>] = [:]
            for id in differences.missing + differences.elsewhere {
                items[id] = try await decision.load(Item.self, id)
            }
            let closing = try Stocktake.close(differences, items.mapValues(\.state), stamp, stocktake.state)
            decision.append(closing.events, to: stocktake)
            for (id, events) in closing.missing + closing.elsewhere {
                if let item = items[id] { decision.append(events, to: item) }
            }
            for (id, _) in closing.missing { try await decision.withdrawListings(of: id, terms, at: stamp.at) }
        }
    }

    @Sendable private func cancel(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let body = try await request.jsonObject(allowEmpty: true)
        let reason = try fields(body, Field.reason(fields:))
        return try await change(request, context, body) { decision, stamp, stocktake in
            decision.append(try Stocktake.cancel(reason: reason, stamp, stocktake.state), to: stocktake)
        }
    }

    private func change(
        _ request: Request, _ context: EdgeContext, _ body: JSONObject,
        shape: (Executed) async throws -> CommandAPI.Shape = { _ in .change },
        decide: (inout Decision, Stamp, Snapshot<Stocktake>) async throws -> Void
    ) async throws -> Response {
        let tenant = try context.require(.itemsWrite)
        let stamp = Stamp(id: try context.id("id", prefix: Stocktake.prefix), at: context.receivedAt)
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, on: StreamID(Stocktake.self, stamp.id), shape: shape
        ) { decision in
            let stocktake = try await decision.load(Stocktake.self, stamp.id)
            try await decide(&decision, stamp, stocktake)
        }
    }
}

extension Stocktake.Open {
    /// From the body of a request.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["location_id", "note"])
        let location = reader.required("location_id", Field.location)
        let note = reader.optional("note", Field.reason)
        self.init(locationID: try reader.finish(location), note: note)
    }
}

enum StocktakeFields {
    /// `{"codes": ["2603-00001", "item_…"]}`
    static func codes(_ body: JSONObject) throws(InvalidFields) -> [String] {
        var reader = FieldReader(body, known: ["codes"])
        let codes = reader.required("codes") { value, pointer throws(InvalidFields) in
            let codes = try Field.list(limit: Stocktake.batchLimit, value, pointer) {
                value, pointer throws(InvalidFields) in
                try Field.text(limit: 100, value, pointer)
            }
            guard !codes.isEmpty else { throw .one(pointer, .empty, "must not be empty") }
            return codes
        }
        return try reader.finish(codes)
    }
}

extension Decision {
    /// The items that codes name, by id or by SKU, and the codes that name none.
    fileprivate func resolve(_ codes: [String]) async throws -> Stocktake.Scan {
        let ids = Dictionary(
            codes.compactMap { code in TypeID.uuid(of: code, prefix: Item.prefix).map { (code, $0) } }
        ) { first, _ in first }
        let known = try await existing(Item.self, Array(ids.values))
        let skus = try await holders(kind: ClaimKind.sku, values: codes)
        var scan = Stocktake.Scan(items: [], unknown: [])
        for code in codes {
            if let id = ids[code], known.contains(id) {
                scan.items.append(id)
            } else if let id = skus[code] {
                scan.items.append(id)
            } else {
                scan.unknown.append(code)
            }
        }
        return scan
    }
}
