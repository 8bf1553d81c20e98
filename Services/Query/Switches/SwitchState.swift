import EventSourcing

/// What is known of the read-switch file, and which switches follow from it: pure, so that every turn can be tested.
struct SwitchState: Sendable {
    /// What one look at the file gave.
    enum Reading: Equatable, Sendable {
        case text(String)
        case missing
        /// There, and no text; the reason is safe to show.
        case unreadable(String)
    }

    enum Condition: Equatable, Sendable {
        /// No file is configured.
        case unconfigured
        case good
        /// `place` is for those who may not read the file.
        case broken(place: String)
        case missing

        var name: String {
            switch self {
            case .unconfigured: "none"
            case .good: "good"
            case .broken: "broken"
            case .missing: "missing"
            }
        }
    }

    /// A change worth a line in the log.
    enum Change: Equatable, Sendable {
        case taken
        case refused(reason: String)
    }

    /// The last good ones; projections everywhere before there were any.
    private(set) var switches = ReadSwitches()
    private(set) var condition = Condition.unconfigured
    /// When the switches in force were taken from the file; nil where they never were.
    private(set) var takenAt: Timestamp?
    private(set) var taken = 0
    private(set) var refused = 0
    /// What `condition` speaks of.
    private var judged: Reading?
    /// Another reading, seen once.
    private var seen: Reading?

    /// Takes a look's reading into account. After the first, a reading counts when two looks in a row gave it: one may
    /// have met a file that was being written.
    mutating func observe(_ reading: Reading, at time: Timestamp) -> Change? {
        guard reading != judged else {
            seen = nil
            return nil
        }
        guard judged == nil || seen == reading else {
            seen = reading
            return nil
        }
        judged = reading
        seen = nil
        switch reading {
        case .missing: return refuse("it is not there", .missing)
        case .unreadable(let reason): return refuse(reason, .broken(place: reason))
        case .text(let text): return judge(text, at: time)
        }
    }

    private mutating func judge(_ text: String, at time: Timestamp) -> Change {
        do {
            switches = try ReadSwitches.parse(text)
        } catch {
            return refuse(error.description, .broken(place: error.place ?? error.problem))
        }
        condition = .good
        takenAt = time
        taken += 1
        return .taken
    }

    private mutating func refuse(_ reason: String, _ condition: Condition) -> Change {
        self.condition = condition
        refused += 1
        return .refused(reason: reason)
    }
}
