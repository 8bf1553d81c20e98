import EventSourcing
import JSON

/// A rebuild as people and scripts are told of it.
extension RebuildState {
    /// What the bar shows.
    var progress: Progress {
        func bar(_ label: String, _ done: Int64, _ total: Int64?, _ unit: String) -> Progress {
            Progress(label: label, done: Int(max(done, 0)), total: total.map(Int.init), unit: unit)
        }
        return switch status {
        case .requested: bar("waiting for a projector", Int64(age), nil, "s")
        case .filling: bar("filling", events, target, "events")
        case .indexing: bar("indexing", indexes, indexesWanted, "indexes")
        case .catchingUp: bar("catching up", position - (target ?? 0), head - (target ?? 0), "events")
        case .comparing: bar("comparing", rowsCompared, rowsToCompare, "rows")
        case .done, .cancelled, .failed: bar(status.rawValue, events, events, "events")
        }
    }

    var differences: Int64 { rowsDifferent + rowsAdded + rowsRemoved }

    private var eventsPerSecond: Double? {
        guard let duration, duration > 0 else { return nil }
        return Double(events) / duration
    }

    /// What came of it, once it has ended well.
    var summary: [String] {
        var pace = "\(Figures.count(events, "event")) and \(Figures.count(rows, "row"))"
        if let duration { pace += " in \(Figures.decimal(duration)) s" }
        if let eventsPerSecond { pace += ": \(Figures.grouped(Int64(eventsPerSecond))) events/s" }
        let compared =
            differences == 0
            ? "no difference"
            : "\(Figures.grouped(rowsDifferent)) different, \(Figures.grouped(rowsAdded)) added, "
                + "\(Figures.grouped(rowsRemoved)) removed"
        return [
            "\(projection): generation \(generation.map(String.init) ?? "?") is live", "  \(pace)",
            "  compared \(Figures.count(rowsCompared, "row")): \(compared)",
        ]
    }

    var json: JSONValue {
        var object: JSONObject = [
            "rebuild": .string(id.text), "projection": .string(projection), "status": .string(status.rawValue),
            "requested_by": .string(requestedBy), "generation": generation.map { JSONValue($0) } ?? .null,
            "events": .integer(events), "rows": .integer(rows),
            "seconds": duration.map { .number(Self.decimals($0)) } ?? .null,
            "events_per_second": eventsPerSecond.map { .integer(Int64($0)) } ?? .null,
            "rows_compared": .integer(rowsCompared), "rows_different": .integer(rowsDifferent),
            "rows_added": .integer(rowsAdded), "rows_removed": .integer(rowsRemoved),
        ]
        object["detail"] = JSONValue(detail)
        object["cancelled_by"] = JSONValue(cancelledBy)
        return .object(object)
    }

    /// Milliseconds are enough.
    private static func decimals(_ seconds: Double) -> String {
        let thousandths = Int64((max(seconds, 0) * 1_000).rounded())
        let fraction = String(thousandths % 1_000)
        return "\(thousandths / 1_000).\(String(repeating: "0", count: 3 - fraction.count))\(fraction)"
    }
}
