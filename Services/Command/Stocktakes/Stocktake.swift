import Documents
import EventSourcing
import Events
import Foundation

/// Looking at what is at a location, to hold it against what should be there.
enum Stocktake: Aggregate {
    // STORED NAMES (in StocktakeEvent): only ever add.
    typealias Event = Fact<StocktakeEvent>
    /// nil: nothing was opened.
    typealias State = StocktakeRecord?

    static let category = StocktakeEvent.category
    static let prefix = "stocktake"
    static let initial: State = nil

    static func evolve(_ state: inout State, _ fact: Event) {
        _ = StocktakeRecord.fold(&state, fact.event, id: fact.id, version: (state?.version ?? 0) + 1, at: fact.at)
    }

    /// Codes in one request.
    static let batchLimit = 200
    /// Items that one stock-take can see, and codes that are no item's.
    static let itemLimit = 5000
    static let unknownLimit = 500
    /// Items that one may find missing or elsewhere: where more differ, the scanning was not finished.
    static let differenceLimit = 500

    // MARK: - Decisions

    struct Open: Sendable, Equatable {
        var locationID: UUID
        var note: String?
    }

    /// What codes turned out to be.
    struct Scan: Sendable, Equatable {
        var items: [UUID]
        var unknown: [String]
    }

    enum Refused: Refusal {
        case unknown
        case ended(StocktakeStatus)
        case full
        case tooManyDifferences(Int)
    }

    static func open(_ intent: Open, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        guard state == nil else { return [] }
        return stamp.facts(.opened(StocktakeOpened(locationID: intent.locationID, note: intent.note)))
    }

    static func scan(_ intent: Scan, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let stocktake = try open(state)
        var seen = Set(stocktake.found)
        var codes = Set(stocktake.unknown)
        let items = intent.items.filter { seen.insert($0).inserted }
        let unknown = intent.unknown.filter { codes.insert($0).inserted }
        guard seen.count <= itemLimit, codes.count <= unknownLimit else { throw .full }
        guard !items.isEmpty || !unknown.isEmpty else { return [] }
        return stamp.facts(.scanned(StocktakeScanned(items: items, unknown: unknown)))
    }

    static func cancel(reason: String?, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        guard state?.stage != .cancelled else { return [] }
        _ = try open(state)
        return stamp.facts(.cancelled(StocktakeCancelled(reason: reason)))
    }

    static func open(_ state: State) throws(Refused) -> StocktakeRecord {
        guard let stocktake = state else { throw .unknown }
        guard stocktake.stage == .open else { throw .ended(stocktake.stage) }
        return stocktake
    }

    // MARK: - Closing

    /// The items that are not where they should be, in the order of their ids.
    struct Differences: Equatable {
        var expected: Int
        var missing: [UUID]
        var elsewhere: [UUID]
    }

    static func differences(_ expected: [UUID], _ stocktake: StocktakeRecord) throws(Refused) -> Differences {
        let (expected, found) = (Set(expected), Set(stocktake.found))
        func sorted(_ ids: Set<UUID>) -> [UUID] { ids.sorted { $0.bits < $1.bits } }
        let differences = Differences(
            expected: expected.count, missing: sorted(expected.subtracting(found)),
            elsewhere: sorted(found.subtracting(expected)))
        let count = differences.missing.count + differences.elsewhere.count
        guard count <= differenceLimit else { throw .tooManyDifferences(count) }
        return differences
    }

    /// What closing comes to: the stock-take's event, and those of the items that differ.
    struct Closing: Equatable {
        var events: [Event]
        var missing: [(id: UUID, events: [Item.Event])] = []
        var elsewhere: [(id: UUID, events: [Item.Event])] = []

        static func == (left: Closing, right: Closing) -> Bool {
            left.events == right.events && left.missing.elementsEqual(right.missing, by: ==)
                && left.elsewhere.elementsEqual(right.elsewhere, by: ==)
        }
    }

    /// - Parameter items: of the differences.
    static func close(
        _ differences: Differences, _ items: [UUID: Item.State], _ stamp: Stamp, _ state: State
    ) throws(Refused) -> Closing {
        let stocktake = try open(state)
        var closed = StocktakeClosed(expected: Int64(differences.expected))
        var closing = Closing(events: [])
        for id in differences.missing {
            let loss = Item.ChangeCustody(custody: .lost, stocktakeID: stamp.id)
            guard let events = try? Item.changeCustody(loss, Stamp(id: id, at: stamp.at), items[id] ?? nil),
                !events.isEmpty
            else { continue }
            closing.missing.append((id, events))
            closed.missing.append(id)
        }
        for id in differences.elsewhere {
            let found = Stamp(id: id, at: stamp.at)
            guard let events = try? arrival(stocktake, found, items[id] ?? nil) else {
                closed.unexplained.append(id)
                continue
            }
            guard !events.isEmpty else { continue }
            closing.elsewhere.append((id, events))
            closed.elsewhere.append(id)
        }
        closing.events = stamp.facts(.closed(closed))
        return closing
    }

    /// What is in the house has moved here; what is elsewhere by the books has come.
    private static func arrival(
        _ stocktake: StocktakeRecord, _ stamp: Stamp, _ state: Item.State
    ) throws(Item.Refused) -> [Item.Event] {
        let item = try Item.existing(state)
        if item.custody.isInHouse {
            return try Item.move(
                Item.Move(locationID: stocktake.locationID, stocktakeID: stocktake.id), stamp, state)
        }
        let arrival = Item.ChangeCustody(
            custody: .inHouse, locationID: stocktake.locationID, stocktakeID: stocktake.id)
        return try Item.changeCustody(arrival, stamp, state)
    }

    // MARK: - Storage

    static func encode(_ state: State) -> [UInt8] { state?.bytes ?? [] }

    static func decode(_ json: [UInt8]) throws -> State { try StocktakeRecord(stored: json) }
}

extension Stocktake: StoredAggregate {}

extension Stocktake.Refused {
    var code: String {
        switch self {
        case .unknown: "stocktake_unknown"
        case .ended: "stocktake_ended"
        case .full: "stocktake_full"
        case .tooManyDifferences: "too_many_differences"
        }
    }

    var detail: String {
        switch self {
        case .unknown: "there is no such stock-take"
        case .ended(let status): "the stock-take is \(status.rawValue)"
        case .full:
            "a stock-take sees at most \(Stocktake.itemLimit) items and \(Stocktake.unknownLimit) unknown codes"
        case .tooManyDifferences(let count):
            "\(count) items are missing or elsewhere, and at most \(Stocktake.differenceLimit) may be: go on scanning"
        }
    }
}
