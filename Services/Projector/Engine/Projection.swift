import EventSourcing
import Foundation
import Postgres

/// A read model: which rows an event touches, and how a row changes. Pure: no clock, no chance, no I/O.
///
/// Rows live in groups: the rows that one event may change together (an item's event changes all listings of the
/// item). A group is loaded, folded and written as a whole.
protocol Projection: Sendable {
    /// What the fold knows of one group: its rows, and what they are made of.
    associatedtype Group: Sendable
    /// A row as it is written.
    associatedtype Output: ProjectedRow

    static var name: String { get }
    /// Goes up with every change after which the same events give other rows: a generation filled by another fold is
    /// left alone.
    static var foldVersion: Int { get }

    /// Which streams a group's events lie in.
    static var source: GroupSource { get }
    /// A group without rows.
    static var empty: Group { get }
    /// The group whose rows an event may change; nil where it changes none.
    static func group(of event: LogEvent) -> UUID?
    /// Whether the group has no rows before this event for certain, so that none need be loaded.
    static func begins(with event: LogEvent) -> Bool
    /// The stream that must be recalled from the log, up to these events of the group, before they can be applied; nil
    /// where the group knows all it needs.
    static func recall(before events: [LogEvent], in group: Group) -> StreamID?
    /// Changes the group by an event of `group(of:)`. One whose payload is unreadable is refused.
    static func apply(_ event: LogEvent, to group: inout Group) throws(FoldFailure)
    /// The rows that events after `position` have changed.
    static func outputs(of group: Group, _ key: GroupKey, changedAfter position: Int64) -> [Output]

    /// The columns that are written; `tenant_id` and `id`, the key, among them.
    static var columns: [OutputColumn<Output>] { get }
    /// The column that holds `GroupKey.id`.
    static var groupColumn: String { get }
    /// The columns `restore` reads, by number.
    static var memory: [String] { get }
    /// Puts a row of the table back into its group.
    static func restore(_ row: Row, into group: inout Group) throws
}

/// A row of a projection's table, as it is written.
protocol ProjectedRow: Sendable {
    var tenant: TenantID { get }
    var id: UUID { get }
}

/// Which events of the log belong to a group.
enum GroupSource: Sendable, Equatable {
    /// An item's own, and those of the listings that offer it.
    case items
    /// Those of one stream of this category.
    case streams(String)

    /// Of the streams whose first event begins a group; the prefix of the groups' identifiers.
    var category: String {
        switch self {
        case .items: "item"
        case .streams(let category): category
        }
    }

    func includes(_ category: String) -> Bool {
        category == self.category || self == .items && category == "listing"
    }
}

/// A group of rows: of one tenant, by the identifier that all of them share.
struct GroupKey: Hashable, Sendable {
    var tenant: TenantID
    var id: UUID
}

/// An event that the fold cannot apply: a defect, or a log this program is too old for.
struct FoldFailure: Error, Equatable, CustomStringConvertible {
    var position: Int64
    /// Names types and members, never values.
    var reason: String

    init(_ event: LogEvent, _ reason: String) {
        position = event.position
        self.reason = reason
    }

    var description: String { "position \(position): \(reason)" }
}

/// A column of a projection's table, and its value in a row.
struct OutputColumn<Output: Sendable>: Sendable {
    let name: String
    /// The type of the array's elements on the way to the server.
    let type: String
    /// What is stored, where it is not the value itself: SQL over the column's name.
    let expression: String?
    /// The values of many rows, as one array.
    let values: @Sendable ([Output]) -> any PostgresEncodable

    init<Value: PostgresElement>(
        _ name: String, _ type: String, as expression: String? = nil, _ value: @escaping @Sendable (Output) -> Value
    ) {
        self.name = name
        self.type = type
        self.expression = expression
        values = { $0.map(value) }
    }
}

enum SearchColumn {
    /// A tsvector of the words, which are folded and distinct already: no dictionary takes part.
    static let expression = "array_to_tsvector(string_to_array(r.search, ' '))"
}
