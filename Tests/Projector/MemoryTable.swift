import EventSourcing
import Foundation

@testable import Projector

/// A generation's table in memory: what the engine does with the database, done with dictionaries.
struct MemoryTable<P: Projection> {
    private(set) var groups: [GroupKey: P.Group] = [:]
    private(set) var position: Int64 = 0
    /// The groups that were asked for, and the streams, batch by batch.
    private(set) var loads: [[GroupKey]] = []
    private(set) var recalls: [[StreamID]] = []
    let log: [LogEvent]
    /// What is not applied.
    var parking = Parking()
    private(set) var parked: [ParkedEvent] = []

    init(_ log: [LogEvent]) { self.log = log }

    /// Takes in the next `count` events.
    ///
    /// - Returns: the rows that are written.
    @discardableResult
    mutating func advance(_ count: Int = .max, refusal: Refusal? = nil) throws -> [P.Output] {
        let events = Array(log.dropFirst(Int(position)).prefix(count))
        var fold = try BatchFold<P>(
            EventBatch(after: position, events, tailedAt: Story.noon), parking: parking, refusal: refusal)
        loads.append(fold.toLoad)
        fold.restore(groups.filter { fold.toLoad.contains($0.key) })
        let recall = fold.toRecall
        recalls.append(recall.map(\.stream))
        try fold.recall(log.filter { $0.position <= position && recall.map(\.stream).contains($0.stream) })
        let rows = try fold.fold()
        for (key, group) in fold.groups {
            // A group without rows is nowhere once the batch is done.
            groups[key] = P.outputs(of: group, key, changedAfter: 0).isEmpty ? nil : group
        }
        position = fold.batch.last
        parked += fold.parked
        parking = fold.parking
        return rows
    }

    mutating func advanceToEnd(_ count: Int = .max) throws {
        while position < Int64(log.count) { try advance(count) }
    }

    var rows: [P.Output] {
        groups.flatMap { P.outputs(of: $0.value, $0.key, changedAfter: 0) }
    }
}
