public import EventSourcing
import Events
public import Foundation
import JSON

/// What is worked out from a contract for those who ask. Pure.
public enum ContractAnswers {
    /// Whether it could be activated now, and what every rule says to it.
    public static func readiness(_ facts: ContractReadiness.Facts) -> [UInt8] {
        let evaluation = ContractReadiness.evaluate(facts)
        var writer = JSONWriter(reservingCapacity: 2048)
        writer.beginObject()
        writer.typeID("id", ContractRecord.category, facts.contract.id)
        writer.member("version", facts.contract.version)
        writer.member("status", facts.contract.status)
        writer.flag("ready", evaluation.isReady)
        writer.member("rules", value: .array(evaluation.rules.map(\.json)))
        writer.endObject()
        return writer.bytes
    }

    /// Why a sale cannot be split.
    public enum NoSplit: Error, Equatable, Sendable {
        case itemNotOnContract, termsMissing, beyondMoney
    }

    /// How a sale of an item at a price would be split now; once it was sold, by the terms of then. The discounts are those
    /// that its listing has seen; where it has seen none and is still to be sold, those that its plan will have come to.
    ///
    /// - Parameter listing: the item's: that it was sold on, or else one that is open, or the last that ended.
    public static func split(
        of id: UUID, at price: Money, _ contract: ContractRecord, _ listing: ListingRecord?, now: Timestamp
    ) throws(NoSplit) -> [UInt8] {
        guard let item = contract[id]?.item else { throw .itemNotOnContract }
        let sale = listing.flatMap { $0.endReason == .sold ? $0.endedAt : nil }
        guard let terms = contract.terms(at: sale ?? now) else { throw .termsMissing }
        var discounts = Markdown.given(listing?.discounts ?? [], of: listing?.base, to: price)
        if let listing, sale == nil, listing.discounts.isEmpty {
            discounts = Markdown.discounts(
                of: listing.base ?? listing.price, to: price, steps: item.markdowns ?? terms.terms.markdowns,
                floor: item.minimumPrice ?? terms.terms.minimumPrice)
        }
        guard let split = ConsignmentSplit(of: price, discounts: discounts, terms: terms.terms, item: item) else {
            throw .beyondMoney
        }
        var writer = JSONWriter(reservingCapacity: 1024)
        writer.beginObject()
        writer.money("price", split.price)
        writer.member("discounts", value: .array(discounts.map(\.json)))
        writer.money("store_borne", split.storeBorne)
        writer.money("basis", split.basis)
        writer.member("percent", split.percent)
        writer.money("share", split.share)
        writer.member("fees", value: .array(split.fees.map(\.json)))
        writer.money("consignor", split.consignor)
        writer.money("store", split.store)
        writer.time("terms_since", terms.from)
        writer.endObject()
        return writer.bytes
    }
}

extension ContractRecord {
    /// Those on it, in the order in which they were added.
    public var itemIDs: [UUID] { items.map(\.item.itemID) }
}
