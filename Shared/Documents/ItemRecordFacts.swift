public import EventSourcing
public import Events
public import Foundation
import JSON

extension ItemRecord {
    /// The item that was received, at version 1.
    public init(_ event: ItemReceived, id: UUID, at time: Timestamp) {
        self.init(id: id, values: event.values, at: time)
        setImported(event.imported?.json)
        custody = event.custody
        locationID = event.locationID
        consignorID = event.consignorID
        titleHolder = event.titleHolder
    }

    /// Takes up any later event. It does not judge: what it is told has been decided.
    public mutating func apply(_ event: ItemEvent) {
        switch event {
        case .received: break
        case .updated(let event):
            apply(event.changes)
            if let imported = event.imported { setImported(imported.json) }
        case .deleted: isDeleted = true
        case .moved(let event): locationID = event.locationID
        case .custodyChanged(let event):
            custody = event.custody
            locationID = event.locationID
            custodian = event.custodian
        case .titleTransferred(let event):
            if event.title == .sold, titleHolder != .sold { seller = titleHolder }
            titleHolder = event.title
        case .allocationChanged(let event):
            allocation = event.allocation
            heldFor = event.allocation == .held ? event.offerID : nil
            heldUntil = event.allocation == .held ? event.until : nil
        case .withdrawn: isWithdrawn = true
        case .reinstated: isWithdrawn = false
        }
    }

    /// What is as it always was before there were such facts is left out: the state of an item that nothing of the kind
    /// has happened to is the same bytes as ever.
    func writeFacts(to writer: inout JSONWriter) {
        if custody != .inHouse { writer.member("custody", custody.rawValue) }
        if let locationID { writer.uuid("location_id", locationID) }
        if let custodian { writer.member("custodian", custodian) }
        if titleHolder != .store { writer.member("title_holder", titleHolder.rawValue) }
        if let seller { writer.member("seller", seller.rawValue) }
        if allocation != .free { writer.member("allocation", allocation.rawValue) }
        if let heldFor { writer.uuid("held_for", heldFor) }
        if let heldUntil { writer.time("held_until", heldUntil) }
        if let consignorID { writer.uuid("consignor_id", consignorID) }
        if isWithdrawn { writer.flag("withdrawn", true) }
    }

    mutating func readFacts(_ reader: RecordReader) throws(RecordDecodingError) {
        custody = try reader.choice("custody") ?? .inHouse
        locationID = try reader.optional("location_id", \.uuid)
        custodian = try reader.string("custodian")
        titleHolder = try reader.choice("title_holder") ?? .store
        seller = try reader.choice("seller")
        allocation = try reader.choice("allocation") ?? .free
        heldFor = try reader.optional("held_for", \.uuid)
        heldUntil = try reader.time("held_until")
        consignorID = try reader.optional("consignor_id", \.uuid)
        isWithdrawn = try reader.optional("withdrawn", \.boolValue) ?? false
    }
}

extension ItemDocument {
    /// What the facts can be, in the document's words.
    public static let custodies = ItemCustody.allCases.map(\.rawValue)
    public static let titleHolders = ItemTitle.allCases.map(\.rawValue)
    public static let allocations = ItemAllocation.allCases.map(\.rawValue)

    /// Sold where the item says so, or, of a sale from before items did, a listing.
    public static func allocation(of item: ItemRecord, _ listings: ItemListings) -> ItemAllocation {
        listings.hasSold ? .sold : item.allocation
    }

    public static func titleHolder(of item: ItemRecord, _ listings: ItemListings) -> ItemTitle {
        listings.hasSold ? .sold : item.titleHolder
    }
}
