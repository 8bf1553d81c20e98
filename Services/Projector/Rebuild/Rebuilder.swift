import Logging
import Postgres
import Runtime

/// Does what is asked for in `rebuilds`, for every projection of this program: at most one process works on those of a
/// projection, by an advisory lock; the others stand by.
struct Rebuilder: Sendable {
    private let works: [(projection: any Projection.Type, bell: Wakeup)]
    private let surroundings: RebuildSurroundings

    init(_ projections: [any Projection.Type], _ surroundings: RebuildSurroundings) {
        works = projections.map { ($0, Wakeup()) }
        self.surroundings = surroundings
    }

    /// Somebody may have asked for something.
    func ring() { for work in works { work.bell.set() } }

    /// Until the task is cancelled. What is under way stops where it is.
    func run() async {
        await withTaskGroup { group in
            for (projection, bell) in works { group.addTask { await run(projection, bell) } }
        }
    }

    private func run<P: Projection>(_ projection: P.Type, _ bell: Wakeup) async {
        await ProjectionRebuilds<P>(surroundings, bell: bell).run()
    }
}

/// Does the rebuilds of one projection, one after the other.
private struct ProjectionRebuilds<P: Projection> {
    let surroundings: RebuildSurroundings
    let bell: Wakeup
    let metrics: RebuildMetrics
    let logger: Logger

    init(_ surroundings: RebuildSurroundings, bell: Wakeup) {
        self.surroundings = surroundings
        self.bell = bell
        metrics = RebuildMetrics(P.name)
        var logger = surroundings.logger
        logger[metadataKey: "projection"] = "\(P.name)"
        self.logger = logger
    }

    func run() async {
        metrics.show(.requested)
        var failures = 0
        while !Task.isCancelled {
            do {
                if let rebuild = try await due() { try await lead(rebuild) }
                failures = 0
            } catch {
                if Task.isCancelled { break }
                failures += 1
                logger.warning("a rebuild is interrupted", metadata: ["error": "\(BatchFailure(error).description)"])
                metrics.show(.requested)
                // A cancelled sleep ends the loop.
                try? await Task.sleep(for: .milliseconds(min(5000, 50 << min(failures - 1, 7))))
                continue
            }
            await bell.wait()
        }
    }

    /// The open rebuild, where it is for this program to do.
    private func due() async throws(PostgresError) -> Rebuild? {
        let (shard, pool) = (surroundings.shard, surroundings.pool)
        if let automatic = surroundings.automatic {
            _ = try await pool.execute([automatic.request(P.name, foldVersion: P.foldVersion, shard)])
        }
        let rows = try await pool.query(RebuildStore.open(P.name, shard))
        guard let rebuild = try rows.first.map(RebuildStore.rebuild) else { return nil }
        // A newer program has begun it and may go on with it; but anybody can give it up.
        if let fold = rebuild.foldVersion, fold > P.foldVersion, !rebuild.isCancelled { return nil }
        return rebuild
    }

    private func lead(_ rebuild: Rebuild) async throws {
        let connection = try await surroundings.connect()
        let store = RebuildStore(shard: surroundings.shard, connection: connection)
        let result: Result<Void, any Error>
        do {
            if try await store.lock(P.name) { try await work(rebuild, store) }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await connection.close()
        try result.get()
    }

    private func work(_ rebuild: Rebuild, _ store: RebuildStore) async throws {
        let job = RebuildJob<P>(
            surroundings: surroundings, store: store, metrics: metrics, logger: logger, bell: bell)
        do {
            // As it is now that nobody else works on it.
            try await job.run(try await store.reload(rebuild))
            metrics.ended(.done)
        } catch RebuildEnd.superseded {
            metrics.show(.requested)
        } catch RebuildEnd.cancelled {
            try await end(rebuild, .cancelled, nil, store)
        } catch RebuildEnd.failed(let reason) {
            try await end(rebuild, .failed, reason, store)
        } catch {
            guard !Task.isCancelled, let reason = Self.reason(error) else { throw error }
            try await end(rebuild, .failed, reason, store)
        }
    }

    private func end(
        _ rebuild: Rebuild, _ phase: Rebuild.Phase, _ reason: String?, _ store: RebuildStore
    ) async throws(PostgresError) {
        try await store.end(rebuild, phase, detail: reason)
        metrics.ended(phase)
        logger.log(
            level: phase == .failed ? .error : .notice, "rebuild ends without a new generation",
            metadata: ["outcome": "\(phase.rawValue)", "reason": "\(reason ?? "cancelled")"])
    }

    /// Why a rebuild cannot go on; nil for what passes by itself, after which it goes on where it was.
    private static func reason(_ error: any Error) -> String? {
        switch BatchFailure(error) {
        case .fenced, .connectionLost, .transient, .gap: nil
        case let failure: failure.description
        }
    }
}

extension RebuildSurroundings.Automatic {
    /// Asks for a rebuild where the live generation's fold is of an older version: once for each version, so that one
    /// that has failed, or was given up, is not begun again by itself.
    fileprivate func request(_ projection: String, foldVersion: Int, _ shard: Shard) -> SQL {
        let (rebuilds, fold) = (shard.table("rebuilds"), Int32(clamping: foldVersion))
        return """
            INSERT INTO \(unescaped: rebuilds)
                (rebuild_id, projection, requested_by, share, batch, workers, grace, fold_version)
            SELECT gen_random_uuid(), g.projection, 'projector', \(share), 1000, 2, interval '1 hour', \(fold)
            FROM \(unescaped: shard.table("generations")) g
            WHERE g.projection = \(projection) AND g.status = 'live' AND g.fold_version < \(fold)
              AND NOT EXISTS (
                  SELECT FROM \(unescaped: rebuilds) r
                  WHERE r.projection = g.projection AND (r.ended_at IS NULL OR r.fold_version = \(fold)))
            ON CONFLICT (projection) WHERE ended_at IS NULL DO NOTHING
            """
    }
}
