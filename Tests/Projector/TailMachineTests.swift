import EventSourcing
import Foundation
import Testing

@testable import Projector

/// When the log is read on.
@Suite struct TailMachineTests {
    private static let events: [LogEvent] = {
        var story = Story()
        for _ in 0..<300 { story.other("tenant", "Tested") }
        return story.events
    }()

    /// What it does after it has read so many events, while somebody wants more.
    private func steps(after count: Int, isFull: Bool = false) throws -> [TailMachine.Step] {
        var machine = TailMachine()
        #expect(machine.next(0) == .read(after: 0))
        machine.took(
            try EventBatch(after: 0, Array(Self.events.prefix(count)), tailedAt: Story.noon), isFull: isFull)
        return [machine.next(Int64(count)), machine.next(Int64(count))]
    }

    @Test func `few events are followed by a look at once, none by a wait for the bell`() throws {
        #expect(try steps(after: 15) == [.read(after: 15), .read(after: 15)])
        #expect(try steps(after: 0) == [.awaitBell, .read(after: 0)])
    }

    @Test func `many at once are followed by a moment in which more are gathered`() throws {
        #expect(try steps(after: 16) == [.pause(.milliseconds(10)), .read(after: 16)])
        #expect(try steps(after: 249) == [.pause(.milliseconds(10)), .read(after: 249)])
    }

    @Test func `a backlog is held up by nothing`() throws {
        #expect(try steps(after: 250) == [.read(after: 250), .read(after: 250)])
        #expect(try steps(after: 100, isFull: true) == [.read(after: 100), .read(after: 100)])
    }
}
