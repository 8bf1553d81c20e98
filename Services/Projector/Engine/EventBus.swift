import Foundation
import Synchronization

/// The in-process event bus: what the tail has read, handed to every generation that this process leads.
final class EventBus: Sendable {
    /// Tells somebody to look again; it must be quick.
    typealias Wake = @Sendable () -> Void

    private struct State {
        var window: LogWindow
        var readers: [GenerationID: Wake] = [:]
    }

    private let state: Mutex<State>
    private let demand: Wake

    /// - Parameter demand: called when a reader is about to run dry.
    init(window: LogWindow, demand: @escaping Wake) {
        state = Mutex(State(window: window))
        self.demand = demand
    }

    // MARK: Readers

    /// Enters a reader; `wake` is called whenever there is more.
    func join(_ reader: GenerationID, wake: @escaping Wake) {
        state.withLock { $0.readers[reader] = wake }
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
        if wantsMore { demand() }
        return answer
    }

    // MARK: The tail

    /// Where to read on; nil while no reader wants more.
    var wanted: Int64? { state.withLock { $0.window.wantsMore ? $0.window.end : nil } }

    /// Nothing happens where nothing is new.
    func publish(_ batch: EventBatch) {
        guard !batch.isEmpty else { return }
        let readers = state.withLock { state in
            state.window.append(batch)
            return Array(state.readers.values)
        }
        for wake in readers { wake() }
    }

    /// Lets every reader look around, though there is nothing new.
    func wakeReaders() {
        for wake in state.withLock({ Array($0.readers.values) }) { wake() }
    }
}
