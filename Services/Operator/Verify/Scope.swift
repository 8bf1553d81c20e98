import EventSourcing
import Postgres
import Projector

/// What is verified.
struct Scope: Sendable {
    /// Only these; nil: every projection, and the log, the tables and the claims.
    var projections: [String]?
    var selection: GroupSelection

    var namesAll: Bool { projections == nil }

    /// The streams that are looked at, as a condition on the columns `tenant_id` and `stream_id`.
    var streams: SQL {
        let (share, seed) = (selection.share, selection.seed)
        var condition: SQL = "(uuid_hash_extended(stream_id, \(seed)) & 2147483647) % 1000000 < \(share)"
        if let tenant = selection.tenant { condition += " AND tenant_id = \(tenant.uuid)" }
        return condition
    }
}
