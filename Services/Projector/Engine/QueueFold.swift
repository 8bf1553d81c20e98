import EventSourcing

/// The fold of a group's parked events, in order, as far as they can be applied. Pure.
struct QueueFold<P: Projection> {
    let rows: [P.Output]
    /// The positions of the events that need no longer wait.
    let applied: [Int64]
    /// The first event that cannot be applied, and why; what is behind it goes on waiting.
    let refusal: Refusal?

    /// - Parameters:
    ///   - events: the beginning of the queue; at least one.
    ///   - group: as it is before them.
    init(_ events: [LogEvent], of key: GroupKey, in group: P.Group, skipped: Set<Int64>) {
        var group = group
        var applied: [Int64] = []
        var refusal: Refusal?
        for event in events {
            if !skipped.contains(event.position) {
                var next = group
                do throws(FoldFailure) { try P.apply(event, to: &next) } catch {
                    refusal = Refusal(position: event.position, reason: "\(error)")
                    break
                }
                group = next
            }
            applied.append(event.position)
        }
        self.applied = applied
        self.refusal = refusal
        rows = events.first.map { P.outputs(of: group, key, changedAfter: $0.position - 1) } ?? []
    }
}
