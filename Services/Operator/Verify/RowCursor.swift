import EventSourcing
import Foundation
import Postgres

/// A stream within its shard, in the order in which the server sorts by tenant and stream.
struct StreamKey: Comparable, Sendable {
    var tenant: UUID
    var id: UUID

    static func < (left: StreamKey, right: StreamKey) -> Bool {
        (left.tenant.bits, left.id.bits) < (right.tenant.bits, right.id.bits)
    }
}

/// The rows of a query in the order of their streams, fetched a few at a time: a cursor of the transaction that is open
/// on the connection.
struct RowCursor {
    private let name: String
    private let fetch: SQL
    private let connection: PostgresConnection
    private let tenant: Int
    private let stream: Int
    private var rows = Rows.empty
    private var index = 0
    /// The row it stands on; nil at the end.
    private(set) var row: Row?
    /// The stream of that row.
    private(set) var key: StreamKey?

    /// Stands on the first row.
    ///
    /// - Parameters:
    ///   - name: one of its own in the transaction.
    ///   - columns: where in a row the tenant and the stream are.
    init(
        _ name: String, _ sql: SQL, columns: (tenant: Int, stream: Int), on connection: PostgresConnection
    ) async throws {
        self.name = name
        self.connection = connection
        (tenant, stream) = columns
        fetch = "FETCH FORWARD 500 FROM \(identifier: name)"
        _ = try await connection.query("DECLARE \(identifier: name) NO SCROLL CURSOR FOR \(sql)")
        try await advance()
    }

    mutating func advance() async throws {
        if index == rows.count {
            rows = try await connection.query(fetch)
            index = 0
        }
        guard index < rows.count else {
            (row, key) = (nil, nil)
            return
        }
        let next = rows[index]
        index += 1
        row = next
        key = StreamKey(tenant: try next.decode(tenant), id: try next.decode(stream))
    }

    /// Takes the row it stands on and goes on, where that is one of this stream.
    mutating func take(_ key: StreamKey) async throws -> Row? {
        guard self.key == key, let row else { return nil }
        try await advance()
        return row
    }

    func close() async throws {
        _ = try await connection.query("CLOSE \(identifier: name)")
    }
}
