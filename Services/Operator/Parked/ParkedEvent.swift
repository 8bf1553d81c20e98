import EventSourcing
import Foundation
import JSON
import Postgres

/// An event that a live projection could not take, and that others of its group wait behind.
struct ParkedEvent: Equatable, Sendable {
    var tenant: String
    var projection: String
    var position: Int64
    var type: String
    var stream: String
    var reason: String
    var attempts: Int
    /// Later events of its group.
    var waiting: Int64
    var parkedAt: Timestamp
    /// What somebody wants done with it, and it is not done yet.
    var wish: String?

    /// - Parameters:
    ///   - projection: nil for all.
    ///   - tenant: its slug; nil for all.
    static func list(
        projection: String? = nil, tenant: String? = nil, position: Int64? = nil, _ connection: PostgresConnection
    ) async throws -> [ParkedEvent] {
        try await connection.query(
            """
            SELECT coalesce(t.slug, p.tenant_id::text), p.projection, p.position, p.type, p.category, p.stream_id,
                   p.reason, p.attempts, p.parked_at, p.wish,
                   (SELECT count(*) FROM main.parked w
                    WHERE w.projection = p.projection AND w.generation = p.generation AND w.tenant_id = p.tenant_id
                      AND w.group_id = p.group_id AND w.position > p.position)
            FROM main.parked p
            JOIN main.generations g
                ON g.projection = p.projection AND g.generation = p.generation AND g.status = 'live'
            LEFT JOIN closter.tenants t ON t.tenant_id = p.tenant_id
            WHERE p.reason IS NOT NULL AND (\(projection)::text IS NULL OR p.projection = \(projection))
              AND (\(tenant)::text IS NULL OR t.slug = \(tenant))
              AND (\(position)::int8 IS NULL OR p.position = \(position))
            ORDER BY p.projection, p.position
            """
        ).map(ParkedEvent.init)
    }

    private init(_ row: Row) throws {
        tenant = try row.decode(0)
        projection = try row.decode(1)
        position = try row.decode(2)
        type = try row.decode(3)
        stream = TypeID(prefix: try row.decode(4), uuid: try row.decode(5)).description
        reason = try row.decode(6)
        attempts = try row.decode(7)
        parkedAt = Timestamp(microseconds: try row.decode(8, as: PostgresTimestamp.self).microseconds)
        wish = try row.decode(9)
        waiting = try row.decode(10)
    }

    static let columns = [
        "TENANT", "PROJECTION", "POSITION", "TYPE", "STREAM", "ATTEMPTS", "WAITING", "PARKED", "REASON",
    ]

    var cells: [String] {
        [
            tenant, projection, "\(position)", type, stream, "\(attempts)", "\(waiting)", parkedAt.rfc3339,
            (wish.map { "(\($0) is asked for) " } ?? "") + reason,
        ]
    }

    var json: JSONValue {
        [
            "tenant": .string(tenant), "projection": .string(projection), "position": .integer(position),
            "type": .string(type), "stream_id": .string(stream), "reason": .string(reason),
            "attempts": JSONValue(attempts), "waiting": .integer(waiting), "parked_at": .string(parkedAt.rfc3339),
            "wish": JSONValue(wish),
        ]
    }
}
