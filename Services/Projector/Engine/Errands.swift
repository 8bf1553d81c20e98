import Logging

/// What a leader does between two batches while none is being written, because somebody has asked for it: parked
/// events are tried again or skipped, rows repaired.
struct Errands<P: Projection>: Sendable {
    let store: ProjectionStore<P>
    let reader: LogReader
    let repairs: Repairs<P>
    let metrics: RunnerMetrics
    let logger: Logger
    /// After a commit that has changed rows.
    let changed: @Sendable () -> Void

    /// What goes wrong with it is tried again at the next ring, and never blamed on an event that comes.
    ///
    /// - Returns: what is parked and skipped now.
    func run(at standing: LeaderMachine<P>.Standing) async throws -> Parking {
        do {
            let unparking = Unparking<P>(
                store: store, reader: reader, position: standing.position, metrics: metrics, logger: logger,
                changed: changed)
            try await unparking.run(skipped: standing.parking.skipped)
            if try await repairs.run(store, at: standing.position) > 0 { changed() }
        } catch {
            let failure = BatchFailure(error)
            switch failure {
            case .fenced, .connectionLost, .dropped: throw failure
            case .transient, .poisoned, .defect, .overflow, .gap:
                logger.error("a request failed", metadata: ["error": "\(failure.description)"])
            }
        }
        return try await store.parking()
    }
}
