public import EventSourcing
public import Events
public import Foundation
public import JSON

/// Where an offer stands. Only ever add.
public enum OfferStatus: String, CaseIterable, Sendable {
    /// With the store.
    case pending
    /// With the buyer, who was named another price.
    case countered
    /// With the consignor; then with the store again.
    case asked
    /// The item is held for the buyer.
    case accepted
    case declined, withdrawn, expired
    /// It was accepted, and no sale has followed in time.
    case lapsed
    /// The item was sold to somebody else, or is not offered there any more.
    case superseded
    /// The item was sold to the buyer.
    case fulfilled

    /// Somebody has yet to answer.
    public var isNegotiated: Bool { self == .pending || self == .countered || self == .asked }

    /// Something can still come of it.
    public var isOpen: Bool { isNegotiated || self == .accepted }
}

/// What is known of an offer: the operational state and the projection's memory.
///
/// The state has what lists filter by as the filters have it: the operational tables are read by it.
public struct OfferRecord: ProjectedRecord {
    public typealias Event = OfferEvent

    public static let plural = "offers"
    public static let statuses = OfferStatus.allCases.map(\.rawValue)
    public static let filters = [
        RecordFilter<OfferRecord>("listing_id") { $0.listing },
        RecordFilter<OfferRecord>("item_id") { $0.item },
        RecordFilter<OfferRecord>("buyer") { $0.buyer.text },
    ]
    public static let csv = [
        "id", "status", "listing_id", "item_id", "price.amount", "price.currency", "by", "buyer.platform",
        "buyer.external_id", "reason", "automatic", "consignor_answer", "expires_at", "held_until", "created_at",
        "updated_at",
    ]

    public var id: UUID
    public var version: Int64
    public var stage = OfferStatus.pending
    public var listingID: UUID
    public var itemID: UUID
    /// The last that was named.
    public var price: Money
    /// Who named it.
    public var by = OfferParty.buyer
    public var buyer: OfferBuyer
    /// Of the buyer's prices, those that are in this offer.
    public var attempts: [Int64]
    /// Among all that were ever made on the listing, from 1.
    public var number: Int64
    /// While nobody has accepted it.
    public var expiresAt: Timestamp
    public var heldUntil: Timestamp?
    public var declined: OfferDeclined?
    /// To the last price.
    public var consignorAnswer: OfferAnswer?
    public var createdAt: Timestamp
    public var updatedAt: Timestamp

    public var status: String { stage.rawValue }
    public var texts: [String?] { [buyer.externalID] }

    private var listing: String { TypeID(prefix: "listing", uuid: listingID).description }
    private var item: String { TypeID(prefix: "item", uuid: itemID).description }

    public init?(begins event: OfferEvent, id: UUID, at time: Timestamp) {
        guard case .made(let made) = event else { return nil }
        self.id = id
        version = 1
        listingID = made.listingID
        itemID = made.itemID
        price = made.price
        buyer = made.buyer
        attempts = [made.attempt]
        number = made.number
        expiresAt = made.expiresAt
        (createdAt, updatedAt) = (time, time)
    }

    public mutating func apply(_ event: OfferEvent) {
        switch event {
        case .made: break
        case .countered(let countered):
            stage = countered.by == .store ? .countered : .pending
            by = countered.by
            price = countered.price
            expiresAt = countered.expiresAt
            if let attempt = countered.attempt { attempts.append(attempt) }
            consignorAnswer = nil
        case .consignorAsked:
            stage = .asked
            consignorAnswer = nil
        case .consignorAnswered(let answer):
            stage = .pending
            consignorAnswer = answer
        case .accepted(let accepted):
            stage = .accepted
            price = accepted.price
            heldUntil = accepted.heldUntil
        case .declined(let declined):
            stage = .declined
            self.declined = declined
        case .withdrawn: stage = .withdrawn
        case .expired: stage = .expired
        case .holdLapsed: stage = .lapsed
        case .superseded: stage = .superseded
        case .fulfilled(let fulfilled):
            stage = .fulfilled
            price = fulfilled.price
        }
    }

    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.uuid("id", id)
        writer.member("version", version)
        writer.member("status", status)
        writer.member("listing_id", listing)
        writer.member("item_id", item)
        writer.money("price", price)
        writer.member("by", by.rawValue)
        writer.member("buyer", buyer.text)
        writer.member("attempts", value: .array(attempts.map(JSONValue.integer)))
        writer.member("number", number)
        writer.time("expires_at", expiresAt)
        if let heldUntil { writer.time("held_until", heldUntil) }
        if let declined { writer.member("declined", value: .object(OfferEvent.declined(declined).payload)) }
        if let consignorAnswer { writer.member("consignor_answer", consignorAnswer.rawValue) }
        writer.time("created_at", createdAt)
        writer.time("updated_at", updatedAt)
        writer.endObject()
    }

    /// Unknown members are ignored.
    public init(json: JSONValue) throws(RecordDecodingError) {
        let reader = try RecordReader("offer", json)
        id = try reader.uuid("id")
        version = try reader.required("version", \.integerValue)
        stage = try reader.required("status") { $0.stringValue.flatMap(OfferStatus.init(rawValue:)) }
        listingID = try reader.required("listing_id") {
            $0.stringValue.flatMap { TypeID.uuid(of: $0, prefix: "listing") }
        }
        itemID = try reader.required("item_id") { $0.stringValue.flatMap { TypeID.uuid(of: $0, prefix: "item") } }
        price = try reader.required("price", Money.init(json:))
        by = try reader.required("by") { $0.stringValue.flatMap(OfferParty.init(rawValue:)) }
        buyer = try reader.required("buyer") { $0.stringValue.flatMap(OfferBuyer.init(_:)) }
        attempts = try reader.required("attempts") { json in json.arrayValue?.compactMap(\.integerValue) }
        number = try reader.required("number", \.integerValue)
        expiresAt = try reader.required("expires_at", \.timestamp)
        heldUntil = try reader.time("held_until")
        declined = try reader.optional("declined") { json in
            guard case .declined(let declined)? = try? OfferEvent(type: "OfferDeclined", schema: 1, data: json) else {
                return nil
            }
            return declined
        }
        consignorAnswer = try reader.choice("consignor_answer")
        createdAt = try reader.required("created_at", \.timestamp)
        updatedAt = try reader.required("updated_at", \.timestamp)
    }
}
