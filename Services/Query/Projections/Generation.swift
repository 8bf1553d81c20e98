/// The projections that answer reads.
enum Projection: String, CaseIterable, Sendable {
    case items, listings, locations, intakes, stocktakes, contracts, offers, valuations, decisions

    /// Whether it has rows of streams that tell all of their records.
    private var isOfRecords: Bool { self != .items && self != .listings }

    /// Whether what happens to a stream of this category is of any interest to it.
    func isAbout(_ category: String) -> Bool {
        let own = Self.allCases.first { $0.isOfRecords && $0.rawValue == category + "s" }
        return own.map { $0 == self } ?? !isOfRecords
    }
}

/// The generation of a projection that is live, and how far it has come.
struct Generation: Sendable, Equatable {
    var projection: Projection
    var number: Int32
    /// The table's bare name, as `main.search` takes it.
    var tableName: String
    /// A lower bound of the checkpoint: every event up to it is in the rows of the table.
    var checkpoint: Int64

    /// The table's qualified and quoted name.
    var table: String { "main.\"\(tableName)\"" }

    /// nil for a name that no generation can have: it would become part of a statement.
    init?(projection: Projection, number: Int32, tableName: String, checkpoint: Int64) {
        let allowed = tableName.utf8.allSatisfy { byte in
            (97...122).contains(byte) || (48...57).contains(byte) || byte == UInt8(ascii: "_")
        }
        guard allowed, !tableName.isEmpty, tableName.utf8.count <= 63 else { return nil }
        self.projection = projection
        self.number = number
        self.tableName = tableName
        self.checkpoint = checkpoint
    }
}

/// What Query knows of the shard, as of one moment. Older than the database, never ahead of it.
struct ShardView: Sendable, Equatable {
    /// Changes when the log is restored or loses events, so that older tokens are refused.
    var epoch: Int64
    /// A lower bound of the log's last position.
    var head: Int64
    var generations: [Projection: Generation]
}
