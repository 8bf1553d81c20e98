import UnixSignals

/// Ctrl-C as the ordinary end of what has no other.
enum Interruption {
    /// Runs `body` until it ends by itself, or until SIGINT or SIGTERM comes: then its task is cancelled and the result
    /// is nil.
    static func ends<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
            group.addTask {
                for await _ in signals { return nil }
                throw CancellationError()
            }
            group.addTask { try await body() }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }
}
