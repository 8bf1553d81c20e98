import EventSourcing
import Foundation
import Postgres

@testable import EventStore
@testable import Projector

/// What the simulated clients deal in: a thing that comes in under a name that is unique while it is there, is priced,
/// and is sold once.
enum Piece: Aggregate {
    enum Event: Equatable, Sendable {
        case received(name: String)
        case priced(Int64)
        case sold(buyer: String)
        /// What no projection can apply.
        case spoiled
    }

    struct State: Sendable, Equatable {
        var name: String?
        var price: Int64?
        var buyer: String?
    }

    enum Refusal: Error { case unknown, exists, sold, unpriced }

    static let category = "item"
    static let prefix = "item"
    static let initial = State()

    static func evolve(_ state: inout State, _ event: Event) {
        switch event {
        case .received(let name): state.name = name
        case .priced(let price): state.price = price
        case .sold(let buyer): state.buyer = buyer
        case .spoiled: break
        }
    }

    static func receive(_ name: String, _ state: State) throws(Refusal) -> [Event] {
        guard let known = state.name else { return [.received(name: name)] }
        guard known == name else { throw .exists }
        return []
    }

    static func price(_ price: Int64, _ state: State) throws(Refusal) -> [Event] {
        guard state.name != nil else { throw .unknown }
        guard state.buyer == nil else { throw .sold }
        return state.price == price ? [] : [.priced(price)]
    }

    static func sell(to buyer: String, _ state: State) throws(Refusal) -> [Event] {
        guard state.name != nil else { throw .unknown }
        guard state.price != nil else { throw .unpriced }
        if state.buyer == buyer { return [] }
        guard state.buyer == nil else { throw .sold }
        return [.sold(buyer: buyer)]
    }

    /// The name is held from receipt to sale.
    static func claims(_ stream: StreamID, before: State, after: State) -> [ClaimChange] {
        let (held, wanted) = (before.buyer == nil ? before.name : nil, after.buyer == nil ? after.name : nil)
        guard held != wanted else { return [] }
        return [
            held.map { .release(kind: "name", value: $0, stream: stream) },
            wanted.map { .take(kind: "name", value: $0, stream: stream) },
        ].compactMap { $0 }
    }
}

extension Piece.Event {
    var type: String {
        switch self {
        case .received: "Received"
        case .priced: "Priced"
        case .sold: "Sold"
        case .spoiled: "Spoiled"
        }
    }

    var data: [UInt8] {
        switch self {
        case .received(let name): Array(#"{"name":"\#(name)"}"#.utf8)
        case .priced(let price): Array(#"{"price":\#(price)}"#.utf8)
        case .sold(let buyer): Array(#"{"buyer":"\#(buyer)"}"#.utf8)
        case .spoiled: Array("{}".utf8)
        }
    }
}

/// A projection of pieces: which positions have made a row. Some pieces have a row from the beginning; the others once they
/// are priced, so that their first events must be recalled from the log, as those of an item without listings are.
struct Pieces: Projection {
    struct Group: Sendable, Equatable {
        var version: Int64 = 0
        var positions: [Int64] = []
        var isShown = false
    }

    typealias Output = Piece.Row

    static let name = "pieces"
    static let foldVersion = 1
    static let source = GroupSource.items
    static let empty = Group()
    static let columns: [OutputColumn<Output>] = []
    static let groupColumn = "id"
    static let memory: [String] = []

    static func group(of event: LogEvent) -> UUID? { event.stream.id }
    static func begins(with event: LogEvent) -> Bool { event.version == 1 }

    static func recall(before events: [LogEvent], in group: Group) -> StreamID? {
        guard group.version == 0, let first = events.first, !begins(with: first), !first.stream.id.isShownAtOnce else {
            return nil
        }
        return first.stream
    }

    static func apply(_ event: LogEvent, to group: inout Group) throws(FoldFailure) {
        // It takes what comes, in any order: that the order is right is what the checks look at.
        guard event.type != "Spoiled" else { throw FoldFailure(event, "spoiled") }
        group.version = event.version
        group.positions.append(event.position)
        if event.type == "Priced" || event.stream.id.isShownAtOnce { group.isShown = true }
    }

    static func outputs(of group: Group, _ key: GroupKey, changedAfter position: Int64) -> [Output] {
        guard group.isShown, let last = group.positions.last, last > position else { return [] }
        return [Piece.Row(key: key, group: group)]
    }

    static func restore(_ row: Row, into group: inout Group) throws {}
}

extension UUID {
    fileprivate var isShownAtOnce: Bool { bits % 2 == 0 }
}

extension Piece {
    struct Row: ProjectedRow, Equatable {
        var key: GroupKey
        var group: Pieces.Group

        var tenant: TenantID { key.tenant }
        var id: UUID { key.id }
    }
}
