import EventSourcing

/// A stretch of the log without a hole: the events after `previous`, in order.
struct EventBatch: Sendable {
    /// The position before the first event.
    let previous: Int64
    let events: ArraySlice<LogEvent>
    /// When it was read from the log.
    let tailedAt: Timestamp

    /// The position of the last event; `previous` where there is none.
    var last: Int64 { previous + Int64(events.count) }
    var isEmpty: Bool { events.isEmpty }
    /// Of the payloads.
    var bytes: Int { events.reduce(0) { $0 + $1.size } }

    /// Checks that the log has no hole here: each event is the one after the one before it.
    init(after previous: Int64, _ events: [LogEvent], tailedAt: Timestamp) throws(LogGap) {
        var expected = previous
        for event in events {
            expected += 1
            guard event.position == expected else { throw LogGap(expected: expected, found: event.position) }
        }
        self.init(previous: previous, events: events[...], tailedAt: tailedAt)
    }

    private init(previous: Int64, events: ArraySlice<LogEvent>, tailedAt: Timestamp) {
        self.previous = previous
        self.events = events
        self.tailedAt = tailedAt
    }

    /// What of it comes after `position`, at most `count` events.
    func suffix(after position: Int64, upTo count: Int = .max) -> EventBatch {
        let skipped = Int(clamping: max(0, position - previous))
        return EventBatch(
            previous: previous + Int64(min(skipped, events.count)), events: events.dropFirst(skipped).prefix(count),
            tailedAt: tailedAt)
    }

    func prefix(_ count: Int) -> EventBatch {
        EventBatch(previous: previous, events: events.prefix(count), tailedAt: tailedAt)
    }

    /// Both as one, for a reader that takes more at a time; `next` begins where this one ends.
    func joined(with next: EventBatch) -> EventBatch {
        assert(next.previous == last, "a batch follows on the one before it")
        return EventBatch(previous: previous, events: events + next.events, tailedAt: max(tailedAt, next.tailedAt))
    }
}

/// A position is missing in what was read, or comes twice. Positions are contiguous by construction, so this is a
/// reader's fault or damage: it is never skipped.
struct LogGap: Error, Equatable, CustomStringConvertible {
    var expected: Int64
    var found: Int64

    var description: String { "the log goes on at \(found) where \(expected) was due" }
}
