import EventSourcing
import Foundation
import Testing

@testable import Projector

@Suite struct LogWindowTests {
    private func batch(after previous: Int64, _ count: Int, size: Int = 0) throws -> EventBatch {
        let events = (0..<Int64(count)).map { offset in
            LogEvent(
                tenant: Story.tenant, stream: StreamID(category: "tenant", id: UUID(bits: 1)), version: 1,
                position: previous + offset + 1, type: "Tested", correlationID: UUID(bits: 1),
                requestedAt: Story.noon, recordedAt: Story.noon, payload: .unread, size: size)
        }
        return try EventBatch(after: previous, events, tailedAt: Story.noon)
    }

    private func positions(_ answer: LogWindow.Answer) -> [Int64]? {
        if case .batch(let batch) = answer { batch.events.map(\.position) } else { nil }
    }

    private func waits(_ answer: LogWindow.Answer) -> Bool { if case .wait = answer { true } else { false } }
    private func isBehind(_ answer: LogWindow.Answer) -> Bool { if case .behind = answer { true } else { false } }

    @Test func `nothing is read while nobody asks`() {
        #expect(!LogWindow(LogWindow.Bounds(events: 100), readAhead: 10).wantsMore)
    }

    @Test func `a reader at the end waits, and more is wanted`() throws {
        var window = LogWindow(LogWindow.Bounds(events: 100), readAhead: 10)
        #expect(waits(window.next(after: 0, limit: 10)))
        #expect(window.wantsMore)
        window.append(try batch(after: 0, 12))
        #expect(!window.wantsMore)
        #expect(positions(window.next(after: 0, limit: 3)) == [1, 2, 3])
        #expect(positions(window.next(after: 3, limit: 4)) == [4, 5, 6, 7])
        #expect(window.wantsMore)
    }

    @Test func `pieces are handed out as one batch up to the limit`() throws {
        var window = LogWindow(LogWindow.Bounds(events: 100), readAhead: 10)
        for start in stride(from: Int64(0), to: 12, by: 3) { window.append(try batch(after: start, 3)) }
        #expect(positions(window.next(after: 2, limit: 6)) == [3, 4, 5, 6, 7, 8])
        #expect(positions(window.next(after: 9, limit: 100)) == [10, 11, 12])
    }

    @Test func `a slow reader is left behind and holds nobody up`() throws {
        var window = LogWindow(LogWindow.Bounds(events: 10), readAhead: 5)
        for start in stride(from: Int64(0), to: 20, by: 4) {
            window.append(try batch(after: start, 4))
            _ = window.next(after: start, limit: 4)
        }
        #expect(window.end == 20)
        #expect(window.end - window.start <= 10)
        #expect(isBehind(window.next(after: 3, limit: 10)))
        #expect(positions(window.next(after: window.start, limit: 2)) == [window.start + 1, window.start + 2])
    }

    @Test func `few batches are kept near the head, where they are small, and few bytes where they are large`() throws {
        var window = LogWindow(LogWindow.Bounds(events: 1000, bytes: 500, batches: 3), readAhead: 100)
        for start in Int64(0)..<10 { window.append(try batch(after: start, 1)) }
        #expect(window.start == 7)
        _ = window.next(after: 7, limit: 1)
        #expect(window.wantsMore)
        window.append(try batch(after: 10, 3, size: 100))
        #expect(!window.wantsMore, "half of the bytes are taken")
        _ = window.next(after: 13, limit: 1)
        #expect(window.wantsMore, "whoever has seen all is not left waiting")
        window.append(try batch(after: 13, 3, size: 100))
        #expect(window.start == 13)
    }

    @Test func `a reader far beyond the window moves it there`() throws {
        var window = LogWindow(LogWindow.Bounds(events: 10), readAhead: 5)
        window.append(try batch(after: 0, 4))
        #expect(waits(window.next(after: 1000, limit: 10)))
        #expect(window.end == 1000)
        window.append(try batch(after: 4, 4))
        #expect(window.end == 1000, "what was read for the old place is dropped")
        #expect(isBehind(window.next(after: 4, limit: 10)))
    }

    @Test func `a reader a little beyond the window waits until the tail has come there`() throws {
        var window = LogWindow(LogWindow.Bounds(events: 10), readAhead: 5)
        window.append(try batch(after: 0, 4))
        #expect(waits(window.next(after: 6, limit: 10)))
        #expect(window.wantsMore)
        window.append(try batch(after: 4, 4))
        #expect(positions(window.next(after: 6, limit: 10)) == [7, 8])
    }

    @Test func `when the last reader has gone nothing is kept and nothing is wanted`() throws {
        var window = LogWindow(LogWindow.Bounds(events: 10), readAhead: 5)
        _ = window.next(after: 0, limit: 10)
        window.append(try batch(after: 0, 4))
        window.leave()
        #expect(!window.wantsMore)
        #expect(isBehind(window.next(after: 0, limit: 10)))
    }

    @Test func `a hole, a repetition and a wrong order are refused`() throws {
        let events = Story.random(events: 5, seed: 1).events
        #expect(throws: LogGap(expected: 3, found: 4)) {
            _ = try EventBatch(after: 0, [events[0], events[1], events[3]], tailedAt: Story.noon)
        }
        #expect(throws: LogGap(expected: 2, found: 1)) {
            _ = try EventBatch(after: 0, [events[0], events[0]], tailedAt: Story.noon)
        }
        #expect(throws: LogGap(expected: 1, found: 2)) {
            _ = try EventBatch(after: 0, [events[1], events[0]], tailedAt: Story.noon)
        }
    }
}
