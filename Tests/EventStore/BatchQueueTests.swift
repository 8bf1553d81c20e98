import Testing

@testable import EventStore

@Suite struct BatchQueueTests {
    private func queue(_ items: [(String, [Resource])], count: Int = 10, bytes: Int = 1000) -> BatchQueue<String> {
        var queue = BatchQueue<String>(maximumCount: count, maximumBytes: bytes)
        for (name, resources) in items {
            queue.enqueue(.init(entry: name, resources: resources, bytes: 100))
        }
        return queue
    }

    private let a = Resource("a"), b = Resource("b"), c = Resource("c")

    @Test func `intents that share nothing form one batch`() {
        var queue = queue([("1", [a]), ("2", [b]), ("3", [c])])
        #expect(queue.next() == ["1", "2", "3"])
        #expect(queue.next().isEmpty)
    }

    @Test func `a resource stands in a batch at most once, and its order holds`() {
        var queue = queue([("1", [a]), ("2", [a, b]), ("3", [b]), ("4", [c])])
        #expect(queue.next() == ["1", "4"])
        #expect(queue.next() == ["2"])
        #expect(queue.next() == ["3"])
    }

    @Test func `those who only read share a batch, and a writer waits for them`() {
        let reading = Resource("a", exclusive: false)
        var queue = queue([("1", [reading]), ("2", [reading]), ("3", [a]), ("4", [reading])])
        #expect(queue.next() == ["1", "2"])
        #expect(queue.next() == ["3"])
        #expect(queue.next() == ["4"])
    }

    @Test func `a batch is bounded in count and bytes, but never empty`() {
        var byCount = queue([("1", [a]), ("2", [b]), ("3", [c])], count: 2)
        #expect(byCount.next() == ["1", "2"])
        #expect(byCount.next() == ["3"])
        var byBytes = queue([("1", [a]), ("2", [b]), ("3", [c])], bytes: 250)
        #expect(byBytes.next() == ["1", "2"])
        var oversize = queue([("1", [a]), ("2", [b])], bytes: 50)
        #expect(oversize.next() == ["1"])
        #expect(oversize.next() == ["2"])
    }
}
