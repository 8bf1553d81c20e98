/// The open streams of a connection, in no order, and closed ones that are used again: most live for one short answer.
struct HTTP2Streams {
    private static let mostSpare = 32

    private(set) var open: [HTTP2Stream] = []
    private var spare: [HTTP2Stream] = []

    var isEmpty: Bool { open.isEmpty }

    /// One that is open from now on: a used one, else what `make` makes.
    mutating func take(_ make: () -> HTTP2Stream) -> HTTP2Stream {
        let stream = spare.popLast() ?? make()
        stream.place = open.count
        open.append(stream)
        return stream
    }

    mutating func remove(_ stream: HTTP2Stream) {
        let last = open.removeLast()
        guard last !== stream else { return }
        open[stream.place] = last
        last.place = stream.place
    }

    /// A closed stream that nobody else holds.
    mutating func keep(_ stream: HTTP2Stream) { if spare.count < Self.mostSpare { spare.append(stream) } }

    /// Takes out all that are open.
    mutating func removeAll() -> [HTTP2Stream] {
        defer { open = [] }
        return open
    }

    mutating func forget() { spare = [] }
}
