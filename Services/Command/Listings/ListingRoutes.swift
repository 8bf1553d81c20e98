import Documents
import Edge
import EventSourcing
import Events
import Foundation
import Hummingbird
import Identity
import JSON

/// `POST /v1/listings`, `POST /v1/listings/{id}/publish` · `/price` · `/pause` · `/resume` · `/end`
struct ListingRoutes: Routes {
    let api: CommandAPI

    func add(to router: EdgeRouter) {
        router.post("/v1/listings", use: create)
        router.post("/v1/listings/:id/publish") { request, context in
            try await offer(request, context) { stamp, state throws(Listing.Refused) in
                try Listing.publish(stamp, state)
            }
        }
        router.post("/v1/listings/:id/price", use: setPrice)
        router.post("/v1/listings/:id/pause") { request, context in
            try await change(request, context, Nothing.init) { _, _, stamp, state throws(Listing.Refused) in
                try Listing.pause(stamp, state)
            }
        }
        router.post("/v1/listings/:id/resume") { request, context in
            try await offer(request, context) { stamp, state throws(Listing.Refused) in
                try Listing.resume(stamp, state)
            }
        }
        router.post("/v1/listings/:id/end", use: end)
    }

    /// What is sold on one channel is withdrawn from the others in the same transaction, and the item itself is sold in
    /// it: there is exactly one. A draft that is created at the same moment may stay, and can never be published. Open
    /// offers end with their listings. What is held for an offer is sold to it, and till then its listing stays. A sale below
    /// the contract's minimum price, that no offer has agreed on, needs a reason, and the reason is kept.
    @Sendable private func end(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.listingsWrite)
        let stamp = Stamp(id: try context.id("id", prefix: Listing.prefix), at: context.receivedAt)
        let body = try await request.jsonObject()
        let intent = try fields(body, Listing.End.init(fields:))
        let terms = try Listing.Terms(tenant)
        let ruling = Stamp(id: .version7(), at: context.receivedAt)
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, on: StreamID(Listing.self, stamp.id)
        ) { decision in
            let listing = try await decision.load(Listing.self, stamp.id)
            let record = try Listing.existing(listing.state)
            let asks = intent.reason == .sold && intent.offerID == nil
            let floor = asks ? try await decision.floor(of: record, at: stamp.at) : nil
            let ended = try Listing.end(intent, floor: floor?.price, terms, stamp, record)
            guard !ended.isEmpty else { return }
            let id = record.itemID
            let item = try await decision.load(Item.self, id)
            guard intent.reason == .sold else {
                if let held = item.state?.heldFor,
                    try await decision.load(Offer.self, held).state?.listingID == stamp.id
                {
                    throw Offer.Refused.listingHeld
                }
                return try await decision.end(listing, ended, at: stamp.at)
            }
            if let offerID = intent.offerID {
                let offer = try await decision.load(Offer.self, offerID)
                let bought = Stamp(id: offerID, at: stamp.at)
                decision.append(
                    try Offer.fulfil(on: stamp.id, for: intent.price, bought, offer.state), to: offer)
            }
            try await decision.end(listing, ended, soldBy: stamp.id, at: stamp.at)
            let sale = Item.Sell(listingID: stamp.id, offerID: intent.offerID, price: intent.price)
            decision.append(try Item.sell(sale, Stamp(id: id, at: stamp.at), item.state), to: item)
            try await decision.withdrawListings(of: id, except: stamp.id, terms, at: stamp.at)
            if let floor, let price = intent.price, let reason = intent.overrideReason,
                price.amount < floor.price.amount
            {
                decision.record(.soldBelowFloor(price, floor, because: reason, of: record), ruling)
            }
        }
    }

    @Sendable private func create(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.listingsWrite)
        let body = try await request.jsonObject()
        let intent = try fields(body, Listing.Create.init(fields:))
        let stamp = Stamp(id: .version7(), at: context.receivedAt)
        let terms = try Listing.Terms(tenant)
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, on: StreamID(Item.self, intent.itemID),
            shape: { _ in .creation }
        ) { decision in
            let listing = decision.begin(Listing.self, stamp.id)
            let item = try await decision.load(Item.self, intent.itemID)
            let coverage = try await decision.coverage(of: item.state, at: stamp.at)
            decision.append(
                try Listing.create(intent, of: item.state, under: coverage, terms, stamp, listing.state), to: listing)
        }
    }

    @Sendable private func setPrice(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.listingsWrite)
        let stamp = Stamp(id: try context.id("id", prefix: Listing.prefix), at: context.receivedAt)
        let body = try await request.jsonObject()
        let intent = try fields(body, Listing.SetPrice.init(fields:))
        let terms = try Listing.Terms(tenant)
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, on: StreamID(Listing.self, stamp.id)
        ) { decision in
            let listing = try await decision.load(Listing.self, stamp.id)
            let floor = try await decision.floor(of: try Listing.existing(listing.state), at: stamp.at)
            decision.append(
                try Listing.setPrice(intent, floor: floor?.price, terms, stamp, listing.state), to: listing)
        }
    }

    /// Brings a listing before customers, on what its item is now, with the plan by which its price falls.
    private func offer(
        _ request: Request, _ context: EdgeContext,
        decide: (Stamp, Listing.State) throws(Listing.Refused) -> [Listing.Event]
    ) async throws -> Response {
        let tenant = try context.require(.listingsWrite)
        let stamp = Stamp(id: try context.id("id", prefix: Listing.prefix), at: context.receivedAt)
        let body = try await request.jsonObject(allowEmpty: true)
        _ = try fields(body, Nothing.init)
        let terms = try Listing.Terms(tenant)
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, on: StreamID(Listing.self, stamp.id)
        ) { decision in
            let listing = try await decision.load(Listing.self, stamp.id)
            var events = try decide(stamp, listing.state)
            guard !events.isEmpty, let record = listing.state else { return }
            let item = try await decision.load(Item.self, record.itemID).state
            let coverage = try await decision.coverage(of: item, at: stamp.at)
            try Listing.offerable(item, under: coverage, for: record.price)
            events += try Listing.plan(coverage, terms, stamp, Listing.fold(events, from: listing.state))
            decision.append(events, to: listing)
        }
    }

    private func change<Intent>(
        _ request: Request, _ context: EdgeContext, _ read: (JSONObject) throws(InvalidFields) -> Intent,
        decide: (Intent, Listing.Terms, Stamp, Listing.State) throws(Listing.Refused) -> [Listing.Event]
    ) async throws -> Response {
        let tenant = try context.require(.listingsWrite)
        let stamp = Stamp(id: try context.id("id", prefix: Listing.prefix), at: context.receivedAt)
        let body = try await request.jsonObject(allowEmpty: Intent.self == Nothing.self)
        let intent = try fields(body, read)
        let terms = try Listing.Terms(tenant)
        return try await api.answer(
            request, context, tenant.id, body: body.bytes, on: StreamID(Listing.self, stamp.id)
        ) { decision in
            let listing = try await decision.load(Listing.self, stamp.id)
            decision.append(try decide(intent, terms, stamp, listing.state), to: listing)
        }
    }
}

extension Decision {
    /// Ends an item's open listings, with their offers, but for the one that has sold it.
    mutating func withdrawListings(
        of item: UUID, as reason: ListingEnded.Reason = .withdrawn, except kept: UUID? = nil, _ terms: Listing.Terms,
        at time: Timestamp
    ) async throws {
        for id in try await holders(kind: ClaimKind.openListing, prefix: item.claimed + "/") where id != kept {
            let listing = try await load(Listing.self, id)
            let withdrawal = Listing.End(reason: reason, price: nil)
            let ended = try Listing.end(withdrawal, terms, Stamp(id: id, at: time), listing.state)
            try await end(listing, ended, soldBy: kept, at: time)
        }
    }
}

/// The body of an intent that needs no fields.
private struct Nothing {
    init(_ body: JSONObject) throws(InvalidFields) {
        _ = try FieldReader(body, known: []).finish(())
    }
}

extension Listing.Terms {
    init(_ tenant: Tenant) throws { try self.init(tenant.record) }

    init(_ tenant: TenantRecord) throws {
        guard let days = CalendarDays(timeZone: tenant.timeZone) else {
            throw Problem(.internalError, "the tenant's time zone is not known here")
        }
        self.init(
            currency: tenant.currency, days: days, hold: .seconds(tenant.settings.holdHours * 3600),
            offers: .seconds(tenant.settings.offerHours * 3600))
    }
}
