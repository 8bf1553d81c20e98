/// How a leader takes its generation forward, one turn after the other: pure, it says what to do next and is told what
/// came of it. `GenerationRunner` performs it; so does the simulation.
///
/// While one batch is being written the next is looked for and prepared; it is written once that one has landed.
struct LeaderMachine<P: Projection> {
    enum Action {
        /// Say how things stand: `turn(isOpen:asked:)`.
        case turn
        /// Do what somebody has asked for, while nothing is being written; then `ran`.
        case errands(Standing)
        /// Look for events; then `looked`.
        case look(after: Int64, limit: Int)
        /// Load and fold; then `prepared`.
        case prepare(Order)
        /// Begin to write; then `turn`.
        case write(PreparedBatch<P>)
        /// Await the write that is under way; then `landed`.
        case land
        /// Until there may be something new; then `turn`.
        case wait
        /// Ask what the generation is, and what is parked by now; then `examined`.
        case examine
        /// Pause or leave, as the incident's step says.
        case recover(Incident)
        case leave(RetryPolicy.Step)
    }

    /// How far the generation has come, by what is committed.
    struct Standing: Sendable, Equatable {
        var position: Int64
        var parking: Parking
    }

    /// A batch to be prepared.
    struct Order {
        var batch: EventBatch
        /// As the batch before leaves it.
        var parking: Parking
        var refusal: Refusal?
        /// The batch that is being written: what it has made of its groups need not be loaded, and may not be there yet.
        var earlier: PreparedBatch<P>?
    }

    /// A failure, and what is done about it.
    struct Incident {
        var failure: BatchFailure
        var step: RetryPolicy.Step
        /// The checkpoint it happened at, and the events of the batch that met it.
        var position: Int64
        var count: Int
    }

    private(set) var standing: Standing
    private(set) var policy: RetryPolicy
    /// Where the next batch begins: beyond the checkpoint while a batch is being written.
    private var ahead: Int64
    private var writing: PreparedBatch<P>?
    /// Waits until that has landed.
    private var ready: PreparedBatch<P>?
    private var isLanding = false
    /// The events of the batch that the turn is about.
    private var count = 1
    /// What failed while a batch was being written: not looked at before it is known what became of that.
    private var held: BatchFailure?
    private var examined: (failure: BatchFailure, reason: String)?
    private var refusal: Refusal?
    /// Up to which ring of the bell requests have been looked for, and which ring the turn has heard.
    private var answered = 0
    private var asked = 0

    init(_ standing: Standing, _ policy: RetryPolicy) {
        self.standing = standing
        self.policy = policy
        ahead = standing.position
    }

    /// - Parameters:
    ///   - isOpen: whether the connection still stands, and with it the leadership.
    ///   - asked: how often somebody may have asked for something.
    mutating func turn(isOpen: Bool, asked: Int) -> Action {
        guard isOpen else { return .leave(.reconnect(after: .zero)) }
        count = 1
        guard asked != answered else { return .look(after: ahead, limit: policy.limit) }
        // What is under way is awaited first.
        guard writing == nil else { return land() }
        self.asked = asked
        return .errands(standing)
    }

    mutating func ran(_ parking: Parking) -> Action {
        standing.parking = parking
        answered = asked
        return .look(after: ahead, limit: policy.limit)
    }

    mutating func looked(_ batch: EventBatch?) -> Action {
        guard let batch else { return writing == nil ? .wait : land() }
        count = batch.events.count
        return .prepare(
            Order(batch: batch, parking: writing?.parking ?? standing.parking, refusal: refusal, earlier: writing))
    }

    mutating func prepared(_ batch: PreparedBatch<P>) -> Action {
        guard writing == nil else {
            ready = batch
            return land()
        }
        return write(batch)
    }

    mutating func landed() -> Action {
        isLanding = false
        if let writing { standing = Standing(position: writing.batch.last, parking: writing.parking) }
        writing = nil
        policy.succeeded()
        if let failure = held { return recover(from: failure) }
        guard let next = ready else { return .turn }
        ready = nil
        return write(next)
    }

    /// The action could not be done.
    mutating func failed(_ failure: BatchFailure) -> Action {
        if let (cause, _) = examined {
            examined = nil
            return recover(from: cause, by: policy.failed(failure, count: 1))
        }
        if isLanding {
            // Whatever else has failed was built on it.
            isLanding = false
            count = writing?.batch.events.count ?? 1
            writing = nil
            return recover(from: failure)
        }
        guard writing == nil else {
            held = failure
            return land()
        }
        return recover(from: failure)
    }

    /// The event after the checkpoint has failed alone, as often as is tried: from now on it is refused, and so parked
    /// when its turn comes; but not where a generation that is being built would not be whole.
    ///
    /// - Parameters:
    ///   - status: nil when the generation is no longer there.
    ///   - parking: somebody may have decided about the event meanwhile, for another generation.
    mutating func examined(_ status: GenerationStatus?, _ parking: Parking) -> Action {
        guard let (failure, reason) = examined else { return .turn }
        examined = nil
        switch status {
        case .live, .retired: break
        case .filling, .building: return recover(from: failure, by: .stop)
        case nil: return recover(from: failure, by: .end)
        }
        standing.parking = parking
        refusal = Refusal(position: standing.position + 1, reason: reason)
        return recover(from: failure, by: .again(after: .zero))
    }

    private mutating func land() -> Action {
        isLanding = true
        return .land
    }

    private mutating func write(_ batch: PreparedBatch<P>) -> Action {
        ahead = batch.batch.last
        writing = batch
        return .write(batch)
    }

    private mutating func recover(from failure: BatchFailure) -> Action {
        let step = policy.failed(failure, count: count)
        let next = standing.position + 1
        if step == .stop, case .poisoned(let reason) = failure, refusal?.position != next,
            !standing.parking.skipped.contains(next)
        {
            examined = (failure, reason)
            return .examine
        }
        return recover(from: failure, by: step)
    }

    private mutating func recover(from failure: BatchFailure, by step: RetryPolicy.Step) -> Action {
        held = nil
        ready = nil
        ahead = standing.position
        return .recover(Incident(failure: failure, step: step, position: standing.position, count: count))
    }
}
