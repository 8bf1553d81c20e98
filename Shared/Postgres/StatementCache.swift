/// Which statements one connection has prepared. Bounded; what was used least recently goes first.
///
/// A statement counts as prepared when the server has said so: a Parse behind an error is skipped, and one in a
/// transaction that is rolled back stays.
struct StatementCache {
    struct Key: Hashable {
        var text: String
        var types: [UInt32]

        init(_ sql: SQL) {
            text = sql.text
            types = sql.parameters.types
        }
    }

    enum Use: Equatable {
        /// Prepared: run it by name.
        case prepared(String)
        /// Prepare it under this name first, then run it by name.
        case prepare(String)
        /// Its Parse is under way in another transaction and may fail there: run it without a name.
        case unnamed
    }

    private struct Entry {
        var name: String
        var isReady: Bool
        /// The transaction whose Parse is under way.
        var preparedBy: UInt64
        /// The latest transaction that runs it.
        var usedBy: UInt64
        var lastUse: UInt64
    }

    private let limit: Int
    private var entries: [Key: Entry] = [:]
    private var keys: [String: Key] = [:]
    private var uses: UInt64 = 0
    private var names: UInt64 = 0
    /// Names that the server still holds and that are to be freed with the next transaction.
    private var dropped: [String] = []

    init(limit: Int) { self.limit = max(limit, 1) }

    var count: Int { entries.count }

    /// - Parameter transaction: a number for the implicit transaction that will hold the Parse.
    mutating func use(_ sql: SQL, in transaction: UInt64) -> Use {
        let key = Key(sql)
        uses += 1
        if var entry = entries[key] {
            entry.lastUse = uses
            entry.usedBy = transaction
            entries[key] = entry
            if entry.isReady || entry.preparedBy == transaction { return .prepared(entry.name) }
            return .unnamed
        }
        guard makeRoom(in: transaction) else { return .unnamed }
        names += 1
        let name = "s\(names)"
        entries[key] = Entry(name: name, isReady: false, preparedBy: transaction, usedBy: transaction, lastUse: uses)
        keys[name] = key
        return .prepare(name)
    }

    /// What is freed goes before the statements of the transaction, so nothing that it runs may go.
    private mutating func makeRoom(in transaction: UInt64) -> Bool {
        guard entries.count >= limit else { return true }
        let free = entries.filter { $0.value.isReady && $0.value.usedBy != transaction }
        guard let oldest = free.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return false }
        drop(oldest.key, oldest.value.name)
        return true
    }

    private mutating func drop(_ key: Key, _ name: String) {
        entries[key] = nil
        keys[name] = nil
        dropped.append(name)
    }

    mutating func prepared(_ name: String) {
        if let key = keys[name] { entries[key]?.isReady = true }
    }

    /// The server did not prepare it.
    mutating func notPrepared(_ name: String) {
        guard let key = keys.removeValue(forKey: name) else { return }
        entries[key] = nil
    }

    /// The server's plan can no longer be used (a table changed under it).
    mutating func invalidate(_ sql: SQL) {
        let key = Key(sql)
        if let entry = entries[key], entry.isReady { drop(key, entry.name) }
    }

    /// The names to DEALLOCATE now. Those that fail are handed back with `keepDropped`.
    mutating func takeDropped() -> [String] {
        defer { dropped = [] }
        return dropped
    }

    mutating func keepDropped(_ name: String) { dropped.append(name) }
}
