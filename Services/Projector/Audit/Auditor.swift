import EventSourcing
import Foundation
import Logging
import Metrics
import Postgres
import Runtime

/// Proves, all the time and a little at a time, that nothing has drifted: walks through the groups of each live
/// generation that this process leads, over and over, and holds their rows against a fresh fold of the log.
struct Auditor: Sendable {
    struct Settings: Sendable, Equatable {
        /// Groups a second, of each live generation; 0: none.
        var rate = 20
        /// Whether the repair of what differs is asked for.
        var repairs = false
    }

    let settings: Settings
    let shard: Shard
    let projections: [any Projection.Type]
    let connect: Connect
    let status: ProjectorStatus
    let logger: Logger

    /// Groups looked at in one snapshot: about a quarter of a second's.
    private var portion: Int { min(200, max(1, settings.rate / 4)) }

    /// Until the task is cancelled.
    func run() async {
        guard settings.rate > 0 else { return }
        let interval = Duration.seconds(1) * portion / settings.rate
        var places: [GenerationID: GroupPlace] = [:]
        var connection: PostgresConnection?
        var isWell = true
        while !Task.isCancelled {
            // A cancelled sleep ends the loop.
            try? await Task.sleep(for: isWell ? interval : max(interval, .seconds(1)))
            let led = status.generations.filter { $0.value.role == .leading && $0.value.isLive }.map(\.key)
            guard !led.isEmpty, !Task.isCancelled else { continue }
            do {
                let open = connection?.isOpen == true ? connection : nil
                let present = if let open { open } else { try await connect() }
                connection = present
                try await look(at: led, &places, on: present)
                isWell = true
            } catch {
                // A generation that was dropped meanwhile is no longer among the live ones the next time.
                if isWell, !Task.isCancelled { logger.warning("cannot audit", metadata: ["error": "\(error)"]) }
                isWell = false
            }
        }
        await connection?.close()
    }

    /// The next few groups of each of these generations, in one snapshot.
    private func look(
        at led: [GenerationID], _ places: inout [GenerationID: GroupPlace], on connection: PostgresConnection
    ) async throws {
        let known = places
        let looks = try await connection.transaction(isolation: .repeatableRead, readOnly: true) { connection in
            var looks: [Look] = []
            for live in try await LiveGeneration.all(shard, on: connection) where led.contains(live.generation) {
                guard let projection = projections.first(where: { $0.isFold(of: live) }) else { continue }
                let walk = projection.walk(live, shard, .all)
                var start = known[live.generation]
                if start == nil { start = try await walk.first(on: connection) }
                guard let start else { continue }
                let page = try await walk.page(from: start, portion, through: live.position, on: connection)
                looks.append(Look(live: live, page: page))
            }
            return looks
        }
        for look in looks {
            places[look.live.generation] = look.page.next
            tell(look)
            if settings.repairs { try await request(look, on: connection) }
        }
    }

    private struct Look: Sendable {
        var live: LiveGeneration
        var page: GroupPage
    }

    private func tell(_ look: Look) {
        let (page, name) = (look.page, look.live.generation.projection)
        let labels = [("projection", name)]
        Counter(label: "closter_audit_groups_total", dimensions: labels).increment(by: page.groups)
        Counter(label: "closter_audit_differences_total", dimensions: labels)
            .increment(by: page.differences.count + page.failures.count)
        for difference in page.differences {
            logger.error(
                "DRIFT: a row is not what the log says",
                metadata: [
                    "projection": "\(name)", "generation": "\(look.live.generation.number)",
                    "tenant": "\(difference.tenant)", "group": "\(difference.group.text)",
                    "row": "\(difference.row.text)", "difference": "\(difference.kind.rawValue)",
                    "columns": "\(difference.columns.joined(separator: ", "))", "position": "\(look.live.position)",
                ])
        }
        for failure in page.failures {
            logger.error(
                "DRIFT: rows that the log cannot give",
                metadata: [
                    "projection": "\(name)", "generation": "\(look.live.generation.number)",
                    "tenant": "\(failure.tenant)", "group": "\(failure.group.text)", "error": "\(failure.reason)",
                ])
        }
    }

    /// Once for each group, however often it is found before it is done.
    private func request(_ look: Look, on connection: PostgresConnection) async throws {
        let groups = Set(look.page.differences.map { GroupKey(tenant: $0.tenant, id: $0.group) })
        guard !groups.isEmpty else { return }
        _ = try await connection.query(
            SQL(
                """
                INSERT INTO \(shard.table("repairs")) (projection, generation, tenant_id, group_id, requested_by)
                SELECT $1, $2::int, k.tenant, k.id, 'audit' FROM unnest($3::uuid[], $4::uuid[]) AS k (tenant, id)
                ON CONFLICT (projection, generation, tenant_id, group_id) WHERE done_at IS NULL DO NOTHING
                """,
                [
                    look.live.generation.projection, Int32(look.live.generation.number), groups.map(\.tenant.uuid),
                    groups.map(\.id),
                ]))
    }
}

extension Projection {
    static func isFold(of live: LiveGeneration) -> Bool {
        name == live.generation.projection && foldVersion == live.foldVersion
    }
}

extension PrometheusMetrics {
    func describeAudit() {
        describe(
            .init("closter_audit_groups_total", .counter, help: "Groups of rows held against a fresh fold."),
            .init("closter_audit_differences_total", .counter, help: "Rows that were not what the log says."),
            .init("closter_repairs_total", .counter, help: "Groups of rows folded afresh on request, by outcome."))
    }
}
