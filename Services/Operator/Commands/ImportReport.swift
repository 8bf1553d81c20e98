import JSON

/// What has become of an import, as the query service tells it.
struct ImportReport: Equatable, Sendable {
    static let outcomes = ["created", "changed", "unchanged", "rejected", "noted"]

    let source: JSONValue

    init(_ source: JSONValue) { self.source = source }

    var id: String { source["id"]?.stringValue ?? "the import" }
    var status: String { source["status"]?.stringValue ?? "unknown" }
    var reason: String? { source["reason"]?.stringValue }
    var hasEnded: Bool { status == "done" || status == "failed" }
    private var lines: [JSONValue] { source["lines"]?.arrayValue ?? [] }

    /// As the service counted, and by the lines where it has not yet.
    func count(_ outcome: String) -> Int {
        if let count = source["counts"]?[outcome]?.integerValue { return Int(count) }
        return lines.count { $0["outcome"]?.stringValue == outcome }
    }

    /// A report names the lines of the file, and the file's length is known: so the newest line tells how far it is.
    func progress(fileLines: Int) -> Progress {
        let reached = lines.last?["line"]?.integerValue.map { Int($0) } ?? Self.outcomes.map(count).reduce(0, +)
        return Progress(
            label: status == "queued" ? "queued" : "importing", done: min(reached, fileLines), total: fileLines,
            unit: "lines")
    }

    /// The summary, and the lines that were rejected; or all of them.
    func text(verbose: Bool) -> [String] {
        let counts = Self.outcomes.map { "\(count($0)) \($0)" }.joined(separator: ", ")
        let told = lines.filter { verbose || $0["outcome"]?.stringValue == "rejected" }
        return ["\(id) \(status): \(counts)"] + told.map(Self.text)
    }

    private static func text(_ line: JSONValue) -> String {
        let number = line["line"]?.integerValue.map { "\($0)" } ?? "?"
        var text = "line \(number) \(line["outcome"]?.stringValue ?? "?")"
        if let reason = line["reason"]?.stringValue { text += ": \(reason)" }
        let ids = ["item_id", "listing_id"].compactMap { line[$0]?.stringValue }
        if !ids.isEmpty { text += " [\(ids.joined(separator: ", "))]" }
        return text
    }
}
