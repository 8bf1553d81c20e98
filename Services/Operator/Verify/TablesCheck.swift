import Command
import EventSourcing
import EventStore
import Foundation
import Postgres

/// Holds the operational tables and the claims against a fold of every stream, and looks at the streams' versions on
/// the way: three cursors in one order, side by side, so that what is missing and what is too much shows at once.
struct TablesCheck: Sendable {
    let scope: Scope
    let connection: PostgresConnection
    private(set) var streams = 0
    private(set) var events = 0
    private var unplaced: [Placement] = []

    /// The operational position of a stream, which is that of the last event of the intent that changed it last: with
    /// an intent over several streams it is the event of another one.
    private struct Placement: Sendable {
        var finding: Finding
        var position: Int64
        /// Of the stream's own last event.
        var last: Int64
        var intent: UUID
    }

    /// A stream by its events.
    private struct Folded {
        var version: Int64 = 0
        var last: Int64 = 0
        var intent = UUID(bits: 0)
        /// nil: an event cannot be read.
        var fold: StoredFold?
    }

    init(_ scope: Scope, on connection: PostgresConnection) {
        self.scope = scope
        self.connection = connection
    }

    /// - Parameter progress: told after every few hundred streams.
    mutating func check(_ report: (Finding) -> Void, progress: (TablesCheck) -> Void) async throws {
        for category in StoredFold.categories { try await check(category, report, progress) }
        try await reportStrayClaims(report)
    }

    private mutating func check(
        _ category: String, _ report: (Finding) -> Void, _ progress: (TablesCheck) -> Void
    ) async throws {
        var log = try await RowCursor(
            "events_\(category)",
            """
            SELECT \(EventReader.columns) FROM main.events WHERE category = \(category) AND \(scope.streams)
            ORDER BY tenant_id, stream_id, version
            """, columns: (1, 3), on: connection)
        var table = try await RowCursor(
            "aggregates_\(category)",
            """
            SELECT tenant_id, stream_id, version, position, state FROM main.aggregates
            WHERE category = \(category) AND \(scope.streams) ORDER BY tenant_id, stream_id
            """, columns: (0, 1), on: connection)
        var claims = try await RowCursor(
            "claims_\(category)",
            """
            SELECT tenant_id, stream_id, kind, value FROM main.claims
            WHERE category = \(category) AND \(scope.streams) ORDER BY tenant_id, stream_id
            """, columns: (0, 1), on: connection)
        while let key = [log.key, table.key, claims.key].compactMap({ $0 }).min() {
            let folded = try await fold(&log, key, category, report)
            let row = try await table.take(key)
            compare(row, folded, key, category, report)
            var held: Set<StoredFold.Held> = []
            while let claim = try await claims.take(key) {
                held.insert(.init(kind: try claim.decode(2), value: try claim.decode(3)))
            }
            compare(held, folded, key, category, report)
            streams += 1
            if unplaced.count == 500 { try await checkPositions(report) }
            if streams.isMultiple(of: 500) { progress(self) }
        }
        try await checkPositions(report)
        progress(self)
        for cursor in [log, table, claims] { try await cursor.close() }
    }

    private mutating func fold(
        _ log: inout RowCursor, _ key: StreamKey, _ category: String, _ report: (Finding) -> Void
    ) async throws -> Folded? {
        guard log.key == key else { return nil }
        var folded = Folded(fold: StoredFold(category: category))
        while let row = try await log.take(key) {
            events += 1
            let version: Int64 = try row.decode(4)
            if version != folded.version + 1 {
                report(finding(.log, key, category, "version \(folded.version + 1) is missing before \(version)"))
            }
            folded.version = version
            folded.last = try row.decode(0)
            do {
                let event = try EventReader.decode(row)
                folded.intent = event.metadata.commandID
                try folded.fold?.apply(event)
            } catch {
                if folded.fold != nil {
                    report(finding(.log, key, category, "version \(version) cannot be read: \(error)"))
                }
                folded.fold = nil
            }
        }
        return folded
    }

    private mutating func compare(
        _ row: Row?, _ folded: Folded?, _ key: StreamKey, _ category: String, _ report: (Finding) -> Void
    ) {
        switch (row, folded) {
        case (nil, nil): break
        case (nil, _?): report(finding(.table(category), key, category, "missing: it has events and no row"))
        case (_?, nil): report(finding(.table(category), key, category, "extra: it has a row and no events"))
        case (let row?, let folded?):
            var columns: [String] = []
            if row[2] != "\(folded.version)" { columns.append("version (\(row[2] ?? "none"), not \(folded.version))") }
            if let fold = folded.fold {
                if row.bytes(4) != fold.state { columns.append("state") }
                unplaced.append(
                    Placement(
                        finding: finding(.table(category), key, category, "differs in position"),
                        position: row[3].flatMap(Int64.init) ?? 0, last: folded.last, intent: folded.intent))
            }
            if !columns.isEmpty {
                let says = "differs in \(columns.joined(separator: ", "))"
                report(finding(.table(category), key, category, says))
            }
        }
    }

    private func compare(
        _ held: Set<StoredFold.Held>, _ folded: Folded?, _ key: StreamKey, _ category: String,
        _ report: (Finding) -> Void
    ) {
        // Of a stream with an event that cannot be read nobody knows what it holds.
        if let folded, folded.fold == nil { return }
        let wanted = folded?.fold?.held ?? []
        for kind in wanted.subtracting(held).map(\.kind).sorted() {
            report(finding(.claims, key, category, "missing: it should hold \(kind)"))
        }
        for kind in held.subtracting(wanted).map(\.kind).sorted() {
            report(finding(.claims, key, category, "extra: it holds \(kind) and should not"))
        }
    }

    private mutating func checkPositions(_ report: (Finding) -> Void) async throws {
        let placements = unplaced
        unplaced = []
        guard !placements.isEmpty else { return }
        let wrong = try await connection.query(
            """
            SELECT p.ordinal FROM unnest(\(placements.map(\.position)), \(placements.map(\.last)),
                                         \(placements.map(\.intent))) WITH ORDINALITY AS p (position, last, intent, ordinal)
            WHERE p.position < p.last
               OR NOT EXISTS (SELECT FROM main.events e WHERE e.position = p.position AND e.command_id = p.intent)
               OR EXISTS (SELECT FROM main.events n WHERE n.position = p.position + 1 AND n.command_id = p.intent)
            ORDER BY p.ordinal
            """)
        for row in wrong { report(placements[try row.decode(0, as: Int.self) - 1].finding) }
    }

    private func reportStrayClaims(_ report: (Finding) -> Void) async throws {
        let rows = try await connection.query(
            """
            SELECT tenant_id, category, stream_id, kind FROM main.claims
            WHERE category <> ALL (\(StoredFold.categories)) AND \(scope.streams) LIMIT \(Findings.mostTold + 1)
            """)
        for row in rows {
            let key = StreamKey(tenant: try row.decode(0), id: try row.decode(2))
            report(
                Finding(
                    place: .claims, tenant: TenantID(key.tenant),
                    id: "\(StreamID(category: try row.decode(1), id: key.id))",
                    says: "extra: it holds \(row[3] ?? "a value") and should not"))
        }
    }

    private func finding(
        _ place: Finding.Place, _ key: StreamKey, _ category: String, _ says: String
    ) -> Finding {
        Finding(
            place: place, tenant: TenantID(key.tenant),
            id: StreamID(category: category, id: key.id).typeID.description, says: says)
    }
}
