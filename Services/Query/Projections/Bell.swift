import Logging
import Postgres

/// Says when to look: a doorbell that may be lost, and a poll that makes it dispensable.
struct Bell: Sendable {
    var channel: String
    var poll: Duration
    /// Where to LISTEN; nil polls only.
    var database: PostgresConfiguration?
    var logger: Logger

    /// Looks at once, whenever it rings, and at every poll, one look at a time, until a look says false or the task is
    /// cancelled. What rings during a look is one more look after it.
    func answer(_ look: () async -> Bool) async {
        let (calls, call) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [poll] in
                repeat { call.yield() } while (try? await Task.sleep(for: poll)) != nil
                call.finish()
            }
            if let database {
                group.addTask { [channel, logger] in
                    for await _ in PostgresListener(database, channels: [channel], logger: logger) { call.yield() }
                }
            }
            for await _ in calls {
                guard await look() else { break }
            }
            group.cancelAll()
        }
    }
}
