import Foundation
import Logging
import Metrics
import Runtime

/// The one reader of the shard's log for all generations that follow its head: reads on when a reader of the bus runs
/// dry, when the doorbell rings, and at every poll.
struct Tail: Sendable {
    let bus: EventBus
    let reader: LogReader
    let limit: LogReader.Limit
    /// Set by the bus.
    let demand: Wakeup
    /// Set by the doorbell and by the poll.
    let bell: Wakeup
    let logger: Logger

    /// Until the task is cancelled.
    func run() async {
        var machine = TailMachine()
        while !Task.isCancelled {
            switch machine.next(bus.wanted) {
            case .awaitDemand: await demand.wait()
            case .awaitBell: await bell.wait()
            // A cancelled sleep ends the loop.
            case .pause(let duration): try? await Task.sleep(for: duration)
            case .read(let position):
                do {
                    let batch = try await reader.read(after: position, limit)
                    machine.took(batch, isFull: limit.mayHaveCut(batch))
                    bus.publish(batch)
                } catch {
                    if Task.isCancelled { break }
                    machine.failed()
                    report(error, after: position)
                }
            }
        }
        await reader.close()
    }

    private func report(_ error: any Error, after position: Int64) {
        let metadata: Logger.Metadata = ["position": "\(position)", "error": "\(BatchFailure(error).description)"]
        if error is LogGap {
            Counter(label: "closter_projector_gaps_total").increment()
            logger.error("the log has a gap, reading again", metadata: metadata)
        } else {
            logger.warning("cannot read the log", metadata: metadata)
        }
    }
}
