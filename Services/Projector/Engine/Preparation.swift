import EventSourcing

/// A batch that is folded and waits to be written.
struct PreparedBatch<P: Projection>: Sendable {
    var batch: EventBatch
    var rows: [P.Output]
    var parked: [ParkedEvent]
    /// Once it is written.
    var parking: Parking
    /// What the batch has made of the groups it touches.
    var groups: [GroupKey: P.Group]
    var touching: Int
    /// What loading and folding took.
    var load: Duration = .zero
    var fold: Duration = .zero
}

/// The way from a batch to rows: load what is wanted, recall what is missing, fold. Pure.
///
/// Groups that the batch before has touched are taken from it: it may not be committed yet. If it is not in the end,
/// the compare-and-set keeps this one out too.
struct Preparation<P: Projection> {
    private var fold: BatchFold<P>
    private let known: [GroupKey: P.Group]

    /// - Parameter parkedLimit: the most events that a generation may have parked.
    init(_ order: LeaderMachine<P>.Order, parkedLimit: Int) throws {
        fold = try BatchFold<P>(order.batch, parking: order.parking, refusal: order.refusal)
        known = order.earlier?.groups ?? [:]
        guard fold.parked.isEmpty || fold.parking.count <= parkedLimit else {
            throw BatchFailure.overflow(limit: parkedLimit)
        }
    }

    /// The groups to be loaded from the table.
    var toLoad: [GroupKey] { fold.toLoad.filter { known[$0] == nil } }

    mutating func restore(_ loaded: [GroupKey: P.Group]) {
        var groups = loaded
        for key in fold.toLoad { if let group = known[key] { groups[key] = group } }
        fold.restore(groups)
    }

    /// The streams whose events up to the batch's beginning are to be recalled from the log.
    var toRecall: [(tenant: TenantID, stream: StreamID)] { fold.toRecall.map { ($0.key.tenant, $0.stream) } }

    mutating func recall(_ history: [LogEvent]) throws { try fold.recall(history) }

    mutating func finish() throws -> PreparedBatch<P> {
        let rows = try fold.fold()
        return PreparedBatch(
            batch: fold.batch, rows: rows, parked: fold.parked, parking: fold.parking,
            groups: fold.groups, touching: fold.touching)
    }
}
