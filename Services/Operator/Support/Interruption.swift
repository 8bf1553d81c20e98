import UnixSignals

/// Ctrl-C while something is being followed: it ends the following, not what is followed.
enum Interruption {
    /// Returns when the process gets SIGINT or SIGTERM, or the task is cancelled. Until then these end nothing.
    static func wait() async {
        for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { return }
    }

    /// What `body` gives; nil where Ctrl-C came first, and `body` was cancelled.
    static func orNil<Value: Sendable>(
        _ context: Context, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                await context.interruption()
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }
}
