import EventSourcing
import Events
import JSON

/// Who reads a document.
public enum Audience: Sendable, CaseIterable {
    /// A member of the tenant.
    case operators
    /// Anyone with a publishable key: only what is offered, without `sku` and `attributes.internal`.
    case storefront
}

/// The public JSON of an item. Pure: the same record and listings give the same bytes, always.
public enum ItemDocument {
    public static func status(of item: ItemRecord, _ listings: ItemListings) -> ItemStatus {
        if item.isDeleted { return .deleted }
        if allocation(of: item, listings) == .sold { return .sold }
        switch item.custody {
        case .expected: return .expected
        case .returnedToConsignor: return .returned
        case .lost: return .lost
        case .damaged: return .damaged
        case .disposed: return .disposed
        case .inHouse, .atAuthenticator, .atRepair, .inTransit, .withBuyer: break
        }
        return listings.hasOpen ? .listed : item.isWithdrawn ? .withdrawn : .received
    }

    /// A storefront sees an item while one of its listings is published.
    public static func isVisible(_ item: ItemRecord, _ listings: ItemListings, to audience: Audience) -> Bool {
        audience == .operators || !item.isDeleted && listings.hasPublished
    }

    /// nil where the audience must not see the item.
    public static func bytes(_ item: ItemRecord, _ listings: ItemListings, for audience: Audience) -> [UInt8]? {
        guard isVisible(item, listings, to: audience) else { return nil }
        var writer = JSONWriter(reservingCapacity: 1024)
        writer.beginObject()
        writer.typeID("id", "item", item.id)
        writer.member("version", item.version)
        writer.member("status", status(of: item, listings).rawValue)
        item.writeFields(to: &writer, for: audience)
        if audience == .operators {
            writer.member("custody", item.custody.rawValue)
            writer.typeID("location_id", "location", item.locationID)
            writer.member("title_holder", titleHolder(of: item, listings).rawValue)
            writer.member("allocation", allocation(of: item, listings).rawValue)
            writer.typeID("consignor_id", "consignor", item.consignorID)
        }
        writer.time("created_at", item.createdAt)
        writer.time("updated_at", item.updatedAt)
        writer.endObject()
        return writer.bytes
    }
}

extension ItemRecord {
    /// The item's fields as items and listings show them; absent ones are null.
    func writeFields(to writer: inout JSONWriter, for audience: Audience) {
        writer.member("title", title)
        writer.member("description", description)
        writer.member("brand", brand)
        writer.member("category", category)
        writer.member("condition", condition)
        writer.member("size", size)
        writer.member("color", color)
        writer.member("material", material)
        if audience == .operators { writer.member("sku", sku) }
        writer.strings("photos", photos)
        var attributes = attributes
        if audience == .storefront { attributes["internal"] = nil }
        writer.member("attributes", value: .object(attributes))
    }
}
