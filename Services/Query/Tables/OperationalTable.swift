import Documents
import Foundation
import Postgres

/// How a resource is read from the operational tables, whose `state` is the record that documents are made of.
///
/// The statements name the partitioned parent `main.aggregates`: its policies are the query role's. Everything in a
/// state is read by `->>`, which no index knows: see `TableList` for what that costs.
protocol OperationalTable: SendableMetatype {
    /// A thing with all that its document depends on.
    associatedtype Record: OperationalRecord

    /// The things of the tenant that is set, as a row each with the columns by which lists filter and sort; a column
    /// that is not asked for costs nothing. The item's fields are there `withItem`.
    static func relation(withItem: Bool) -> SQL

    /// What a reader may see, as a condition on the relation's row `t`.
    static func visible(_ visibility: Visibility) -> SQL

    /// The records of these ids, in any order; nothing for those that are not there.
    static func statement(_ ids: [UUID]) -> SQL

    /// Reads a row of `statement`.
    static func record(_ row: Row) throws -> Record
}

/// A thing as the operational tables hold it.
protocol OperationalRecord {
    var id: UUID { get }
    /// Of its own stream.
    var version: Int64 { get }
    /// Whether its words are those that are searched for.
    func isFound(by search: SearchText.Search) -> Bool

    func isVisible(_ visibility: Visibility) -> Bool

    /// The public JSON; nil where there is none for these eyes.
    func document(_ visibility: Visibility) -> [UInt8]?
}
