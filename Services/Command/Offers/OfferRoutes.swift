import Documents
import Edge
import EventSourcing
import Events
import Foundation
import Hummingbird
import Identity
import JSON

/// `POST /v1/offers`, `POST /v1/offers/{id}/counter` · `/ask-consignor` · `/consignor-answer` · `/accept` · `/decline` ·
/// `/withdraw`
///
/// Members do all of it with `offers:write`, also what the buyer has told them. A secret key with `offers:create` speaks for
/// the buyer. Each needs an Idempotency-Key: prices are counted.
struct OfferRoutes: Routes {
    let api: CommandAPI

    func add(to router: EdgeRouter) {
        router.post("/v1/offers", use: make)
        router.post("/v1/offers/:id/counter", use: counter)
        router.post("/v1/offers/:id/ask-consignor", use: askConsignor)
        router.post("/v1/offers/:id/consignor-answer", use: consignorAnswer)
        router.post("/v1/offers/:id/accept", use: accept)
        router.post("/v1/offers/:id/decline", use: decline)
        router.post("/v1/offers/:id/withdraw", use: withdraw)
    }

    /// Who does not reach the floor is answered as who is declined by somebody: of the floor no byte.
    @Sendable private func make(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let (tenant, _) = try parties(context)
        let body = try await request.jsonObject()
        let intent = try fields(body, Offer.Make.init(fields:))
        let stamp = Stamp(id: .version7(), at: context.receivedAt)
        let ruling = Stamp(id: .version7(), at: context.receivedAt)
        let terms = try Listing.Terms(tenant)
        return try await answer(
            request, context, tenant, body: body.bytes, on: StreamID(Listing.self, intent.listingID),
            for: intent.buyer, isCreation: true
        ) { decision in
            let offer = decision.begin(Offer.self, stamp.id)
            guard let listing = try await decision.load(Listing.self, intent.listingID).state else {
                throw Offer.Refused.listingUnknown
            }
            let floor = try await decision.leastOffer(on: listing, at: stamp.at)
            let standing = try await decision.standing(of: intent.buyer, on: listing)
            let events = try Offer.make(intent, on: listing, floor: floor?.price, standing, terms, stamp, offer.state)
            decision.append(events, to: offer)
            decision.explain(events, intent.price, floor, offer, on: listing, ruling)
        }
    }

    @Sendable private func counter(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let (tenant, party) = try parties(context)
        let body = try await request.jsonObject()
        let intent = try fields(body) { body throws(InvalidFields) in try Offer.Counter(fields: body, from: party) }
        let ruling = Stamp(id: .version7(), at: context.receivedAt)
        let terms = try Listing.Terms(tenant)
        return try await change(request, context, tenant, body) { decision, stamp, offer in
            let record = try Offer.existing(offer.state)
            let listing = try await decision.listing(of: record)
            let floor = try await decision.leastOffer(on: listing, at: stamp.at)
            let attempts = try await decision.attempts(of: record.buyer, on: record.listingID)
            let events = try Offer.counter(
                intent, on: listing, floor: floor?.price, attempts: attempts, terms, stamp, offer.state)
            decision.append(events, to: offer)
            decision.explain(events, intent.price, floor, offer, on: listing, ruling)
        }
    }

    @Sendable private func askConsignor(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.offersWrite)
        let body = try await request.jsonObject(allowEmpty: true)
        try fields(body, IntakeFields.nothing)
        return try await change(request, context, tenant, body) { decision, stamp, offer in
            let item = try await decision.load(Item.self, try Offer.existing(offer.state).itemID)
            decision.append(try Offer.askConsignor(item.state, stamp, offer.state), to: offer)
        }
    }

    @Sendable private func consignorAnswer(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.offersWrite)
        let body = try await request.jsonObject()
        let answer = try fields(body, OfferFields.answer)
        return try await change(request, context, tenant, body) { decision, stamp, offer in
            decision.append(try Offer.consignorAnswered(answer, stamp, offer.state), to: offer)
        }
    }

    /// Holds the item for the buyer. Other offers stay as they are until it is sold.
    @Sendable private func accept(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let (tenant, party) = try parties(context)
        let body = try await request.jsonObject(allowEmpty: true)
        try fields(body, IntakeFields.nothing)
        let ruling = Stamp(id: .version7(), at: context.receivedAt)
        let terms = try Listing.Terms(tenant)
        return try await change(request, context, tenant, body) { decision, stamp, offer in
            let record = try Offer.existing(offer.state)
            let listing = try await decision.listing(of: record)
            let floor = try await decision.leastOffer(on: listing, at: stamp.at)
            let events = try Offer.accept(by: party, on: listing, floor: floor?.price, terms, stamp, offer.state)
            guard !events.isEmpty else { return }
            let item = try await decision.load(Item.self, record.itemID)
            let until = stamp.at + terms.hold
            decision.append(events, to: offer)
            do throws(Item.Refused) {
                let held = Stamp(id: record.itemID, at: stamp.at)
                decision.append(try Item.hold(for: stamp.id, until: until, held, item.state), to: item)
            } catch .held {
                throw Offer.Refused.held
            }
            guard let state = item.state else { return }
            decision.record(.held(for: record, until: until, state, on: listing), ruling)
        }
    }

    @Sendable private func decline(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let (tenant, party) = try parties(context)
        let body = try await request.jsonObject(allowEmpty: true)
        let reason = try fields(body) { body throws(InvalidFields) in try OfferFields.reason(body, from: party) }
        return try await change(request, context, tenant, body) { decision, stamp, offer in
            decision.append(try Offer.decline(reason, by: party, stamp, offer.state), to: offer)
        }
    }

    /// What was held for the buyer is free again.
    @Sendable private func withdraw(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let (tenant, _) = try parties(context)
        let body = try await request.jsonObject(allowEmpty: true)
        try fields(body, IntakeFields.nothing)
        return try await change(request, context, tenant, body) { decision, stamp, offer in
            let events = try Offer.withdraw(stamp, offer.state)
            decision.append(events, to: offer)
            guard !events.isEmpty, let record = offer.state, record.stage == .accepted else { return }
            let item = try await decision.load(Item.self, record.itemID)
            let free = Stamp(id: record.itemID, at: stamp.at)
            decision.append(Item.release(from: stamp.id, free, item.state), to: item)
            try await decision.endIfContractIsOver(record.itemID, try Listing.Terms(tenant), at: stamp.at)
        }
    }

    // MARK: - What all have in common

    private func parties(_ context: EdgeContext) throws -> (tenant: Tenant, party: OfferParty) {
        if try context.principal().isOperator { return (try context.require(.offersWrite), .store) }
        return (try context.require(.offersCreate), .buyer)
    }

    private func change(
        _ request: Request, _ context: EdgeContext, _ tenant: Tenant, _ body: JSONObject,
        decide: (inout Decision, Stamp, Snapshot<Offer>) async throws -> Void
    ) async throws -> Response {
        let stamp = Stamp(id: try context.id("id", prefix: Offer.prefix), at: context.receivedAt)
        return try await answer(
            request, context, tenant, body: body.bytes, on: StreamID(Offer.self, stamp.id)
        ) { decision in
            let offer = try await decision.load(Offer.self, stamp.id)
            try await decide(&decision, stamp, offer)
        }
    }

    /// To a key the answer says that a price was declined, and not that a rule has decided so.
    private func answer(
        _ request: Request, _ context: EdgeContext, _ tenant: Tenant, body: [UInt8], on stream: StreamID,
        for buyer: OfferBuyer? = nil, isCreation: Bool = false, decide: (inout Decision) async throws -> Void
    ) async throws -> Response {
        guard try request.idempotencyKey() != nil else {
            throw Problem(.invalidHeader, "Idempotency-Key is required: a price that is named twice counts twice")
        }
        let shape = CommandAPI.Shape(
            isCreation: isCreation, withheld: context.seesEverything ? [] : Set(DecisionEvent.schemas.keys))
        return try await api.answer(
            request, context, tenant.id, body: body, on: stream,
            for: buyer.map { Buyer(platform: $0.platform, externalID: $0.externalID) }, shape: { _ in shape },
            decide: decide)
    }
}

extension Decision {
    fileprivate mutating func listing(of offer: OfferRecord) async throws -> ListingRecord {
        guard let listing = try await load(Listing.self, offer.listingID).state else {
            throw Offer.Refused.listingUnknown
        }
        return listing
    }

    /// Keeps why a price was declined by itself, for members.
    fileprivate mutating func explain(
        _ events: [Offer.Event], _ price: Money, _ floor: Floor?, _ offer: Snapshot<Offer>, on listing: ListingRecord,
        _ ruling: Stamp
    ) {
        guard let floor, case .declined(let declined)? = events.last?.event, declined.isAutomatic else { return }
        record(
            .belowFloor(price, floor, of: offer.stream.id, at: offer.version + 1, on: listing), ruling)
    }
}
