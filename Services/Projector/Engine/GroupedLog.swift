import EventSourcing
import Events
import Foundation
import Postgres

/// The order in which groups are filled, compared and read from the log: by identifier, as PostgreSQL compares uuids,
/// then by tenant.
extension GroupKey: Comparable {
    static func < (left: GroupKey, right: GroupKey) -> Bool {
        (left.id.bits, left.tenant.uuid.bits) < (right.id.bits, right.tenant.uuid.bits)
    }
}

/// A stretch of the groups in their order.
struct KeyRange: Sendable, Equatable {
    /// The first group is the one after this; nil: the very first.
    var after: GroupKey?
    /// The last identifier, with the groups of every tenant; nil: the very last.
    var through: UUID?

    static let all = KeyRange()
}

extension KeyRange {
    /// - Parameter identifier: everything of it, of every tenant, is left out.
    init(afterAll identifier: UUID?, through: UUID?) {
        self.init(
            after: identifier.map { GroupKey(tenant: TenantID(UUID(bits: .max)), id: $0) }, through: through)
    }
}

/// The events of the log up to a position, group by group in the groups' order, each group's in the log's order.
///
/// The server sorts, and spills to disk what does not fit in its `work_mem`; memory here holds a few portions of about
/// 2 MiB and one group. What one item has been through is a matter of dozens of events, so a group is handed over as a
/// whole. The connection is in a transaction from the first `next` until `close`, and belongs to this reader: one that
/// failed is of no more use.
///
/// Events that no projection reads are left out; those that cannot be read are there for the fold to refuse.
struct GroupedLog {
    private let connection: PostgresConnection
    private var cursors: [LogCursor]
    private var isOpen = false

    /// - Parameters:
    ///   - source: what the groups are.
    ///   - position: the last event's.
    ///   - skipped: positions that are passed over.
    ///   - readsAhead: whether a portion is read while the one before it is being taken.
    init(
        _ source: GroupSource, shard: Shard, connection: PostgresConnection, range: KeyRange = .all,
        through position: Int64, skipping skipped: Set<Int64> = [], readsAhead: Bool = true
    ) {
        self.connection = connection
        var statements = [LogCursor.streams(of: source.category, shard, range, position)]
        if source == .items { statements.append(LogCursor.listings(shard, range, position)) }
        cursors = statements.enumerated().map { number, events in
            LogCursor("grouped_\(number)", connection, events, skipping: skipped, readsAhead: readsAhead)
        }
    }

    /// The next group that has events; nil after the last.
    ///
    /// - Throws: `FoldFailure` for an event that names no item by which it could be grouped.
    mutating func next() async throws -> (key: GroupKey, events: [LogEvent])? {
        if !isOpen { try await open() }
        guard let key = cursors.compactMap(\.head?.key).min() else { return nil }
        var events: [LogEvent] = []
        while let next = next(of: key), let event = try await cursors[next].take() { events.append(event) }
        return (key, events)
    }

    /// The cursor whose head is the group's next event.
    private func next(of key: GroupKey) -> Int? {
        var next: (index: Int, position: Int64)?
        for index in cursors.indices {
            guard let head = cursors[index].head, head.key == key else { continue }
            if next.map({ head.event.position < $0.position }) ?? true { next = (index, head.event.position) }
        }
        return next?.index
    }

    /// Ends the transaction; nothing more can be read.
    mutating func close() async {
        for cursor in cursors { cursor.stop() }
        // Where this fails the connection is broken, and the server ends the transaction by itself.
        try? await connection.simple("ROLLBACK")
    }

    /// The first answer of each cursor comes when the server has sorted everything.
    private mutating func open() async throws {
        isOpen = true
        // The whole is wanted: one scan and a sort, not an index that gives the first rows early.
        try await connection.simple(
            """
            BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
            SET LOCAL work_mem = '64MB';
            SET LOCAL enable_seqscan = on;
            SET LOCAL cursor_tuple_fraction = 1;
            SET LOCAL jit = off
            """)
        for cursor in cursors { _ = try await connection.query(cursor.declaration) }
        for index in cursors.indices { try await cursors[index].start() }
    }

    /// Identifiers that divide the groups into at most `count` stretches of about as many events: fewer than `count`,
    /// ascending; none where there is little to divide. Taken from a sample of the log.
    static func splits(
        _ count: Int, of source: GroupSource, shard: Shard, connection: PostgresConnection, through position: Int64
    ) async throws(PostgresError) -> [UUID] {
        guard count > 1, position > 0 else { return [] }
        let percentage = min(100, 100 * 30_000 / Double(position))
        let rows = try await connection.query(
            SQL(
                """
                SELECT DISTINCT u.split FROM (
                    SELECT percentile_disc($1::float8[]) WITHIN GROUP (ORDER BY e.stream_id) AS splits
                    FROM \(shard.table("events")) e TABLESAMPLE SYSTEM ($2::float4)
                    WHERE e.category = $3 AND e.position <= $4
                ) s CROSS JOIN unnest(s.splits) AS u (split)
                WHERE u.split IS NOT NULL ORDER BY u.split
                """,
                [(1..<count).map { Double($0) / Double(count) }, percentage, source.category, position]))
        var splits: [UUID] = []
        for row in rows { splits.append(try row.decode(0, as: UUID.self)) }
        return splits
    }
}

/// One category of a `GroupedLog`: a cursor on the server, and the portion of it that is being taken.
private struct LogCursor {
    /// About what a portion may have, in bytes; a portion of unusually large events may have more.
    private static let portion = 2 << 20
    private static let mostEvents = 4000

    let declaration: SQL
    private let name: String
    private let connection: PostgresConnection
    private let skipped: Set<Int64>
    private let readsAhead: Bool

    private(set) var head: (key: GroupKey, event: LogEvent)?
    private var rows = Rows.empty
    private var index = 0
    /// Of the rows taken from the present portion.
    private var bytes = 0
    /// How many events the next portion has.
    private var count = 200
    private var ahead: Task<Rows, any Error>?

    init(
        _ name: String, _ connection: PostgresConnection, _ events: SQL, skipping skipped: Set<Int64>,
        readsAhead: Bool
    ) {
        self.name = name
        self.connection = connection
        declaration = SQL(unescaped: "DECLARE \(name) NO SCROLL CURSOR FOR ") + events
        self.skipped = skipped
        self.readsAhead = readsAhead
    }

    mutating func start() async throws {
        rows = try await fetch(count).value
        if readsAhead, !rows.isEmpty { ahead = fetch(count) }
        try await advance()
    }

    func stop() { ahead?.cancel() }

    /// The event at the head; the next one takes its place.
    mutating func take() async throws -> LogEvent? {
        let event = head?.event
        try await advance()
        return event
    }

    private mutating func advance() async throws {
        while true {
            while index < rows.endIndex {
                let row = rows[index]
                index += 1
                if let found = try decode(row) {
                    head = found
                    return
                }
            }
            guard !rows.isEmpty else { break }
            try await refill()
        }
        head = nil
    }

    private mutating func refill() async throws {
        count = max(1, min(Self.mostEvents, Self.portion * rows.count / max(1, bytes)))
        let task = ahead ?? fetch(count)
        rows = try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
        index = 0
        bytes = 0
        ahead = readsAhead && !rows.isEmpty ? fetch(count) : nil
    }

    private func fetch(_ count: Int) -> Task<Rows, any Error> {
        let sql = SQL(unescaped: "FETCH FORWARD \(count) FROM \(name)")
        return Task { [connection] in try await connection.query(sql) }
    }

    /// nil for an event that nobody reads, or that is skipped.
    private mutating func decode(_ row: Row) throws -> (GroupKey, LogEvent)? {
        let event = try LogReader.event(row)
        bytes += event.size + 200
        guard event.payload != .unread, !skipped.contains(event.position) else { return nil }
        guard let id = event.payload.group(of: event.stream) else {
            throw FoldFailure(event, "\(event.type) names no item")
        }
        return (GroupKey(tenant: event.tenant, id: id), event)
    }
}

extension LogCursor {
    private static let columns = """
        e.position, e.tenant_id, e.category, e.stream_id, e.version, e.type, e.schema_version, e.correlation_id, \
        e.recorded_at, e.metadata ->> 'requested_at', e.data
        """

    static func streams(
        of category: String, _ shard: Shard, _ range: KeyRange, _ position: Int64
    ) -> SQL {
        var sql: SQL = """
            SELECT \(unescaped: columns) FROM \(unescaped: shard.table("events")) e
            WHERE e.category = \(category) AND e.position <= \(position)
            """
        if let after = range.after { sql += " AND (e.stream_id, e.tenant_id) > (\(after.id), \(after.tenant.uuid))" }
        if let through = range.through { sql += " AND e.stream_id <= \(through)" }
        return sql + " ORDER BY e.stream_id, e.tenant_id, e.position"
    }

    /// The texts of identifiers sort by their bytes as the identifiers do. What is no identifier at all is somewhere
    /// among them, or first.
    static func listings(_ shard: Shard, _ range: KeyRange, _ position: Int64) -> SQL {
        let key = #"(e.data ->> 'item_id') COLLATE "C""#
        var sql: SQL = """
            SELECT \(unescaped: columns) FROM \(unescaped: shard.table("events")) e
            WHERE e.category = \(ListingEvent.category) AND e.position <= \(position)
            """
        if let after = range.after {
            sql += " AND (\(unescaped: key), e.tenant_id) > (\(text(after.id)), \(after.tenant.uuid))"
        }
        if let through = range.through {
            let below: SQL = "\(unescaped: key) <= \(text(through))"
            // Without an item: in the first stretch.
            sql += range.after == nil ? " AND (\(below) OR \(unescaped: key) IS NULL)" : " AND \(below)"
        }
        return sql + " ORDER BY \(unescaped: key) NULLS FIRST, e.tenant_id, e.position"
    }

    private static func text(_ id: UUID) -> String { TypeID(prefix: "item", uuid: id).description }
}
