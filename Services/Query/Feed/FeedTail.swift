import EventSourcing
import Logging
import Postgres

/// The one reader of the log for all followers of the process. It reads only while somebody follows.
struct FeedTail: Sendable {
    static let channel = "closter_main"
    /// Events of a read, which ends earlier where they are large.
    static let batch: Int32 = 500

    let feed: Feed
    let shard: ShardFollower
    let pool: PostgresPool
    let bell: Bell
    let logger: Logger

    /// Until the task is cancelled, then ends every stream.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [feed] in
                while (try? await Task.sleep(for: feed.limits.tick)) != nil { feed.tick(.now) }
            }
            for await _ in feed.demand {
                while feed.followers > 0, !Task.isCancelled { await follow() }
            }
            group.cancelAll()
        }
        feed.close()
    }

    /// Until nobody follows any more, or the log has become another one.
    private func follow() async {
        var epoch: Int64?
        await bell.answer {
            do {
                if epoch == nil, let view = try await shard.look() {
                    epoch = view.epoch
                    feed.begin(at: max(0, view.head - feed.limits.lookBack))
                }
                // Restored, or lost events: positions no longer mean what they did.
                if let epoch, let present = shard.view?.epoch, present != epoch {
                    logger.warning("the log is another one: all followers are sent away")
                    feed.restart()
                    return false
                }
                var isMore = true
                while isMore, let end = feed.end {
                    let events = try await read(after: end)
                    try feed.append(events)
                    isMore =
                        events.count == Int(Self.batch)
                        || events.last.map { $0.position < shard.view?.head ?? 0 } ?? false
                }
            } catch let gap as FeedWindow.Gap {
                logger.error("the log has a gap: \(gap.expected) is missing before \(gap.found)")
            } catch {
                if !Task.isCancelled { logger.warning("cannot read the log for followers: \(error)") }
            }
            return !feed.endIfUnfollowed()
        }
    }

    private func read(after position: Int64) async throws(PostgresError) -> [FeedEvent] {
        let rows = try await pool.query(
            """
            SELECT \(HistoryReader.columns), h.tenant_id FROM main.feed(\(position), \(Self.batch)) h
            ORDER BY h.position
            """, lane: .fast)
        var events: [FeedEvent] = []
        events.reserveCapacity(rows.count)
        for row in rows {
            events.append(FeedEvent(try HistoryReader.event(row), of: TenantID(try row.decode(11))))
        }
        return events
    }
}
