import EventSourcing
import Foundation

/// Watches a rebuild until it has ended, also across restarts of the database.
struct RebuildFollower: Sendable {
    let context: Context

    /// For so long nobody need have taken a rebuild up.
    private static let usualWait = 10.0
    /// Looks that may fail one after the other, a second apart, while the database is away.
    private static let patience = 60

    func state(_ id: UUID) async throws -> RebuildState {
        let found = try await Database.read(context.settings) { try await RebuildState.read(id, $0) }
        guard let found else { throw ToolFailure("the rebuild \(id.text) is no longer there") }
        return found
    }

    /// - Parameter polls: looks after which it gives up and returns what is so then; nil: it waits for as long as it
    ///   takes.
    func untilEnded(_ id: UUID, polls: Int? = nil) async throws -> RebuildState {
        var interval = Duration.milliseconds(50)
        var failures = 0
        var looks = 0
        var hasWarned = false
        defer { context.console.endProgress() }
        while true {
            try Task.checkCancellation()
            do {
                let state = try await state(id)
                looks += 1
                failures = 0
                if state.status.hasEnded || looks == polls { return state }
                if state.status == .requested, state.age > Self.usualWait, !hasWarned {
                    context.console.endProgress()
                    context.console.warn("no projector has taken the rebuild up: is one running? It is waited for")
                    hasWarned = true
                }
                context.console.progress(state.progress)
                try await context.pause(interval)
                interval = min(interval * 2, .milliseconds(500))
            } catch  where ToolFailure(describing: error).isOutage && failures < Self.patience {
                failures += 1
                try await context.pause(.seconds(1))
            }
        }
    }
}
