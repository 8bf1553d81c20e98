import Documents
import EventSourcing
import Foundation
import Postgres

@testable import Projector

/// All that the database holds, at one moment, and what its projections should hold by a fold of the log.
struct Evidence: Sendable {
    struct Stream: Hashable, Sendable {
        var tenant: UUID
        var category: String
        var id: UUID
    }

    struct Event: Sendable {
        var position: Int64
        var stream: Stream
        var version: Int64
        var type: String
        var command: UUID

        var mark: Tailer.Mark { Tailer.Mark(command: command, stream: stream.id, version: version) }
    }

    /// The outcome of an intent under its idempotency key.
    struct Outcome: Sendable {
        var key: String
        var command: UUID
        var stream: Stream
        var version: Int64
        var position: Int64
        var first: Int64?
    }

    /// A row of an operational table.
    struct State: Sendable {
        var stream: Stream
        var version: Int64
        var position: Int64
    }

    /// A row of a projection.
    struct Row: Hashable, Sendable {
        var tenant: UUID
        var id: UUID
        var version: Int64
        var position: Int64
        var document: String
        var publicDocument: String?
        var record: String
    }

    struct Projected: Sendable {
        var rows: [Row]
        /// nil where the log cannot be folded.
        var expected: [Row]?
    }

    /// By slug.
    var tenants: [String: UUID] = [:]
    /// In order of position.
    var events: [Event] = []
    var outcomes: [Outcome] = []
    var states: [State] = []
    var claims: [Stream] = []
    var projections: [String: Projected] = [:]

    /// - Parameter connection: an administrator's, in a transaction whose snapshot stands still.
    init(_ connection: PostgresConnection) async throws {
        for row in try await connection.query("SELECT slug, tenant_id FROM closter.tenants") {
            tenants[try row.decode(0)] = try row.decode(1, as: UUID.self)
        }
        events = try await connection.query(
            """
            SELECT tenant_id, category, stream_id, position, version, type, command_id FROM main.events
            ORDER BY position
            """
        ).map {
            Event(
                position: try $0.decode(3), stream: try Self.stream($0), version: try $0.decode(4),
                type: try $0.decode(5), command: try $0.decode(6))
        }
        outcomes = try await connection.query(
            """
            SELECT tenant_id, category, stream_id, key, command_id, version, position, first_position
            FROM main.outcomes
            """
        ).map {
            Outcome(
                key: try $0.decode(3), command: try $0.decode(4), stream: try Self.stream($0),
                version: try $0.decode(5), position: try $0.decode(6), first: try $0.decode(7))
        }
        states = try await connection.query(
            "SELECT tenant_id, category, stream_id, version, position FROM main.aggregates"
        ).map { State(stream: try Self.stream($0), version: try $0.decode(3), position: try $0.decode(4)) }
        claims = try await connection.query("SELECT tenant_id, category, stream_id FROM main.claims").map(Self.stream)
        let log = try await Self.log(connection)
        projections = [
            "items": Projected(
                rows: try await Self.rows("items", connection),
                expected: log.flatMap { Self.fold(ItemsProjection.self, $0) }?.map {
                    Row(
                        tenant: $0.tenant.uuid, id: $0.item.id, version: $0.item.version, position: $0.position,
                        document: $0.document.text, publicDocument: $0.publicDocument?.text, record: $0.record.text)
                }),
            "listings": Projected(
                rows: try await Self.rows("listings", connection),
                expected: log.flatMap { Self.fold(ListingsProjection.self, $0) }?.map {
                    Row(
                        tenant: $0.tenant.uuid, id: $0.listing.id, version: $0.listing.version, position: $0.position,
                        document: $0.document.text, publicDocument: $0.publicDocument?.text, record: $0.record.text)
                }),
        ]
    }

    private static func stream(_ row: Postgres.Row) throws -> Stream {
        Stream(tenant: try row.decode(0), category: try row.decode(1), id: try row.decode(2))
    }

    private static func rows(_ projection: String, _ connection: PostgresConnection) async throws -> [Row] {
        let live = try await connection.query(
            "SELECT table_name FROM main.generations WHERE projection = \(projection) AND status = 'live'")
        guard let table = try live.first?.decode(0, as: String.self) else { return [] }
        return try await connection.query(
            """
            SELECT tenant_id, id, version, position, document, public_document, record
            FROM main.\(identifier: table)
            """
        ).map {
            Row(
                tenant: try $0.decode(0), id: try $0.decode(1), version: try $0.decode(2), position: try $0.decode(3),
                document: try $0.decode(4), publicDocument: try $0.decode(5), record: try $0.decode(6))
        }
    }

    /// The log as projections see it; nil where it has a hole.
    private static func log(_ connection: PostgresConnection) async throws -> [LogEvent]? {
        let reader = LogReader(shard: .main) { () throws(PostgresError) in connection }
        var log: [LogEvent] = []
        do {
            while true {
                let batch = try await reader.read(
                    after: Int64(log.count), LogReader.Limit(events: 5000, bytes: .max))
                if batch.isEmpty { return log }
                log += batch.events
            }
        } catch is LogGap {
            return nil
        }
    }

    /// Every row, folded from the first event; nil where an event cannot be applied.
    private static func fold<P: Projection>(_ projection: P.Type, _ log: [LogEvent]) -> [P.Output]? {
        var groups: [GroupKey: P.Group] = [:]
        for event in log {
            guard let id = P.group(of: event) else { continue }
            do throws(FoldFailure) {
                try P.apply(event, to: &groups[GroupKey(tenant: event.tenant, id: id), default: P.empty])
            } catch {
                return nil
            }
        }
        return groups.flatMap { P.outputs(of: $0.value, $0.key, changedAfter: 0) }
    }
}
