import EventSourcing
import Foundation
import Postgres
import Projector

/// Proves that log, operational tables, claims and projections agree, in one snapshot of the database and in bounded
/// memory.
struct Verification: Sendable {
    let scope: Scope
    /// nil: every tenant.
    let tenant: String?

    /// What came of it.
    struct Result: Sendable {
        var names = TenantNames()
        var findings = Findings()
        /// Of the log.
        var head: Int64 = 0
        var events = 0
        /// Folded, of the operational tables.
        var streams = 0
        var groups: [(projection: String, count: Int)] = []
    }

    /// - Parameters:
    ///   - tell: what is found, as it is found.
    ///   - progress: how far it has come.
    func run(
        on connection: PostgresConnection, tell: (Finding, TenantNames) -> Void, progress: (Progress) -> Void
    ) async throws -> Result {
        try await connection.transaction(isolation: .repeatableRead, readOnly: true) { connection in
            var result = Result()
            result.names = try await Self.names(on: connection)
            let scope = try scope(result.names)
            let log = try await LogCheck(scope, on: connection)
            (result.head, result.events) = (log.head, log.events)
            func report(_ finding: Finding) {
                if result.findings.add(finding) { tell(finding, result.names) }
            }
            if scope.namesAll {
                try await log.check(scope, on: connection, report)
                var tables = TablesCheck(scope, on: connection)
                try await tables.check(report) { tables in
                    progress(Progress(label: "tables", done: tables.events, total: log.selected, unit: "events"))
                }
                result.streams = tables.streams
            }
            var projections = ProjectionsCheck(scope, head: log.head, on: connection)
            try await projections.check(report, note: { result.findings.note($0) }) { projection, count in
                progress(Progress(label: projection, done: count, total: log.items, unit: "groups"))
            }
            result.groups = projections.groups
            return result
        }
    }

    private static func names(on connection: PostgresConnection) async throws -> TenantNames {
        var names = TenantNames()
        for row in try await connection.query("SELECT tenant_id, slug FROM closter.tenants") {
            names.slugs[TenantID(try row.decode(0, as: UUID.self))] = row[1]
        }
        return names
    }

    private func scope(_ names: TenantNames) throws -> Scope {
        guard let tenant else { return scope }
        guard let id = names.slugs.first(where: { $0.value == tenant })?.key else {
            throw ToolFailure("there is no tenant \(tenant)")
        }
        var scope = scope
        scope.selection.tenant = id
        return scope
    }
}
