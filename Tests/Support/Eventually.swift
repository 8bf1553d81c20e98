/// A condition that did not come true in time.
public struct NeverHappened: Error, CustomStringConvertible {
    public let description: String
}

/// Asks until it is so: what a test waits for is always a condition, never a time. Gives up after a minute, which only
/// a failure reaches. An error of the question counts as a no.
public func eventually(
    _ what: String = "the condition", _ isSo: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    var last: (any Error)?
    while ContinuousClock.now < deadline {
        do {
            if try await isSo() { return }
            last = nil
        } catch {
            last = error
        }
        try await Task.sleep(for: .milliseconds(10))
    }
    throw NeverHappened(description: "not so after a minute: \(what) \(last.map { "(\($0))" } ?? "")")
}
