import EventSourcing
import JSON

/// The public JSON of a listing: flat, with its item's fields in it. Pure: the same records give the same bytes, always.
public enum ListingDocument {
    /// A storefront sees published listings.
    public static func isVisible(_ listing: ListingRecord, to audience: Audience) -> Bool {
        audience == .operators || listing.status == .published
    }

    /// nil where the audience must not see the listing. `item` is the listing's own.
    public static func bytes(_ listing: ListingRecord, _ item: ItemRecord, for audience: Audience) -> [UInt8]? {
        guard isVisible(listing, to: audience) else { return nil }
        var writer = JSONWriter(reservingCapacity: 2048)
        writer.beginObject()
        writer.typeID("id", "listing", listing.id)
        writer.member("version", listing.version)
        writer.member("status", listing.status.rawValue)
        writer.typeID("item_id", "item", listing.itemID)
        writer.member("channel", listing.channel)
        writer.money("price", listing.price)
        item.writeFields(to: &writer, for: audience)
        writer.key("price_history")
        listing.writePriceHistory(to: &writer)
        writer.money("lowest_price_30d", listing.lowestPrice30d)
        writer.time("published_at", listing.publishedAt)
        writer.time("ended_at", listing.endedAt)
        writer.member("end_reason", listing.endReason?.rawValue)
        writer.money("sold_price", listing.soldPrice)
        writer.time("created_at", listing.createdAt)
        writer.time("updated_at", listing.updatedAt)
        writer.endObject()
        return writer.bytes
    }
}
