import Foundation
import JSON
import Synchronization

/// The one place that prints. Results go to standard output; progress, notes and failures to standard error.
struct Console: Sendable {
    private let out: @Sendable (String) -> Void
    private let err: @Sendable (String) -> Void
    private let reads: @Sendable () -> Bool
    /// Whether standard error is watched by a person: only then is there a progress bar.
    let isInteractive: Bool
    let width: Int

    init(
        out: @escaping @Sendable (String) -> Void, err: @escaping @Sendable (String) -> Void,
        reads: @escaping @Sendable () -> Bool = { true }, isInteractive: Bool = false, width: Int = 80
    ) {
        self.out = out
        self.err = err
        self.reads = reads
        self.isInteractive = isInteractive
        self.width = width
    }

    static var standard: Console {
        let reader = Reader()
        return Console(
            // Whoever reads may have gone; there is nobody left to tell.
            out: { text in
                do {
                    try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
                } catch {
                    reader.hasGone.store(true, ordering: .relaxed)
                }
            },
            err: { try? FileHandle.standardError.write(contentsOf: Data($0.utf8)) },
            reads: { !reader.hasGone.load(ordering: .relaxed) },
            isInteractive: isatty(STDERR_FILENO) == 1, width: terminalWidth())
    }

    private final class Reader: Sendable { let hasGone = Atomic(false) }

    /// Whether somebody still reads the result, as far as known: what has no end of its own ends when nobody does.
    var isRead: Bool { reads() }

    /// A line of the result.
    func line(_ text: String) { out(text.hasSuffix("\n") ? text : text + "\n") }

    func json(_ value: JSONValue) { line(value.text) }

    /// A word to the person at the terminal; scripts do not see it.
    func note(_ text: String) {
        if isInteractive { err(text + "\n") }
    }

    /// What everybody should know, scripts' logs too; the command goes on.
    func warn(_ text: String) { err("closter: warning: " + Self.singleLine(text) + "\n") }

    /// What scripts match: one line that starts with `closter: `. At a terminal the details get lines of their own.
    func fail(_ failure: ToolFailure) {
        let message = "closter: " + Self.singleLine(failure.message)
        let details = failure.details.map(Self.singleLine)
        if isInteractive {
            err(([message] + details.map { "  " + $0 }).joined(separator: "\n") + "\n")
        } else {
            err(message + (details.isEmpty ? "" : " (" + details.joined(separator: "; ") + ")") + "\n")
        }
    }

    /// Redraws the line of progress.
    func progress(_ progress: Progress) {
        if isInteractive { err("\r" + progress.rendered(width: width) + "\u{1B}[K") }
    }

    func endProgress() {
        if isInteractive { err("\r\u{1B}[K") }
    }

    /// Left-aligned columns, as wide as their widest cell; nothing is cut, and a row is a line.
    func table(_ header: [String], _ rows: [[String]]) {
        let all = [header] + rows.map { $0.map(Self.singleLine) }
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        for row in all {
            let cells = row.enumerated().map { index, cell in
                index == row.count - 1 ? cell : cell.padding(toLength: widths[index], withPad: " ", startingAt: 0)
            }
            line(cells.joined(separator: "  ").trimmingTrailingSpaces)
        }
    }

    private static func singleLine(_ text: String) -> String {
        text.split(whereSeparator: { $0.isNewline || $0 == "\t" }).map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty }.joined(separator: "; ")
    }

    private static func terminalWidth() -> Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        var end = self[...]
        while end.last == " " { end.removeLast() }
        return String(end)
    }
}
