import EventSourcing

/// The fold of one batch: what must be loaded for it, the rows that come of it, and what is parked instead. Pure.
///
/// Consecutive events of a group are folded before anything is written, so a row is written once per batch.
struct BatchFold<P: Projection> {
    let batch: EventBatch
    /// In order.
    private(set) var parked: [ParkedEvent] = []
    /// As it is once the batch is written.
    private(set) var parking: Parking
    /// In order of first touch.
    private var keys: [GroupKey] = []
    private var events: [GroupKey: [LogEvent]] = [:]
    private(set) var groups: [GroupKey: P.Group] = [:]

    /// The batch ends before its first unreadable event that need be read; where that is the very first one, it is
    /// thrown.
    ///
    /// - Parameters:
    ///   - parking: as the batch before leaves it.
    ///   - refusal: the event that is parked, though its group is not yet.
    init(_ batch: EventBatch, parking: Parking = Parking(), refusal: Refusal? = nil) throws(FoldFailure) {
        self.parking = parking
        var count = 0
        for event in batch.events {
            if parking.skipped.contains(event.position) {
                count += 1
                continue
            }
            let key = P.group(of: event).map { GroupKey(tenant: event.tenant, id: $0) }
            let reason = event.position == refusal?.position ? refusal?.reason : nil
            if let key, reason != nil || self.parking.groups.contains(key) {
                self.parking.groups.insert(key)
                self.parking.count += 1
                parked.append(ParkedEvent(event: event, key: key, reason: reason))
            } else if case .unreadable(_, let reason) = event.payload, P.source.includes(event.stream.category) {
                guard count > 0 else { throw FoldFailure(event, reason) }
                break
            } else if let key {
                if events[key] == nil { keys.append(key) }
                events[key, default: []].append(event)
            }
            count += 1
        }
        self.batch = batch.prefix(count)
    }

    /// The groups that may have rows in the table.
    var toLoad: [GroupKey] {
        keys.filter { key in events[key]?.first.map { !P.begins(with: $0) } ?? false }
    }

    /// How many events touch a row.
    var touching: Int { events.values.reduce(0) { $0 + $1.count } }

    mutating func restore(_ groups: [GroupKey: P.Group]) { self.groups = groups }

    /// The streams to be recalled from the log, up to the batch's beginning, and the groups that want them.
    var toRecall: [(key: GroupKey, stream: StreamID)] {
        keys.compactMap { key in
            guard let stream = P.recall(before: events[key] ?? [], in: groups[key] ?? P.empty) else { return nil }
            return (key, stream)
        }
    }

    mutating func recall(_ history: [LogEvent]) throws(FoldFailure) {
        for event in history where !parking.skipped.contains(event.position) {
            guard let id = P.group(of: event) else { continue }
            try P.apply(event, to: &groups[GroupKey(tenant: event.tenant, id: id), default: P.empty])
        }
    }

    /// The rows to write.
    mutating func fold() throws(FoldFailure) -> [P.Output] {
        var rows: [P.Output] = []
        rows.reserveCapacity(keys.count)
        for key in keys {
            var group = groups[key] ?? P.empty
            for event in events[key] ?? [] { try P.apply(event, to: &group) }
            rows += P.outputs(of: group, key, changedAfter: batch.previous)
            groups[key] = group
        }
        return rows
    }
}
