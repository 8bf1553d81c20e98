/// The names of one shard: a schema, three channels, and the locks by which projectors agree who leads.
struct Shard: Sendable, Equatable {
    /// The schema.
    let name: String

    init(_ name: String) { self.name = name }

    static let main = Shard("main")

    /// A table of the shard, quoted for a statement.
    func table(_ table: String) -> String { "\"\(name)\".\"\(table)\"" }

    /// Rung by command after it has committed.
    var logChannel: String { "closter_\(name)" }
    /// Rung by the projector after it has committed.
    var readChannel: String { "closter_\(name)_read" }

    /// Rung when an operator has asked for something.
    var requestChannel: String { "closter_\(name)_requests" }

    /// The text whose hash is the advisory lock of a generation's leader.
    func leadershipLock(_ generation: GenerationID) -> String {
        "closter.projector.\(name).\(generation.projection).\(generation.number)"
    }

    /// The text whose hash is the advisory lock of whoever works on the rebuilds of a projection.
    func rebuildLock(_ projection: String) -> String { "closter.rebuild.\(name).\(projection)" }
}

/// One generation of a projection: a table of its own, filled by a fold of its own.
struct GenerationID: Hashable, Sendable, CustomStringConvertible {
    var projection: String
    var number: Int

    /// `listings_g1`, which is its table's name too.
    var description: String { "\(projection)_g\(number)" }
}
