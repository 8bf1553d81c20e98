public import EventSourcing
public import Foundation
public import Postgres

/// The present state of a stream, as append left it.
public struct StoredState: Sendable, Equatable {
    public var version: Int64
    public var position: Int64
    /// JSON, byte for byte as it was appended.
    public var json: [UInt8]

    public init(version: Int64, position: Int64, json: [UInt8]) {
        self.version = version
        self.position = position
        self.json = json
    }
}

/// Reads what decisions are made from: operational tables, claims, outcomes. Row-level security keeps each read to the
/// tenant, but for outcomes: those are looked up for many tenants at once, by a function that finds a key with its tenant
/// only.
public struct StateReader: Sendable {
    private let pool: PostgresPool
    private let outcomes: OutcomeReader

    public init(pool: PostgresPool) {
        self.pool = pool
        outcomes = OutcomeReader(pool: pool)
    }

    /// The state of a stream; nil where it does not exist.
    public func state(_ tenant: TenantID, _ stream: StreamID) async throws(PostgresError) -> StoredState? {
        let rows = try await pool.query(
            """
            SELECT version, position, state FROM main.aggregates
            WHERE tenant_id = \(tenant.uuid) AND category = \(stream.category) AND stream_id = \(stream.id)
            """, tenant: tenant.uuid)
        guard let row = rows.first else { return nil }
        return try Self.state(row, from: 0)
    }

    /// The states of many streams of one category; those that do not exist are missing.
    public func states(
        _ tenant: TenantID, category: String, _ ids: [UUID]
    ) async throws(PostgresError) -> [UUID: StoredState] {
        guard !ids.isEmpty else { return [:] }
        let rows = try await pool.query(
            """
            SELECT stream_id, version, position, state FROM main.aggregates
            WHERE tenant_id = \(tenant.uuid) AND category = \(category) AND stream_id = ANY(\(ids))
            """, tenant: tenant.uuid, lane: .slow)
        var states: [UUID: StoredState] = [:]
        for row in rows { states[try row.decode(0, as: UUID.self)] = try Self.state(row, from: 1) }
        return states
    }

    /// Which streams hold these values.
    public func holders(
        _ tenant: TenantID, kind: String, values: [String]
    ) async throws(PostgresError) -> [String: StreamID] {
        guard !values.isEmpty else { return [:] }
        let rows = try await pool.query(
            """
            SELECT value, category, stream_id FROM main.claims
            WHERE tenant_id = \(tenant.uuid) AND kind = \(kind) AND value = ANY(\(values))
            """, tenant: tenant.uuid)
        var holders: [String: StreamID] = [:]
        for row in rows {
            holders[try row.decode(0, as: String.self)] = StreamID(
                category: try row.decode(1, as: String.self), id: try row.decode(2, as: UUID.self))
        }
        return holders
    }

    /// The streams that hold values of a kind that begin with a prefix, in the order of the values.
    public func holders(
        _ tenant: TenantID, kind: String, prefix: String
    ) async throws(PostgresError) -> [StreamID] {
        let rows = try await pool.query(
            """
            SELECT category, stream_id FROM main.claims
            WHERE tenant_id = \(tenant.uuid) AND kind = \(kind)
              AND value >= \(prefix) AND value < \(prefix) || chr(1114111)
            ORDER BY value
            """, tenant: tenant.uuid)
        var holders: [StreamID] = []
        for row in rows {
            holders.append(StreamID(category: try row.decode(0, as: String.self), id: try row.decode(1, as: UUID.self)))
        }
        return holders
    }

    /// The streams that hold the last values of a kind that begin with a prefix, the last one first.
    public func holders(
        _ tenant: TenantID, kind: String, prefix: String, last limit: Int
    ) async throws(PostgresError) -> [UUID] {
        let rows = try await pool.query(
            Self.lastHolders(tenant, kind: kind, prefix: prefix, limit: limit), tenant: tenant.uuid)
        var holders: [UUID] = []
        for row in rows { holders.append(try row.decode(0, as: UUID.self)) }
        return holders
    }

    static func lastHolders(_ tenant: TenantID, kind: String, prefix: String, limit: Int) -> SQL {
        """
        SELECT stream_id FROM main.claims
        WHERE tenant_id = \(tenant.uuid) AND kind = \(kind)
          AND value >= \(prefix) AND value < \(prefix) || chr(1114111)
        ORDER BY value DESC LIMIT \(limit)
        """
    }

    /// The outcome under a key, however old it is.
    public func outcome(_ tenant: TenantID, key: String) async throws(PostgresError) -> StoredOutcome? {
        try await outcomes.outcome(tenant, key: key)
    }

    /// Types and positions of an intent's events, for an answer that is given again.
    public func events(
        _ tenant: TenantID, of receipt: Receipt
    ) async throws(PostgresError) -> [(type: String, position: Int64)] {
        guard let first = receipt.firstPosition else { return [] }
        let rows = try await pool.query(
            """
            SELECT type, position FROM main.events
            WHERE tenant_id = \(tenant.uuid) AND position BETWEEN \(first) AND \(receipt.position) ORDER BY position
            """, tenant: tenant.uuid)
        var events: [(type: String, position: Int64)] = []
        for row in rows {
            events.append((try row.decode(0, as: String.self), try row.decode(1, as: Int64.self)))
        }
        return events
    }

    private static func state(_ row: Row, from column: Int) throws(PostgresError) -> StoredState {
        StoredState(
            version: try row.decode(column, as: Int64.self), position: try row.decode(column + 1, as: Int64.self),
            json: try row.decode(column + 2, as: JSONText.self).bytes)
    }
}
