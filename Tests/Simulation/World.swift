import Foundation

/// Time, chance and order of a simulated run: one thread, one seed, one queue of what is to happen. The same seed gives
/// the same run to the last step.
final class World {
    /// Microseconds since the run began.
    private(set) var now: Int64 = 0
    var chance: Chance
    /// Steps done.
    private(set) var steps = 0
    private var queue = Schedule()
    /// The last steps, where somebody wants to see them.
    private var trace: [String]?
    private(set) var violation: Violation?
    /// What the run has been through.
    private(set) var met: Set<Encounter> = []
    /// Whether tails gather what comes two at a time: in a fifth of the seeds, without a throw of the dice, so that the
    /// pinned ones go the way they went.
    let isGathering: Bool

    init(seed: UInt64, isTraced: Bool) {
        chance = Chance(seed: seed)
        isGathering = seed % 5 == 4
        trace = isTraced ? [] : nil
    }

    var lastSteps: [String] { trace ?? [] }

    func later(_ delay: Int64, _ body: @escaping () -> Void) {
        queue.add(at: now + max(0, delay), body)
    }

    /// Runs until the time, a violation, or `isOver`, which is asked now and then.
    func run(until end: Int64, _ isOver: () -> Bool = { false }) {
        while violation == nil, let next = queue.next(before: end) {
            now = next.time
            steps += 1
            next.body()
            if steps % 32 == 0, isOver() { return }
        }
        if violation == nil { now = max(now, end) }
    }

    func meet(_ encounter: Encounter) { met.insert(encounter) }

    func note(_ text: @autoclosure () -> String) {
        guard trace != nil else { return }
        trace?.append("\(Double(now) / 1000) ms  \(text())")
    }

    /// Ends the run. The first one counts.
    func violated(_ kind: Violation.Kind, _ what: @autoclosure () -> String) {
        guard violation == nil else { return }
        violation = Violation(kind: kind, what: what())
        note("VIOLATION \(kind): \(what())")
    }
}

/// What a run can go through: what none of many runs has met, they say nothing about.
enum Encounter: CaseIterable {
    // The appender's.
    case batched, conflict, claimed, replayed, refused, unavailable, unknown, overloaded, closed
    // The server's.
    case answerLost, arrivedLate, frozenLeaderEnded
    // The projector's.
    case gathered, pipelined, recalled, behind, fenced, poisoned, parked, steppedDown
}

/// A promise that was not kept.
struct Violation: Error, Equatable, CustomStringConvertible {
    enum Kind: String {
        /// Acknowledged, and not there.
        case lost
        /// There more often than it may be.
        case doubled
        /// Refused, and there.
        case forged
        /// Acknowledged as something else than it is.
        case altered
        /// There, and nobody has asked for it.
        case stray
        case position, version, claim
        /// A reader has missed an event, or would.
        case tail
        case checkpoint
        case projection
        /// Something waits for ever.
        case stuck
    }

    var kind: Kind
    var what: String

    var description: String { "\(kind): \(what)" }
}

/// What is to happen, by time, and in the order it was asked for within a time.
private struct Schedule {
    struct Entry {
        var time: Int64
        var number: Int
        var body: () -> Void

        func comes(before other: Entry) -> Bool { time != other.time ? time < other.time : number < other.number }
    }

    /// A binary heap.
    private var entries: [Entry] = []
    private var numbers = 0

    mutating func add(at time: Int64, _ body: @escaping () -> Void) {
        numbers += 1
        entries.append(Entry(time: time, number: numbers, body: body))
        var child = entries.count - 1
        while child > 0, entries[child].comes(before: entries[(child - 1) / 2]) {
            entries.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func next(before end: Int64) -> Entry? {
        guard let first = entries.first, first.time < end else { return nil }
        let last = entries.removeLast()
        guard !entries.isEmpty else { return first }
        entries[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < entries.count && entries[child].comes(before: entries[least]) { least = child }
            guard least != parent else { return first }
            entries.swapAt(parent, least)
            parent = least
        }
    }
}
