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

    func count(_ outcome: String) -> Int {
        source["counts"]?[outcome]?.integerValue.map { Int($0) } ?? 0
    }

    /// A file has about as many rows as lines; records that go over several make the bar end early.
    func progress(fileRows: Int) -> Progress {
        Progress(
            label: status == "queued" ? "queued" : "importing",
            done: min(Self.outcomes.map(count).reduce(0, +), fileRows), total: fileRows, unit: "rows")
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
