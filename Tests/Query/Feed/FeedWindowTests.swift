import Documents
import EventSourcing
import Foundation
import NIOCore
import Testing

@testable import Query

@Suite struct `The window of the feed` {
    private let anna = TenantID(UUID())
    private let boris = TenantID(UUID())
    private let everything = FeedFilter()

    private func event(_ position: Int64, of tenant: TenantID, type: String = "T") -> FeedEvent {
        FeedEvent(.sample(position, type: type), of: tenant)
    }

    /// Events from the one after `start` on; `owners` says whose.
    private func window(_ bounds: FeedWindow.Bounds = .init(), at start: Int64 = 0, _ owners: TenantID...) throws
        -> FeedWindow
    {
        var window = FeedWindow(bounds, at: start)
        try window.append(owners.enumerated().map { event(start + Int64($0.offset) + 1, of: $0.element) })
        return window
    }

    private func positions(_ answer: FeedWindow.Answer) -> [Int64]? {
        if case .events(let events, _) = answer { events.map(\.position) } else { nil }
    }

    @Test func `a follower is given its tenant's events after its position, and has then seen all there are`() throws {
        let window = try window(at: 10, anna, boris, anna, boris)
        let all = window.next(after: 10, of: anna, matching: everything, limit: 1 << 20)
        #expect(all == .events([event(11, of: anna), event(13, of: anna)], upTo: 14))
        #expect(positions(window.next(after: 11, of: anna, matching: everything, limit: 1 << 20)) == [13])
        #expect(positions(window.next(after: 12, of: boris, matching: everything, limit: 1 << 20)) == [14])
        #expect(window.next(after: 13, of: anna, matching: everything, limit: 1 << 20) == .nothing(upTo: 14))
        #expect(window.next(after: 10, of: TenantID(UUID()), matching: everything, limit: 1) == .nothing(upTo: 14))
        #expect(window.next(after: 99, of: anna, matching: everything, limit: 1 << 20) == .nothing(upTo: 99))
    }

    @Test func `a follower that needs what is forgotten is behind`() throws {
        let window = try window(.init(events: 3), at: 0, anna, boris, anna, boris, anna)
        #expect(window.start == 2)
        #expect(window.next(after: 1, of: anna, matching: everything, limit: 1 << 20) == .behind(upTo: 5))
        #expect(positions(window.next(after: 2, of: anna, matching: everything, limit: 1 << 20)) == [3, 5])
    }

    @Test func `what is forgotten is bounded by bytes too, but the newest is kept`() throws {
        let size = event(1, of: anna).frame.readableBytes
        #expect(try window(.init(bytes: 2 * size), at: 0, anna, boris, anna).start == 1)
        #expect(try window(.init(bytes: 1), at: 0, anna, boris, anna).start == 2)
    }

    @Test func `large answers are given in parts, an event at least`() throws {
        let window = try window(at: 0, anna, anna, boris, anna)
        let size = event(1, of: anna).frame.readableBytes
        let first = window.next(after: 0, of: anna, matching: everything, limit: 2 * size)
        #expect(first == .events([event(1, of: anna), event(2, of: anna)], upTo: 2))
        #expect(positions(window.next(after: 2, of: anna, matching: everything, limit: 1)) == [4])
    }

    @Test func `a filter passes over what it does not take, and that counts as seen`() throws {
        var window = FeedWindow(at: 0)
        try window.append([
            event(1, of: anna, type: "A"), event(2, of: anna, type: "B"), event(3, of: anna, type: "A"),
        ])
        let onlyB = FeedFilter(type: "B")
        #expect(
            window.next(after: 0, of: anna, matching: onlyB, limit: 1)
                == .events(
                    [event(2, of: anna, type: "B")], upTo: 3))
        #expect(window.next(after: 2, of: anna, matching: onlyB, limit: 1) == .nothing(upTo: 3))
        #expect(window.next(after: 0, of: anna, matching: .init(category: "listing"), limit: 1) == .nothing(upTo: 3))
    }

    @Test func `a gap in the log is refused, and so is what was there already`() throws {
        var window = FeedWindow(at: 4)
        #expect(throws: FeedWindow.Gap(expected: 6, found: 7)) {
            try window.append([event(5, of: anna), event(7, of: anna)])
        }
        #expect(window.end == 5)
        #expect(throws: FeedWindow.Gap.self) { try window.append([event(5, of: anna)]) }
    }

    @Test func `a page of history has as many events as make up its bytes`() {
        var page = HistoryPage(bytes: 64_000)
        let first = page.limit
        page.learn(from: 0, of: 0)
        #expect(page.limit == first)
        page.learn(from: first, of: first * 500)
        #expect(page.limit == 128)
        page.learn(from: 128, of: 128 * 20_000)
        #expect(page.limit == 3)
        page.learn(from: 1, of: 1_000_000)
        #expect(page.limit == 1)
        page.learn(from: 1, of: 10)
        #expect(page.limit == 200)
    }

    @Test func `an event is sent with its position, its type and its document on one line`() {
        let event = EventDocument.sample(7, type: "ItemReceived")
        let document = String(decoding: event.bytes, as: UTF8.self)
        #expect(String(buffer: ServerSentEvents.frame(event)) == "id: 7\nevent: ItemReceived\ndata: \(document)\n\n")
    }
}

extension EventDocument {
    static func sample(_ position: Int64, type: String) -> EventDocument {
        let id = UUID(uuidString: "01890A5D-AC96-774B-BCCE-B302099A8057") ?? UUID()
        return EventDocument(
            position: position, type: type, stream: StreamID(category: "item", id: id), version: 1,
            data: Array("{}".utf8), actor: "operator:ada", correlationID: id, causationID: nil, commandID: id,
            recordedAt: Catalogue.noon)
    }
}
