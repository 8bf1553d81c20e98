import Documents
import EventSourcing
import Events
import Foundation
import JSON

extension Decision {
    /// Of an item's category and brand in each condition the sales that are looked at: of the items that came in last.
    private static let salesLimit = 200

    /// Sales of what is like an item; in other conditions only where there are too few in its own. What was sold is sold
    /// for ever, so that the intent need not depend on them.
    func sales(like item: ItemRecord, in currency: Currency, at now: Timestamp) async throws -> [Valuer.Sale] {
        guard let likeness = Likeness(item) else { return [] }
        var sales = try await self.sales(of: likeness)
        if Valuer.usable(sales, for: item.id, in: currency, at: now).count < Valuer.needed {
            for other in likeness.others { sales += try await self.sales(of: other) }
        }
        return sales
    }

    private func sales(of likeness: Likeness) async throws -> [Valuer.Sale] {
        let items = try await holders(kind: ClaimKind.comparable, prefix: likeness.prefix, last: Self.salesLimit)
        let listings = try await holders(kind: ClaimKind.soldItem, values: items.map(\.claimed))
        return try await states(Listing.self, Array(listings.values)).compactMap { listing in
            guard let listing, let price = listing.soldPrice, let soldAt = listing.endedAt else { return nil }
            return Valuer.Sale(
                listingID: listing.id, version: listing.version, itemID: listing.itemID,
                condition: likeness.condition, price: price, soldAt: soldAt)
        }
    }
}

extension Valuer.Finding {
    /// What is kept of how it was found.
    func decision(
        on valuation: UUID, of item: ItemRecord, considered: Int, in currency: Currency
    ) -> DecisionMade {
        DecisionMade(
            kind: .valuation, subject: TypeID(prefix: Valuation.prefix, uuid: valuation), itemID: item.id,
            outcome: outcome,
            inputs: [
                "category": JSONValue(item.category), "brand": JSONValue(item.brand),
                "condition": .string(item.condition), "currency": .string(currency.code),
                "considered": JSONValue(considered), "needed": JSONValue(Valuer.needed),
                "window_days": .integer(Valuer.windowDays), "half_life_days": .integer(Valuer.halfLifeDays),
            ], rules: rules)
    }
}
