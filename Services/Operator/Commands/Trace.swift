import EventSourcing
import JSON

/// What one request caused, as the query service tells it, laid out for people.
struct Trace: Equatable, Sendable {
    let source: JSONValue

    init(_ source: JSONValue) { self.source = source }

    private var requestedAt: Timestamp? { time(source["request"]?["requested_at"]) }

    var text: [String] {
        var lines = ["trace \(source["correlation_id"]?.stringValue ?? "?")"]
        if let request = source["request"], !request.isNull {
            var line = "requested \(request["requested_at"]?.stringValue ?? "at an unknown time")"
            if let actor = request["actor"]?.stringValue { line += " by \(actor)" }
            if let behalf = request["on_behalf_of"]?.stringValue { line += " on behalf of \(behalf)" }
            lines.append(line)
        }
        for event in source["events"]?.arrayValue ?? [] { lines += text(event: event) }
        for task in source["tasks"]?.arrayValue ?? [] { lines += text(task: task) }
        for caused in source["caused"]?.arrayValue ?? [] { lines += Self.text(caused: caused) }
        if source["truncated"]?.boolValue == true { lines.append("… and more than is told here") }
        return lines
    }

    /// `#7 ItemReceived item_… version 1, recorded +2.310 ms`, and a line for each projection.
    private func text(event: JSONValue) -> [String] {
        var head = "#\(number(event["position"])) \(event["type"]?.stringValue ?? "?")"
        head += " \(event["stream_id"]?.stringValue ?? "?") version \(number(event["version"]))"
        if let since = sinceRequest(event["recorded_at"]) { head += ", recorded \(since)" }
        return [head]
            + (event["projections"]?.arrayValue ?? []).map { hop in
                let name = "   → \(hop["projection"]?.stringValue ?? "?") generation \(number(hop["generation"]))"
                guard let read = milliseconds(hop["tail_ms"]), let visible = milliseconds(hop["lag_ms"]) else {
                    return "\(name): not there yet"
                }
                return "\(name): read \(read), visible \(visible) after it was recorded"
            }
    }

    private func text(task: JSONValue) -> [String] {
        var line = "task \(task["kind"]?.stringValue ?? "?") \(task["id"]?.stringValue ?? "?")"
        line += " of #\(number(task["position"])), \(number(task["attempts"])) attempts, "
        if let since = sinceRequest(task["completed_at"]) {
            line += "completed \(since)"
        } else {
            line += "not completed, next at \(task["run_at"]?.stringValue ?? "?")"
        }
        return [line]
    }

    private static func text(caused: JSONValue) -> [String] {
        let counts = ImportReport.outcomes.compactMap { outcome in
            caused["counts"]?[outcome]?.integerValue.map { "\($0) \(outcome)" }
        }
        let head = "\(caused["import_id"]?.stringValue ?? "import"): \(counts.joined(separator: ", "))"
        return [head]
            + (caused["lines"]?.arrayValue ?? []).map { line in
                let number = line["line"]?.integerValue.map { "\($0)" } ?? "?"
                let outcome = line["outcome"]?.stringValue ?? "?"
                return "   line \(number) \(outcome), trace \(line["correlation_id"]?.stringValue ?? "?")"
            }
    }

    private func time(_ value: JSONValue?) -> Timestamp? { value?.stringValue.flatMap(Timestamp.init(rfc3339:)) }

    private func number(_ value: JSONValue?) -> String { value?.integerValue.map { "\($0)" } ?? "?" }

    /// `+2.310 ms` since the request; nil where a time is missing.
    private func sinceRequest(_ value: JSONValue?) -> String? {
        guard let start = requestedAt, let end = time(value) else { return nil }
        let microseconds = end.microseconds - start.microseconds
        let fraction = String(microseconds.magnitude % 1_000)
        let zeros = String(repeating: "0", count: 3 - fraction.count)
        return "\(microseconds < 0 ? "-" : "+")\(microseconds.magnitude / 1_000).\(zeros)\(fraction) ms"
    }

    private func milliseconds(_ value: JSONValue?) -> String? {
        switch value {
        case .number(let text): "\(text) ms"
        case .integer(let number): "\(number) ms"
        default: nil
        }
    }
}
