/// Sends by the clock, whether what was sent before has been answered or not: a slow answer delays nobody but itself, and
/// is not left out of the figures.
struct Pace: Sendable {
    /// A second.
    var rate: Int

    /// - Parameter body: gets the request's number and the moment it was due, and gives milliseconds, or nil for a
    ///   request that only makes load.
    /// - Returns: what the bodies gave.
    func run(
        seconds: Int, _ body: @escaping @Sendable (Int, ContinuousClock.Instant) async throws -> Double?
    ) async throws -> [Double] {
        let clock = ContinuousClock()
        let interval = Duration.seconds(1) / rate
        let started = clock.now
        return try await withThrowingTaskGroup(of: Double?.self) { group in
            for number in 0..<rate * seconds {
                let due = started + interval * number
                try await Task.sleep(until: due, clock: clock)
                group.addTask { try await body(number, due) }
            }
            return try await group.reduce(into: []) { if let time = $1 { $0.append(time) } }
        }
    }
}
