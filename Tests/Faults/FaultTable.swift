import Foundation
import TestSupport

/// What a run has shown, a line for each fault.
struct FaultTable {
    struct Line {
        var fault: Fault
        var injected: Int
        var acknowledged = 0
        /// Answered that nothing was done.
        var unavailable = 0
        var unknown = 0
        var lost = 0
        var doubled = 0
        /// From the end of each fault until every service was ready, and which was the last.
        var ready: [(after: Duration, last: Instance.Service)] = []
        /// From the end of each fault until a write that began after it was acknowledged.
        var write: [Duration] = []
        /// From the end of the last fault until writes came as fast as before; nil: not while it was watched.
        var fullRate: Duration?
    }

    var lines: [Line] = []
    var notes: [String] = []

    var text: String {
        let head = [
            "fault", "injected", "acknowledged", "unavailable", "unknown", "lost", "doubled", "ready p50/max", "last",
            "write p50/max", "full rate",
        ]
        let rows = lines.map { line in
            [
                line.fault.title, "\(line.injected)", "\(line.acknowledged)", "\(line.unavailable)", "\(line.unknown)",
                "\(line.lost)",
                "\(line.doubled)", Self.span(line.ready.map(\.after)),
                line.ready.max { $0.after < $1.after }?.last.rawValue ?? "-", Self.span(line.write),
                line.fullRate.map(Self.seconds) ?? "-",
            ]
        }
        let widths = head.indices.map { column in ([head] + rows).map { $0[column].count }.max() ?? 0 }
        let table = ([head] + rows).map { row in
            row.enumerated().map { index, cell in
                let space = String(repeating: " ", count: widths[index] - cell.count)
                return index == 0 ? cell + space : space + cell
            }.joined(separator: "  ")
        }
        return (table + notes).joined(separator: "\n")
    }

    private static func span(_ durations: [Duration]) -> String {
        let sorted = durations.sorted()
        guard let longest = sorted.last else { return "-" }
        return "\(seconds(sorted[sorted.count / 2])) / \(seconds(longest))"
    }

    private static func seconds(_ duration: Duration) -> String {
        String(format: "%.2f s", duration / .seconds(1))
    }
}
