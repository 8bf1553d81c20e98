import Documents
import Edge
import EventSourcing
import Events
import Foundation
import Hummingbird
import Identity
import JSON

/// `POST /v1/items/{id}/move` and the others that say where an item is, whose it is and what it is promised to.
struct ItemFactRoutes: Routes {
    let api: CommandAPI
    let skus: SKUSupply

    func add(to router: EdgeRouter) {
        router.post("/v1/items/:id/move") { try await change($0, $1, ItemFactFields.move) }
        router.post("/v1/items/:id/arrive") {
            try await change(
                $0, $1, ItemFactFields.arrival(from: [.expected, .atAuthenticator, .atRepair, .inTransit, .damaged]))
        }
        router.post("/v1/items/:id/found") { try await change($0, $1, ItemFactFields.arrival(from: [.lost])) }
        router.post("/v1/items/:id/authenticate") {
            try await change($0, $1, ItemFactFields.sending(.atAuthenticator, isNamed: true))
        }
        router.post("/v1/items/:id/repair") {
            try await change($0, $1, ItemFactFields.sending(.atRepair, isNamed: true))
        }
        router.post("/v1/items/:id/dispatch") {
            try await change($0, $1, ItemFactFields.sending(.inTransit, isNamed: false))
        }
        router.post("/v1/items/:id/handover") { try await change($0, $1, ItemFactFields.change(.withBuyer)) }
        router.post("/v1/items/:id/return") { try await change($0, $1, ItemFactFields.change(.returnedToConsignor)) }
        router.post("/v1/items/:id/lost") { try await change($0, $1, ItemFactFields.change(.lost)) }
        router.post("/v1/items/:id/damage") { try await change($0, $1, ItemFactFields.change(.damaged)) }
        router.post("/v1/items/:id/dispose") {
            try await change($0, $1, ItemFactFields.change(.disposed, .discarded))
        }
        router.post("/v1/items/:id/donate") { try await change($0, $1, ItemFactFields.donate) }
        router.post("/v1/items/:id/convert") { try await change($0, $1, ItemFactFields.convert) }
        router.post("/v1/items/:id/hold") { try await change($0, $1, ItemFactFields.hold) }
        router.post("/v1/items/:id/release") { try await change($0, $1, ItemFactFields.release) }
        router.post("/v1/items/:id/withdraw") { try await change($0, $1, ItemFactFields.withdraw) }
        router.post("/v1/items/:id/reinstate") { try await change($0, $1, ItemFactFields.reinstate) }
        router.post("/v1/items/:id/sku", use: giveSKU)
    }

    /// An item that is no longer to be had is offered nowhere: its open listings end in the same transaction.
    private func change(
        _ request: Request, _ context: EdgeContext, _ read: ItemFactFields.Reader
    ) async throws -> Response {
        let tenant = try context.require(.itemsWrite)
        let stamp = Stamp(id: try context.id("id", prefix: Item.prefix), at: context.receivedAt)
        let body = try await request.jsonObject(allowEmpty: true)
        let intent = try fields(body, read)
        let terms = try Listing.Terms(tenant)
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, on: StreamID(Item.self, stamp.id)
        ) { decision in
            let item = try await decision.load(Item.self, stamp.id)
            var earlier: [Item.Event] = []
            if item.state?.allocation == .free {
                let sold = try await decision.holders(kind: ClaimKind.soldItem, prefix: stamp.id.claimed)
                earlier = Item.settle(sold.first, stamp, item.state)
            }
            let events = try Item.decide(intent, terms, stamp, Item.fold(earlier, from: item.state))
            guard !events.isEmpty else { return }
            if let location = intent.locationID { try await decision.requireLocation(location, "/location_id") }
            // Whose it is does not change while a contract says what the consignor gets for it.
            let guards: [Claim] =
                intent.transfersTitle ? [.absent(kind: ClaimKind.contractItem, prefix: stamp.id.claimed)] : []
            decision.append(earlier + events, to: item, guards: guards)
            if intent.endsOffers { try await decision.withdrawListings(of: stamp.id, terms, at: stamp.at) }
        }
    }

    /// The next SKU of the tenant's pattern, for an item that has none.
    @Sendable private func giveSKU(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.itemsWrite)
        let stamp = Stamp(id: try context.id("id", prefix: Item.prefix), at: context.receivedAt)
        let body = try await request.jsonObject(allowEmpty: true)
        try fields(body, IntakeFields.nothing)
        var given = GivenSKUs()
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, on: StreamID(Item.self, stamp.id),
            again: { given.passOver($0) }
        ) { decision in
            let item = try await decision.load(Item.self, stamp.id)
            guard try Item.existing(item.state).sku == nil else { return }
            try await given.give([stamp.id], by: skus, tenant, at: stamp.at)
            guard let sku = given[stamp.id] else { return }
            decision.append(
                try Item.update(Item.Update(changes: ["sku": .string(sku)]), stamp, item.state), to: item)
        }
    }
}

/// Something that an intent names is not there.
enum ReferenceRefusal: Refusal {
    case location(String)
    case closed(String)
    case consignor(String)
    case merged(String, into: UUID)

    var code: String {
        switch self {
        case .location: "location_unknown"
        case .closed: "location_closed"
        case .consignor: "consignor_unknown"
        case .merged: "consignor_merged"
        }
    }

    var detail: String {
        switch self {
        case .location: "there is no such location"
        case .closed: "the location is closed"
        case .consignor: "there is no such consignor"
        case .merged(_, let survivor):
            "the consignor was merged into \(TypeID(prefix: Consignor.prefix, uuid: survivor))"
        }
    }

    var pointer: String? {
        switch self {
        case .location(let pointer), .closed(let pointer), .consignor(let pointer), .merged(let pointer, _): pointer
        }
    }
}

extension Decision {
    /// A location that takes items.
    ///
    /// - Parameter pointer: of the field that names it.
    mutating func requireLocation(_ id: UUID, _ pointer: String) async throws {
        guard let location = try await load(Location.self, id).state else {
            throw ReferenceRefusal.location(pointer)
        }
        guard location.isOpen else { throw ReferenceRefusal.closed(pointer) }
    }

    /// A consignor who can bring something: there, and neither merged into another nor erased.
    mutating func requireConsignor(_ id: UUID, _ pointer: String) async throws {
        guard let consignor = try await load(Consignor.self, id).state else {
            throw ReferenceRefusal.consignor(pointer)
        }
        if let survivor = consignor.mergedInto { throw ReferenceRefusal.merged(pointer, into: survivor) }
        guard consignor.status == .active else { throw ReferenceRefusal.consignor(pointer) }
    }
}
