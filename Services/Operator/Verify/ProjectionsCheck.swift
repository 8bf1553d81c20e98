import EventSourcing
import Foundation
import Postgres
import Projector

/// Holds the live generations and their checkpoints against the log.
struct ProjectionsCheck: Sendable {
    let scope: Scope
    let connection: PostgresConnection
    /// Of the log.
    let head: Int64
    /// Looked at, by projection.
    private(set) var groups: [(projection: String, count: Int)] = []

    init(_ scope: Scope, head: Int64, on connection: PostgresConnection) {
        self.scope = scope
        self.head = head
        self.connection = connection
    }

    private var projections: [String] { scope.projections ?? ProjectionProof.projections }

    /// - Parameter progress: told after every few hundred groups, with the projection and how many there were.
    mutating func check(
        _ report: (Finding) -> Void, note: (String) -> Void, progress: (String, Int) -> Void
    ) async throws {
        // Groups are found by index, whatever the tables' statistics say.
        for setting in ["enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"] {
            try await connection.simple("SET LOCAL \(setting) = off")
        }
        try await checkCheckpoints(report)
        for projection in projections {
            try await noteExceptions(projection, note)
            do {
                var proof = try await ProjectionProof(projection, scope.selection, on: connection)
                if proof.position < head { note("\(projection) has come to position \(proof.position) of \(head)") }
                var count = 0
                while let page = try await proof.next(on: connection) {
                    count += page.groups
                    for difference in page.differences { report(Self.finding(difference, proof)) }
                    for failure in page.failures {
                        report(
                            Finding(
                                place: .projection(projection), tenant: failure.tenant,
                                id: TypeID(prefix: proof.groupPrefix, uuid: failure.group).description,
                                says: "cannot be folded: \(failure.reason)"))
                    }
                    progress(projection, count)
                }
                groups.append((projection, count))
            } catch let error as ProjectionProof.Unprovable {
                report(Finding(place: .projection(projection), says: "not verified: \(error.reason)"))
            }
        }
    }

    private static func finding(_ difference: RowDifference, _ proof: ProjectionProof) -> Finding {
        let says =
            switch difference.kind {
            case .missing: "missing: it has events and no row"
            case .extra: "extra: it has a row that no event explains"
            case .different: "differs in \(difference.columns.joined(separator: ", "))"
            }
        return Finding(
            place: .projection(proof.projection), tenant: difference.tenant,
            id: TypeID(prefix: proof.rowPrefix, uuid: difference.row).description, says: says,
            group: .init(
                projection: proof.projection, tenant: difference.tenant,
                group: TypeID(prefix: proof.groupPrefix, uuid: difference.group)))
    }

    /// Each checkpoint follows on the one before it, as far back as they are kept, and none is beyond the log.
    private func checkCheckpoints(_ report: (Finding) -> Void) async throws {
        let rows = try await connection.query(
            """
            SELECT c.projection, c.generation, c.previous, c.position, c.before FROM (
                SELECT projection, generation, previous, position,
                       lag(position) OVER (PARTITION BY projection, generation ORDER BY position) AS before
                FROM main.checkpoints WHERE projection = ANY (\(projections))
            ) c WHERE c.before <> c.previous OR c.position > \(head)
            ORDER BY c.projection, c.generation, c.position LIMIT \(Findings.mostTold + 1)
            """)
        for row in rows {
            let projection: String = try row.decode(0)
            let position: Int64 = try row.decode(3)
            let previous: Int64 = try row.decode(2)
            let id = "\(projection)_g\(try row.decode(1, as: Int.self))"
            let before = try row.decode(4, as: Int64?.self)
            if let before, before != previous {
                let says = "the one at \(position) follows on \(previous), but the one before it is at \(before)"
                report(Finding(place: .checkpoints(projection), id: id, says: says))
            }
            if position > head {
                let says = "the one at \(position) is beyond the log, which ends at \(head)"
                report(Finding(place: .checkpoints(projection), id: id, says: says))
            }
        }
    }

    private func noteExceptions(_ projection: String, _ note: (String) -> Void) async throws {
        let rows = try await connection.query(
            """
            SELECT count(*), count(DISTINCT (p.tenant_id, p.group_id)),
                   (SELECT count(*) FROM main.skipped WHERE projection = \(projection))
            FROM main.parked p JOIN main.generations g
                ON g.projection = p.projection AND g.generation = p.generation AND g.status = 'live'
            WHERE p.projection = \(projection)
            """)
        guard let row = rows.first else { return }
        let (parked, groups, skipped) = (
            try row.decode(0, as: Int.self), try row.decode(1, as: Int.self), try row.decode(2, as: Int.self)
        )
        if parked > 0 {
            note(
                "\(projection): \(parked) events are parked; the \(groups) groups that wait for them are compared as of "
                    + "before the first")
        }
        if skipped > 0 { note("\(projection): \(skipped) skipped events are passed over") }
    }
}
