/// The newest stretch of the log in memory, shared by all generations that follow the head together. Pure.
///
/// It is filled at its end and forgets at its beginning, within its bounds, whoever has not read them yet: a slow reader
/// finds itself `behind`, reads for itself, and never holds the others up.
struct LogWindow: Sendable {
    /// What is kept at most; one batch is kept whatever its size.
    struct Bounds: Sendable, Equatable {
        var events: Int
        /// Of payloads.
        var bytes = Int.max
        /// Near the head batches are small and many.
        var batches = 64
    }

    enum Answer {
        case batch(EventBatch)
        /// The reader has seen all there is: wait for more.
        case wait
        /// Events after the reader's position are no longer here: read them from the log.
        case behind
    }

    let bounds: Bounds
    /// How many events are read ahead of the fastest reader.
    let readAhead: Int
    /// The position before the first event in memory.
    private(set) var start: Int64
    /// The position of the last event in memory.
    private(set) var end: Int64
    private var batches: [EventBatch] = []
    private var bytes = 0
    /// The farthest position any reader has asked after.
    private var front: Int64

    init(_ bounds: Bounds, readAhead: Int, at position: Int64 = 0) {
        self.bounds = bounds
        self.readAhead = readAhead
        start = position
        end = position
        front = -1
    }

    /// Whether the tail should read on: some reader is about to run dry.
    var wantsMore: Bool {
        guard front >= 0, end - front < Int64(readAhead) else { return false }
        return front >= end || bytes < bounds.bytes / 2
    }

    /// What comes after `position`, at most `limit` events, in as few pieces as they have.
    mutating func next(after position: Int64, limit: Int) -> Answer {
        // The window follows the foremost: one that is far beyond its end moves it there, and the others catch up
        // for themselves. A little beyond (checkpoints of two projections differ by a batch) waits for the tail.
        if position > end, batches.isEmpty || position - end > Int64(bounds.events) { reset(to: position) }
        front = max(front, position)
        if position < start { return .behind }
        guard position < end else { return .wait }
        var result: EventBatch?
        for batch in batches where batch.last > position {
            let taken = result?.events.count ?? 0
            guard taken < limit else { break }
            let piece = batch.suffix(after: result?.last ?? position, upTo: limit - taken)
            result = result?.joined(with: piece) ?? piece
        }
        return result.map(Answer.batch) ?? .wait
    }

    /// Nobody reads any more: forget everything, and read nothing until somebody comes back.
    mutating func leave() {
        reset(to: end)
        front = -1
    }

    /// Adds what the tail has read after `end`. Anything else (the window has moved meanwhile) is dropped.
    mutating func append(_ batch: EventBatch) {
        guard batch.previous == end, !batch.isEmpty else { return }
        batches.append(batch)
        bytes += batch.bytes
        end = batch.last
        while batches.count > 1, let first = batches.first,
            end - start > Int64(bounds.events) || bytes > bounds.bytes || batches.count > bounds.batches
        {
            start = first.last
            bytes -= first.bytes
            batches.removeFirst()
        }
    }

    private mutating func reset(to position: Int64) {
        batches = []
        bytes = 0
        start = position
        end = position
    }
}
