import EventSourcing
import Foundation
import Postgres

/// Groups of rows as they follow from the log alone: what a generation's rows are held against.
///
/// It passes over the same events as the generation's own fold: those that somebody decided to skip, and for a group
/// that has parked events everything from the first of them on.
struct FreshFold<P: Projection>: Sendable {
    struct Outcome: Sendable {
        /// The rows of all groups that could be folded.
        var rows: [P.Output] = []
        /// The groups that could not, and why.
        var failures: [GroupKey: FoldFailure] = [:]
    }

    private let generation: GenerationID
    private let text: String

    /// The longest the statement may take; a page of groups takes milliseconds.
    private static var deadline: Duration { .seconds(30) }

    /// - Parameter generation: whose parked events count.
    init(shard: Shard, generation: GenerationID) {
        self.generation = generation
        text = Self.text(shard)
    }

    /// Folds the groups of these keys, each from its first event up to and including `position`, by one statement.
    /// All events of the groups are in memory at once.
    func rows(
        of keys: [GroupKey], through position: Int64, on connection: PostgresConnection
    ) async throws -> Outcome {
        guard !keys.isEmpty else { return Outcome() }
        let names = keys.map { TypeID(prefix: P.source.category, uuid: $0.id).description }
        let events = try await connection.query(
            SQL(
                text,
                [
                    keys.map(\.tenant.uuid), keys.map(\.id), names, position, generation.projection,
                    Int32(generation.number),
                ]), deadline: Self.deadline)
        var groups: [GroupKey: P.Group] = [:]
        var outcome = Outcome()
        for row in events {
            let event = try LogReader.event(row)
            let key = GroupKey(tenant: event.tenant, id: try row.decode(11, as: UUID.self))
            guard outcome.failures[key] == nil else { continue }
            do throws(FoldFailure) {
                try Self.apply(event, to: &groups[key, default: P.empty], key)
            } catch {
                outcome.failures[key] = error
            }
        }
        for key in keys where outcome.failures[key] == nil {
            guard let group = groups[key] else { continue }
            outcome.rows += P.outputs(of: group, key, changedAfter: 0)
        }
        return outcome
    }

    private static func apply(_ event: LogEvent, to group: inout P.Group, _ key: GroupKey) throws(FoldFailure) {
        if P.group(of: event) == key.id { try P.apply(event, to: &group) }
    }

    /// A listing belongs to the item that its first event names, which an index knows.
    private static func text(_ shard: Shard) -> String {
        let listings = """
            UNION ALL
            SELECT g.tenant, g.id, g.through, 'listing', c.stream_id
            FROM groups g
            JOIN \(shard.table("events")) c
                ON c.tenant_id = g.tenant AND c.type = 'ListingCreated' AND c.data ->> 'item_id' = g.name
            """
        return """
            WITH groups AS (
                SELECT k.tenant, k.id, k.name, least($4, (
                    SELECT min(p.position) - 1 FROM \(shard.table("parked")) p
                    WHERE p.projection = $5 AND p.generation = $6::int AND p.tenant_id = k.tenant AND p.group_id = k.id
                )) AS through
                FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS k (tenant, id, name)
            ), streams AS (
                SELECT g.tenant, g.id, g.through, '\(P.source.category)' AS category, g.id AS stream FROM groups g
                \(P.source == .items ? listings : "")
            )
            SELECT e.position, e.tenant_id, e.category, e.stream_id, e.version, e.type, e.schema_version,
                   e.correlation_id, e.recorded_at, e.metadata ->> 'requested_at', e.data, s.id
            FROM streams s
            JOIN \(shard.table("events")) e
                ON e.tenant_id = s.tenant AND e.category = s.category AND e.stream_id = s.stream
            WHERE e.position <= s.through
              AND NOT EXISTS (
                  SELECT FROM \(shard.table("skipped")) x WHERE x.projection = $5 AND x.position = e.position)
            ORDER BY e.position
            """
    }
}
