import EventSourcing
import JSON

/// What one request caused, as the query service tells it.
struct Trace: Equatable, Sendable {
    let source: JSONValue

    init(_ source: JSONValue) { self.source = source }

    /// A line for each hop; times are those since the first event was asked for or recorded.
    var text: [String] { [] }
}
