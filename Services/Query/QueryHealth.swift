import Postgres
import Runtime

/// What `/readyz` asks.
enum QueryHealth {
    static func register(
        pool: PostgresPool, follower: ShardFollower, poll: Duration, in health: HealthRegistry
    ) {
        health.register("database") {
            do {
                let rows = try await pool.query(
                    "SELECT max(m.version) FROM closter.migrations m", deadline: .seconds(2))
                return schema(try rows.first?.decode(0, as: Int?.self) ?? nil)
            } catch {
                return .failed(reason: "does not answer")
            }
        }
        health.register("projections") {
            projections(follower.freshness(), staleAfter: max(.seconds(5), poll * 4))
        }
    }

    static func schema(_ version: Int?) -> HealthOutcome {
        guard let version else { return .failed(reason: "has no schema: run closter migrate") }
        guard version >= QueryService.oldestSchema else {
            return .failed(reason: "schema \(version) is older than \(QueryService.oldestSchema): run closter migrate")
        }
        return .passed(detail: "schema \(version)")
    }

    static func projections(_ freshness: Freshness?, staleAfter limit: Duration) -> HealthOutcome {
        guard let freshness else { return .failed(reason: "not seen yet") }
        guard freshness.age < limit else {
            return .failed(reason: "last seen \(freshness.age.components.seconds) s ago")
        }
        if let missing = freshness.missing.first {
            return .failed(reason: "\(missing.rawValue) has no live generation")
        }
        if let late = freshness.lag.first(where: { $0.duration > QueryService.mostLag }) {
            return .failed(
                reason:
                    "\(late.projection.rawValue) is \(late.positions) events and \(late.duration.components.seconds) s behind"
            )
        }
        let behind = freshness.lag.filter { $0.positions > 0 }
        return .passed(
            detail: behind.isEmpty
                ? nil
                : behind.map { "\($0.projection.rawValue) is \($0.positions) events behind" }.joined(separator: ", "))
    }
}
