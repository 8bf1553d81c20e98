import EventSourcing
import Events
import JSON

extension OfferRecord {
    public var document: [UInt8] { document(for: .operators) }

    /// What the buyer may be told: not why it was declined, nor by whom, nor that the consignor was asked.
    public var keyDocument: [UInt8]? { document(for: .storefront) }

    private func document(for audience: Audience) -> [UInt8] {
        let isInternal = audience == .operators
        var writer = JSONWriter(reservingCapacity: 512)
        writer.beginObject()
        writer.typeID("id", Self.category, id)
        writer.member("version", version)
        writer.member("status", isInternal || stage != .asked ? status : OfferStatus.pending.rawValue)
        writer.typeID("listing_id", "listing", listingID)
        writer.typeID("item_id", "item", itemID)
        writer.money("price", price)
        writer.member("by", by.rawValue)
        writer.member("buyer", value: buyer.json)
        if isInternal {
            writer.member("reason", declined?.reason.rawValue)
            writer.flag("automatic", declined?.isAutomatic ?? false)
            writer.member("consignor_answer", consignorAnswer?.rawValue)
        }
        writer.time("expires_at", expiresAt)
        writer.time("held_until", heldUntil)
        writer.time("created_at", createdAt)
        writer.time("updated_at", updatedAt)
        writer.endObject()
        return writer.bytes
    }
}
