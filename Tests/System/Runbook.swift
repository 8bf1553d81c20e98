import Foundation
import TestSupport

/// The runbook's commands, to be run as they are printed.
struct Runbook {
    struct Missing: Error, CustomStringConvertible {
        var description: String
    }

    private let text: String

    init() throws {
        text = try String(contentsOf: TestDatabase.checkout.appending(path: "doc/runbook.md"), encoding: .utf8)
    }

    /// The first commands below a heading of the third order.
    ///
    /// - Parameter values: what the names stand for that are set there as examples; each must be.
    func commands(_ heading: String, _ values: [String: String] = [:]) throws -> String {
        guard let section = text.components(separatedBy: "\n### ").first(where: { $0.hasPrefix(heading + "\n") }),
            let start = section.range(of: "\n```sh\n"),
            let end = section.range(of: "\n```\n", range: start.upperBound..<section.endIndex)
        else { throw Missing(description: "the runbook has no commands below \(heading)") }
        var lines = section[start.upperBound..<end.lowerBound].components(separatedBy: "\n")
        for (name, value) in values {
            guard let line = lines.firstIndex(where: { $0.hasPrefix("\(name)=") }) else {
                throw Missing(description: "the runbook sets no \(name) below \(heading)")
            }
            lines[line] = "\(name)='\(value)'"
        }
        return lines.joined(separator: "\n")
    }
}
