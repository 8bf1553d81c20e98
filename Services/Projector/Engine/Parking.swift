import EventSourcing

/// Which events a generation does not apply, by its checkpoint. Pure.
struct Parking: Sendable, Equatable {
    /// The groups with parked events: whatever comes for them queues behind.
    var groups: Set<GroupKey> = []
    /// Parked events, of all groups.
    var count = 0
    /// The positions of events that the projection passes over for good.
    var skipped: Set<Int64> = []
}

/// An event that is to be parked when its turn comes, because it could not be applied.
struct Refusal: Sendable, Equatable {
    var position: Int64
    /// Names types, members, columns and constraints, never values.
    var reason: String

    init(position: Int64, reason: String) {
        self.position = position
        self.reason = String(reason.prefix(1000))
    }
}

/// An event on its way into the queue of its group.
struct ParkedEvent: Sendable {
    var event: LogEvent
    var key: GroupKey
    /// Why it could not be applied; nil: it only waits behind one that could not.
    var reason: String?
}
