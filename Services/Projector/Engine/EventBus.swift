import Foundation
import Synchronization

/// The in-process event bus: what the tail has read, handed to every generation that this process leads.
final class EventBus: Sendable {
    private struct State {
        var window: LogWindow
        var readers: [GenerationID: Wakeup] = [:]
    }

    private let state: Mutex<State>
    /// Set when a reader is about to run dry.
    private let demand = Wakeup()

    init(window: LogWindow) { state = Mutex(State(window: window)) }

    // MARK: Readers

    /// Enters a reader; `wakeup` is set whenever there is more.
    func join(_ reader: GenerationID, wakeup: Wakeup) {
        state.withLock { $0.readers[reader] = wakeup }
    }

    func leave(_ reader: GenerationID) {
        state.withLock { state in
            state.readers[reader] = nil
            if state.readers.isEmpty { state.window.leave() }
        }
    }

    func next(after position: Int64, limit: Int) -> LogWindow.Answer {
        let (answer, wantsMore) = state.withLock { state in
            (state.window.next(after: position, limit: limit), state.window.wantsMore)
        }
        if wantsMore { demand.set() }
        return answer
    }

    // MARK: The tail

    /// Where to read on, once a reader wants it; nil when the task is cancelled.
    func nextRead() async -> Int64? {
        while !Task.isCancelled {
            if let position = state.withLock({ $0.window.wantsMore ? $0.window.end : nil }) { return position }
            await demand.wait()
        }
        return nil
    }

    func publish(_ batch: EventBatch) {
        let readers = state.withLock { state in
            state.window.append(batch)
            return Array(state.readers.values)
        }
        for reader in readers { reader.set() }
    }

    /// Lets every reader look around, though there is nothing new.
    func wakeReaders() {
        for reader in state.withLock({ Array($0.readers.values) }) { reader.set() }
    }
}
