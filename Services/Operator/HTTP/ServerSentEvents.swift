/// One server-sent event.
struct ServerSentEvent: Equatable, Sendable {
    /// The last id the stream has named; empty before the first.
    var id: String
    var type: String
    var data: String
}

/// Reads `text/event-stream` (WHATWG HTML §9.2.6) from pieces that may end anywhere. Pure.
struct ServerSentEventReader: Sendable {
    /// Of one event, in bytes.
    static let largest = 16 * 1024 * 1024

    struct TooLarge: Error {}

    /// How long the other side asks to wait before coming back.
    private(set) var retry: Duration?
    private var line: [UInt8] = []
    private var id = ""
    private var type = ""
    private var data: [UInt8] = []
    /// A line feed that follows belongs to the line before.
    private var hasReturned = false
    private var isFirstLine = true

    /// The events that are complete with these bytes.
    mutating func read(_ bytes: some Sequence<UInt8>) throws(TooLarge) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        for byte in bytes {
            let belongsToTheLast = hasReturned && byte == UInt8(ascii: "\n")
            hasReturned = byte == UInt8(ascii: "\r")
            switch byte {
            case UInt8(ascii: "\n") where belongsToTheLast: break
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"): if let event = endLine() { events.append(event) }
            default:
                guard line.count + data.count < Self.largest else { throw TooLarge() }
                line.append(byte)
            }
        }
        return events
    }

    private mutating func endLine() -> ServerSentEvent? {
        defer { line.removeAll(keepingCapacity: true) }
        if isFirstLine, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        isFirstLine = false
        guard !line.isEmpty else { return dispatch() }
        let colon = line.firstIndex(of: UInt8(ascii: ":"))
        var value = colon.map { line[($0 + 1)...] } ?? []
        if value.first == UInt8(ascii: " ") { value.removeFirst() }
        switch String(decoding: line[..<(colon ?? line.endIndex)], as: UTF8.self) {
        case "event": type = String(decoding: value, as: UTF8.self)
        case "data":
            data += value
            data.append(UInt8(ascii: "\n"))
        case "id" where !value.contains(0): id = String(decoding: value, as: UTF8.self)
        case "retry": retry = Int(String(decoding: value, as: UTF8.self)).map(Duration.milliseconds) ?? retry
        // A comment begins with the colon; other names are to be ignored.
        default: break
        }
        return nil
    }

    private mutating func dispatch() -> ServerSentEvent? {
        defer {
            type = ""
            data.removeAll(keepingCapacity: true)
        }
        guard !data.isEmpty else { return nil }
        return ServerSentEvent(
            id: id, type: type.isEmpty ? "message" : type, data: String(decoding: data.dropLast(), as: UTF8.self))
    }
}
