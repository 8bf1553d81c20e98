import Documents
import EventSourcing
import Events
import Foundation

extension Offer {
    static let expireDue: DueHandler = { call, decision in
        let offer = try await decision.load(Offer.self, call.id)
        decision.append(expire(call.dueAt, Stamp(id: call.id, at: call.at), offer.state), to: offer)
    }

    /// The item is free again; where its contract has expired while it was held, it is offered no longer.
    static let lapseDue: DueHandler = { call, decision in
        let offer = try await decision.load(Offer.self, call.id)
        let events = lapse(call.dueAt, Stamp(id: call.id, at: call.at), offer.state)
        guard !events.isEmpty, let record = offer.state else { return }
        let item = try await decision.load(Item.self, record.itemID)
        decision.append(events, to: offer)
        decision.append(Item.release(from: call.id, Stamp(id: record.itemID, at: call.at), item.state), to: item)
        decision.record(.lapsed(record), Stamp(id: call.fresh[0], at: call.at))
        try await decision.endIfContractIsOver(record.itemID, call.terms, at: call.at)
    }
}
