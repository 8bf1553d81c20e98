public import Foundation

/// A tenant, by the UUID of its stream; its slug exists only at the edge.
public struct TenantID: Hashable, Sendable, CustomStringConvertible {
    public var uuid: UUID

    public init(_ uuid: UUID) { self.uuid = uuid }

    /// As PostgreSQL writes it, in lower case.
    public var description: String { uuid.text }
}

/// A stream of events within a tenant.
public struct StreamID: Hashable, Sendable, CustomStringConvertible {
    public var category: String
    public var id: UUID

    public init(category: String, id: UUID) {
        self.category = category
        self.id = id
    }

    public init<A: Aggregate>(_ aggregate: A.Type, _ id: UUID) {
        self.init(category: aggregate.category, id: id)
    }

    /// The public identifier. The prefix of every category is its name.
    public var typeID: TypeID { TypeID(prefix: category, uuid: id) }

    /// `item/01890a5d-ac96-774b-bcce-b302099a8057`
    public var description: String { "\(category)/\(id.text)" }
}
