public import EventSourcing
public import Events
public import Foundation
public import JSON

/// What is known of a listing: the operational state and the projections' memory, from which its documents are made.
///
/// The mutating functions say what each fact does to it, so that everyone who folds a listing's events comes to the
/// same record. They do not judge: what they are told has been decided. The stored JSON is flat and read by SQL too.
public struct ListingRecord: StoredRecord, Equatable {
    /// A price, and since when.
    public struct PricePoint: Equatable, Sendable {
        public var price: Money
        public var at: Timestamp

        public init(price: Money, at: Timestamp) {
            self.price = price
            self.at = at
        }
    }

    public var id: UUID
    /// Of the listing's stream.
    public var version: Int64
    public var status: ListingStatus
    public var itemID: UUID
    public var channel: String
    /// The price in force, or the last one.
    public var price: Money
    /// Every price since the first publication, oldest first.
    public var priceHistory: [PricePoint] = []
    /// The lowest price in the 30 days before the last reduction; nil until there was one after publication.
    public var lowestPrice30d: Money?
    /// The first publication.
    public var publishedAt: Timestamp?
    public var endedAt: Timestamp?
    public var endReason: ListingEndReason?
    public var soldPrice: Money?
    /// What a consignor's item is listed under, and the price below which it is not; documents never show them.
    public private(set) var contractID: UUID?
    public private(set) var floor: Money?
    /// Steps that mark it down, in the order of their times.
    public private(set) var plan: [PlannedMarkdown] = []
    /// The price that nobody has marked down; nil without a plan.
    public private(set) var base: Money?
    /// What steps took off it, one after another.
    public private(set) var discounts: [Discount] = []
    /// What an import's file last said, as the events store it; documents never show it.
    public private(set) var imported: JSONValue?
    public var createdAt: Timestamp
    public var updatedAt: Timestamp

    /// A new draft at version 1.
    public init(id: UUID, itemID: UUID, channel: String, price: Money, at time: Timestamp) {
        self.id = id
        version = 1
        status = .draft
        self.itemID = itemID
        self.channel = channel
        self.price = price
        createdAt = time
        updatedAt = time
    }

    public mutating func publish(price: Money, at time: Timestamp) {
        status = .published
        self.price = price
        guard publishedAt == nil else { return }
        publishedAt = time
        priceHistory.append(PricePoint(price: price, at: time))
    }

    /// What its item is listed under.
    public mutating func setContract(_ contract: UUID?, floor: Money?) {
        contractID = contract
        self.floor = floor
    }

    /// A plan takes the place of the one before; what was marked down stays so.
    public mutating func setPlan(_ planned: ListingMarkdownPlanned) {
        setContract(planned.contractID, floor: planned.floor)
        plan = planned.steps
        if base == nil, !plan.isEmpty { base = price }
    }

    /// `lowestPrice30d` comes with a reduction after publication, and stays until the next. A price that somebody sets is
    /// one that nobody has marked down.
    public mutating func changePrice(
        to price: Money, lowestPrice30d: Money?, markdown: ListingMarkdown? = nil, at time: Timestamp
    ) {
        if let markdown, let off = Money(amount: self.price.amount &- price.amount, currency: price.currency) {
            discounts.append(Discount(amount: off, bearer: markdown.bearer))
        } else if base != nil {
            base = price
            discounts = []
        }
        self.price = price
        if let lowestPrice30d { self.lowestPrice30d = lowestPrice30d }
        guard publishedAt != nil else { return }
        priceHistory.append(PricePoint(price: price, at: max(time, priceHistory.last?.at ?? time)))
    }

    public mutating func pause() { status = .paused }

    public mutating func resume() { status = .published }

    public mutating func end(_ reason: ListingEndReason, soldFor soldPrice: Money?, at time: Timestamp) {
        status = .ended
        endReason = reason
        self.soldPrice = soldPrice
        endedAt = time
    }

    public mutating func setImported(_ imported: JSONValue?) { self.imported = imported?.canonical }

    /// The record has seen another event of its stream. Times never run backwards, whichever clock an event's came from.
    public mutating func advance(to version: Int64, at time: Timestamp) {
        self.version = version
        updatedAt = max(updatedAt, time)
    }

    /// The lowest price that was in force at any moment from `start` up to now, by the history since first publication
    /// (Directive 98/6/EC, article 6a): that of the price in force at `start`, and of all that came after. nil before
    /// the first publication.
    public func lowestPrice(since start: Timestamp) -> Money? {
        let first = priceHistory.lastIndex { $0.at <= start } ?? 0
        return priceHistory[first...].map(\.price).min { $0.amount < $1.amount }
    }

    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.uuid("id", id)
        writer.member("version", version)
        writer.member("status", status.rawValue)
        writer.uuid("item_id", itemID)
        writer.member("channel", channel)
        writer.money("price", price)
        writer.key("price_history")
        writePriceHistory(to: &writer)
        if let lowestPrice30d { writer.money("lowest_price_30d", lowestPrice30d) }
        if let publishedAt { writer.time("published_at", publishedAt) }
        if let endedAt { writer.time("ended_at", endedAt) }
        if let endReason { writer.member("end_reason", endReason.rawValue) }
        if let soldPrice { writer.money("sold_price", soldPrice) }
        if let contractID { writer.uuid("contract_id", contractID) }
        if let floor { writer.money("floor", floor) }
        if !plan.isEmpty { writer.member("plan", value: .array(plan.map(\.json))) }
        if let base { writer.money("base", base) }
        if !discounts.isEmpty { writer.member("discounts", value: .array(discounts.map(\.json))) }
        if let imported { writer.member("imported", value: imported) }
        writer.time("created_at", createdAt)
        writer.time("updated_at", updatedAt)
        writer.endObject()
    }

    func writePriceHistory(to writer: inout JSONWriter) {
        writer.beginArray()
        for point in priceHistory {
            writer.beginObject()
            writer.money("price", point.price)
            writer.time("at", point.at)
            writer.endObject()
        }
        writer.endArray()
    }

    /// Unknown members are ignored.
    public init(json: JSONValue) throws(RecordDecodingError) {
        let reader = try RecordReader("listing", json)
        id = try reader.uuid("id")
        version = try reader.required("version", \.integerValue)
        status = try reader.required("status") { $0.stringValue.flatMap(ListingStatus.init(rawValue:)) }
        itemID = try reader.uuid("item_id")
        channel = try reader.required("channel", \.stringValue)
        price = try reader.required("price", Money.init(json:))
        priceHistory = try reader.optional("price_history", PricePoint.list(json:)) ?? []
        lowestPrice30d = try reader.money("lowest_price_30d")
        publishedAt = try reader.time("published_at")
        endedAt = try reader.time("ended_at")
        endReason = try reader.optional("end_reason") { $0.stringValue.flatMap(ListingEndReason.init(rawValue:)) }
        soldPrice = try reader.money("sold_price")
        contractID = try reader.optional("contract_id", \.uuid)
        floor = try reader.money("floor")
        plan = try reader.optional("plan") { $0.arrayValue }?.reduce(into: []) { plan, step in
            guard let time = step["due_at"]?.timestamp, let percent = step["percent"]?.integerValue,
                let bearer = step["bearer"]?.stringValue.flatMap(DiscountBearer.init(rawValue:))
            else { return }
            plan.append(PlannedMarkdown(dueAt: time, percent: percent, bearer: bearer))
        } ?? []
        base = try reader.money("base")
        discounts = try reader.optional("discounts") { $0.arrayValue?.compactMap(Discount.init(json:)) } ?? []
        imported = try reader.optional("imported") { $0.canonical }
        createdAt = try reader.required("created_at", \.timestamp)
        updatedAt = try reader.required("updated_at", \.timestamp)
    }
}

extension ListingRecord.PricePoint {
    static func list(json: JSONValue) -> [Self]? {
        guard let elements = json.arrayValue else { return nil }
        var points: [Self] = []
        for element in elements {
            guard let price = element["price"].flatMap(Money.init(json:)), let at = element["at"]?.timestamp else {
                return nil
            }
            points.append(Self(price: price, at: at))
        }
        return points
    }
}
