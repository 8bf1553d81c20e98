import EventSourcing
import Postgres

/// Fills one part of a generation: reads the log group by group, folds each group in memory and puts its rows in.
///
/// Rows go in with the part's place, which is moved by compare-and-set: whoever fills the same part at the same time,
/// or was frozen meanwhile, puts in nothing. So it may be ended at any moment and begun again.
struct PartFill<P: Projection>: Sendable {
    let shard: Shard
    let rebuild: Rebuild
    let table: String
    /// Positions that are passed over.
    let skipped: Set<Int64>
    let connect: Connect
    let throttle: Throttle
    let metrics: RebuildMetrics

    /// The most a batch takes in before it is put in, however few rows come of it: events, and bytes of their payloads.
    private static var limit: LogReader.Limit { LogReader.Limit(events: 20_000, bytes: 8 << 20) }
    /// The longest the statement may take.
    private static var deadline: Duration { .seconds(60) }

    private struct Batch: Sendable {
        var rows: [P.Output] = []
        var events = 0
        var bytes = 0
        /// Where the part is once it is in; nil: as far as it was.
        var place: GroupKey?
        var isLast = false
    }

    /// - Throws: `FoldFailure` for an event that cannot be applied; `BatchFailure.fenced` where somebody else fills it.
    func run(_ part: RebuildPart) async throws {
        let writer = try await connect()
        var log = GroupedLog(
            P.source, shard: shard, connection: try await connect(), range: part.range, through: rebuild.target,
            skipping: skipped, readsAhead: throttle.isUnlimited)
        do {
            try await fill(part, from: &log, writer)
        } catch {
            await log.close()
            throw error
        }
        await log.close()
        await writer.close()
    }

    /// While one batch is being put in the next is read and folded; where the share is limited, one after the other.
    private func fill(_ part: RebuildPart, from log: inout GroupedLog, _ writer: PostgresConnection) async throws {
        let text = Self.text(shard, table: shard.table(table))
        let clock = ContinuousClock()
        var place = part.place
        var writing: Task<Void, any Error>?
        do {
            while true {
                let started = clock.now
                let batch = try await next(from: &log)
                try await writing?.value
                writing = Task { [place] in try await put(batch, of: part, after: place, text, writer) }
                if !throttle.isUnlimited { try await writing?.value }
                if batch.isLast { break }
                place = batch.place
                let pause = throttle.pause(after: clock.now - started)
                if pause > .zero { try await Task.sleep(for: pause) }
                try Task.checkCancellation()
            }
        } catch {
            _ = await writing?.result
            throw error
        }
        try await writing?.value
    }

    private func next(from log: inout GroupedLog) async throws -> Batch {
        var batch = Batch()
        while batch.rows.count < rebuild.batch, batch.events < Self.limit.events, batch.bytes < Self.limit.bytes {
            guard let (key, events) = try await log.next() else {
                batch.isLast = true
                break
            }
            var group = P.empty
            for event in events {
                if P.group(of: event) != nil { try P.apply(event, to: &group) }
                batch.bytes += event.size
            }
            batch.rows += P.outputs(of: group, key, changedAfter: 0)
            batch.events += events.count
            batch.place = key
        }
        return batch
    }

    private func put(
        _ batch: Batch, of part: RebuildPart, after place: GroupKey?, _ text: String, _ writer: PostgresConnection
    ) async throws {
        let next = batch.place ?? place
        var values: [any PostgresEncodable] = [
            rebuild.id, Int32(clamping: part.number), place?.tenant.uuid, place?.id, next?.tenant.uuid, next?.id,
            batch.events, batch.rows.count, batch.isLast,
        ]
        values += P.columns.map { $0.values(batch.rows) }
        let moved = try await writer.query(SQL(text, values), deadline: Self.deadline)
        guard try moved.first?.decode(0, as: Int.self) == 1 else { throw BatchFailure.fenced }
        metrics.filled(events: batch.events, rows: batch.rows.count)
    }

    private static func text(_ shard: Shard, table: String) -> String {
        let names = P.columns.map(\.name)
        let arrays = P.columns.enumerated().map { "$\($0.offset + 10)::\($0.element.type)[]" }
        return """
            WITH moved AS (
                UPDATE \(shard.table("rebuild_parts"))
                SET after_tenant = $5, after_key = $6, events = events + $7, rows = rows + $8, is_done = $9
                WHERE rebuild_id = $1 AND part = $2 AND NOT is_done
                  AND after_tenant IS NOT DISTINCT FROM $3 AND after_key IS NOT DISTINCT FROM $4
                RETURNING part
            ), written AS (
                INSERT INTO \(table) (\(names.joined(separator: ", ")))
                SELECT \(P.columns.map { $0.expression ?? "r.\($0.name)" }.joined(separator: ", "))
                FROM moved, unnest(\(arrays.joined(separator: ", "))) AS r (\(names.joined(separator: ", ")))
            )
            SELECT count(*) FROM moved
            """
    }
}
