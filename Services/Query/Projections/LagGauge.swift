/// How far a projection is behind the log.
struct Lag: Sendable, Equatable {
    var projection: Projection
    var positions: Int64
    /// How long an event has been seen waiting, at least. Zero when nothing waits.
    var duration: Duration
}

/// What readiness and metrics are told.
struct Freshness: Sendable {
    /// Since the last successful look.
    var age: Duration
    /// Projections that have no live generation.
    var missing: [Projection]
    var lag: [Lag]
}

/// Measures lag in time without a look at the events: it marks a head and the moment it was seen, and waits for the
/// checkpoint to pass it.
struct LagGauge: Sendable {
    private struct Mark {
        var head: Int64
        var seen: ContinuousClock.Instant
    }

    private var marks: [Projection: Mark] = [:]

    mutating func observe(_ view: ShardView, at now: ContinuousClock.Instant) {
        for generation in view.generations.values {
            if let mark = marks[generation.projection], generation.checkpoint < mark.head, mark.head <= view.head {
                continue
            }
            marks[generation.projection] = Mark(head: view.head, seen: now)
        }
    }

    func lags(of view: ShardView, at now: ContinuousClock.Instant) -> [Lag] {
        Projection.allCases.compactMap { projection in
            guard let generation = view.generations[projection] else { return nil }
            let positions = max(0, view.head - generation.checkpoint)
            guard let mark = marks[projection], generation.checkpoint < mark.head else {
                return Lag(projection: projection, positions: positions, duration: .zero)
            }
            return Lag(projection: projection, positions: positions, duration: now - mark.seen)
        }
    }
}
